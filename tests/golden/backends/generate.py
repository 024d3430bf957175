"""Writes backends.json: what every model gives under the masks of given keys (outputs, gradients, ten steps of training, Monte Carlo), by PyTorch in float64.

    python3 -m venv v && v/bin/pip install torch==2.15.0 numpy && v/bin/python tests/golden/backends/generate.py

PyTorch draws nothing: masks are drawn by the second implementation of the mask scheme (../masks/generate.py), from the keys that the Rust side uses.
Networks are those of ../cnn/generate.py and ../recurrent/generate.py, with such masks. Parameters are made on both sides, from their paths (`filled`).
"""

import importlib.util
import json
import math
import sys
from pathlib import Path

import torch
import torch.nn.functional as F

sys.dont_write_bytecode = True  # of the neighbours


def neighbour(name):
    """The program of another folder."""
    path = Path(__file__).parent.with_name(name) / "generate.py"
    spec = importlib.util.spec_from_file_location(f"golden_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


cnn, masks, recurrent = map(neighbour, ["cnn", "masks", "recurrent"])
numbers, short = recurrent.numbers, recurrent.short

SEED, ROWS, PASSES, STEPS, LEARNING_RATE = 9, 6, 8, 10, 0.02
PASS_KEY = masks.split(SEED)
MASK_KEY = masks.fold(masks.fold_str(PASS_KEY, "mask"), 1)  # of the first epoch; to be folded by the batch
MONTE_CARLO_KEY = masks.fold_str(PASS_KEY, "monte_carlo")  # to be folded by the pass


class Draws:
    """The masks of a pass: one for each of `rows` rows, which are numbered from 0; of a network, one for all of them; without a key, none."""

    def __init__(self, key=None, rows=1):
        self.key, self.rows, self.bits = key, rows, {}

    def mask(self, site, rate, shape):
        """[rows, *shape], scaled."""
        if self.key is None:
            return torch.ones(1, *shape)
        if site not in self.bits:
            key, width = masks.fold(self.key, masks.site(site)), math.prod(shape)
            self.bits[site] = [masks.bernoulli(key, rate, row, width)[0] for row in range(self.rows)]
        return torch.tensor(self.bits[site]).double().reshape(self.rows, *shape) / (1 - rate)

    def written(self):
        """By site, a row after the other."""
        return {site: "".join(str(bit) for row in rows for bit in row) for site, rows in self.bits.items()}


class Network(recurrent.Parameters):
    """Parameters and running statistics, made on demand."""

    def __init__(self):
        super().__init__()
        self.running, self.scales = {}, {}

    def filled(self, path, shape, scale):
        """By the path; what multiplies, and variances, are about 1."""
        self.scales[path] = scale
        return float(path.endswith(("gamma", "running_var"))) + scale * numbers(path, shape)

    def get(self, path, shape, scale=0.5):
        if path not in self.all:
            self.all[path] = self.filled(path, shape, scale).requires_grad_()
        return self.all[path]

    def buffer(self, path, shape):
        if path not in self.running:
            self.running[path] = self.filled(path, shape, 0.5)
        return self.running[path]

    def linear(self, path, x, width):
        return x @ self.get(f"{path}.weight", [x.shape[1], width]) + self.get(f"{path}.bias", [width])


# A model: of a network, the masks of a pass, what it reads, and whether it normalises by the batch.


def dense(network, draws, x, width, hidden, rates, input_rate, path="", site="", activation=F.relu):
    x = x * draws.mask(f"{site}input_dropout", input_rate, x.shape[1:])
    for i, (units, rate) in enumerate(zip(hidden, rates)):
        x = activation(network.linear(f"{path}layers.{i}.linear", x, units))
        x = x * draws.mask(f"{site}layers.{i}.dropout", rate, [units])
    return network.linear(f"{path}output", x, width)


def mlp(network, draws, x, by_batch):
    return dense(network, draws, x, 4, [8, 6], [0.5, 0.25], 0.25, activation=torch.tanh)


def head(network, draws, x, by_batch):
    """Over a backbone, which draws nothing."""
    features = torch.tanh(network.linear("backbone", x, 6))
    return dense(network, draws, features, 3, [8], [0.5], 0.5, path="head.network.")


class Convolutional(cnn.Network):
    """The neighbour's, with these parameters and masks."""

    def __init__(self, config, network, draws, by_batch):
        super().__init__(config, draws.rows, by_batch)
        self.network, self.draws = network, draws

    def param(self, path, shape, scale):
        return self.network.get(path, shape, scale)

    def dropout(self, x, site, rate, shape=None):
        mask = self.draws.mask(site, rate, x.shape[1:] if shape is None else shape)
        return x * mask.reshape(*mask.shape, *[1] * (x.dim() - mask.dim()))

    def norm(self, x, path):
        """By the batch, it moves the running statistics."""
        width = [x.shape[1]]
        gamma, beta = self.network.get(f"{path}.gamma", width), self.network.get(f"{path}.beta", width)
        mean, var = self.network.buffer(f"{path}.running_mean", width), self.network.buffer(f"{path}.running_var", width)
        return F.batch_norm(x, mean, var, gamma, beta, self.by_batch, cnn.MOMENTUM, cnn.EPSILON)


STAGES = [
    cnn.STAGE | {"channels": 4, "padding": 1, "norm": "after", "pool": "max:2", "dropout": "spatial:0.25"},
    cnn.STAGE | {"channels": 5, "padding": 1, "pool": "average:2", "dropout": "element:0.5", "dropout_at": "before-pool"},
]
PICTURES = cnn.HEAD | {"input": [1, 8, 8], "classes": 3, "stages": STAGES, "input_rate": 0.25, "hidden": [7], "rates": [0.5]}


def pictures(network, draws, x, by_batch, config=PICTURES):
    return Convolutional(config, network, draws, by_batch).forward(x.reshape(-1, *config["input"]))


class RecurrentMasks(recurrent.Masks):
    """Of a pass: shared by steps and gates."""

    def __init__(self, config, draws):
        super().__init__(config | {"rows_of_masks": draws.rows})
        self.draws = draws

    def gates(self, site, rate, gates, step, width):
        return self.draws.mask(site, rate, [1, width]) if rate else 1.0

    def words(self, site, rate, words, vocabulary):
        return self.draws.mask(site, rate, [vocabulary]).expand(words.shape[0], -1).gather(1, words)


LSTM = {"cell": "lstm", "layers": 1, "bidirectional": False, "first": 0, "d_hidden": 5} | recurrent.NO_MASKS
LSTM |= {"input_rate": 0.25, "recurrent_rate": 0.375}
OUTPUT_RATE, LSTM_STEPS, FEATURES = 0.5, 6, 2
VOCABULARY, EMBEDDING, LENGTHS = 7, 3, [6, 3, 1, 5, 6, 2]


def last_states(network, draws, x, active, config):
    zeros = recurrent.start(config, len(x))
    _, hidden, _ = recurrent.network(config, network, RecurrentMasks(config, draws), x, active, zeros, zeros, "lstm.")
    ends = recurrent.last_states(hidden, config)
    return ends * draws.mask("output_dropout", OUTPUT_RATE, ends.shape[1:])


def lstm(network, draws, x, by_batch):
    """Of numbers, and of some that are known of the steps ahead."""
    of_steps, ahead = x[:, : LSTM_STEPS * FEATURES].reshape(-1, LSTM_STEPS, FEATURES), x[:, LSTM_STEPS * FEATURES :]
    active = torch.ones(len(x), LSTM_STEPS, dtype=torch.bool)
    return network.linear("output", torch.cat([last_states(network, draws, of_steps, active, LSTM), ahead], 1), 2)


def words(network, draws, x, by_batch):
    config = LSTM | {"bidirectional": True, "d_hidden": 4, "word_rate": 0.25}
    embedded = recurrent.embedded(network, RecurrentMasks(config, draws), config, x.long(), VOCABULARY, EMBEDDING)
    return network.linear("output", last_states(network, draws, embedded, x >= 0, config), 1)


# What the outputs mean.


def loss_of(kind, output, targets):
    if kind == "gaussian":
        mean, log_variance = output.chunk(2, 1)
        return F.gaussian_nll_loss(mean, targets, log_variance.exp())
    return {"point": F.mse_loss, "logits": F.cross_entropy}.get(kind, F.binary_cross_entropy_with_logits)(output, targets)


def entropy(p):
    return -(p * p.log()).sum(-1)


def summary(kind, outputs):
    """Of [passes, rows, d_output]."""
    if kind in ("gaussian", "point"):
        mean, *log_variance = outputs.chunk(2, 2) if kind == "gaussian" else [outputs]
        found = {"mean": mean.mean(0), "spread": mean.var(0, unbiased=False).sqrt()}
        return found | ({"noise": log_variance[0].exp().mean(0)} if log_variance else {})
    p = outputs.softmax(2) if kind == "logits" else torch.stack([(-outputs).sigmoid(), outputs.sigmoid()], -1)
    total, expected = entropy(p.mean(0)), entropy(p).mean(0)
    assert (total - expected).max() > 1e-3  # far beyond rounding
    probabilities = outputs.sigmoid().mean(0) if kind == "labels" else p.mean(0)
    return {"probabilities": probabilities, "entropy": total, "expected entropy": expected, "mutual information": total - expected}


def targets_of(name, kind, d_output):
    if kind == "logits":
        return F.one_hot(torch.arange(ROWS) % d_output, d_output).double()
    d_target = d_output // 2 if kind == "gaussian" else d_output
    values = numbers(f"targets of {name}", [ROWS, d_target])
    return values if kind in ("gaussian", "point") else (values > 0).double()


def written(values):
    return [short(value) for value in values.detach().flatten().tolist()]


def by_path(tensors):
    return {path: written(value) for path, value in tensors.items()}


def trained(network, model, kind, x, targets):
    """Moves the network; the loss of each step."""
    losses = []
    model(network, Draws(), x, False)  # makes the parameters
    optimizer = torch.optim.Adam(network.all.values(), LEARNING_RATE)
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of(kind, model(network, Draws(masks.fold(MASK_KEY, step), ROWS), x, True), targets)
        loss.backward()
        if step == 0:
            # Adam's first step is as long for a small gradient as for a large one: none may be so small that rounding decides its sign.
            for path, value in network.all.items():
                size = value.grad.abs()
                assert size[size > 0].min() > 1e-4 * size.max(), path
        optimizer.step()
        losses.append(loss.item())
    return losses


def case(name, model, kind, x):
    """Each pass is of a network that nothing was done to."""

    def run(draws):
        return model(Network(), draws, x, False)

    network, draws, of_network = Network(), Draws(PASS_KEY, ROWS), Draws(PASS_KEY)
    tracked = x.clone().requires_grad_()
    output = model(network, draws, tracked, True)
    c = numbers("weights of the outputs", output.shape)
    inputs = network.all | ({} if model is words else {"input": tracked})
    gradients = torch.autograd.grad((output * c).sum(), inputs.values())
    facts = {"name": name, "scales": network.scales, "input": x.tolist()}
    facts |= {"outputs": {"mean": written(run(Draws())), "network": written(run(of_network)), "training": written(output)}}
    facts |= {"masks": {"network": of_network.written(), "training": draws.written()}}
    facts |= {"gradients": by_path(dict(zip(inputs, gradients)))}

    targets = targets_of(name, kind, output.shape[1])
    network = Network()
    losses = trained(network, model, kind, x, targets)
    facts |= {"targets": targets.tolist(), "losses": [short(loss) for loss in losses]}
    facts |= {"after": by_path(network.all | network.running), "output after": written(model(network, Draws(), x, False))}

    keys = [masks.fold(MONTE_CARLO_KEY, number) for number in range(PASSES)]
    for sampling, rows in [("network", 1), ("rows", ROWS)]:
        outputs = torch.stack([run(Draws(key, rows)) for key in keys])
        facts[f"monte carlo by {sampling}"] = by_path(summary(kind, outputs))
    return facts


def models():
    yield case("mlp", mlp, "gaussian", numbers("rows", [ROWS, 5]))
    yield case("cnn", pictures, "logits", numbers("pictures", [ROWS, 64]))
    yield case("lstm", lstm, "point", numbers("series", [ROWS, LSTM_STEPS * FEATURES + 2]))
    yield case("words", words, "binary", recurrent.some_words(ROWS, 6, VOCABULARY, LENGTHS).double())
    yield case("head", head, "labels", numbers("rows", [ROWS, 5]))


# What is summed over more entries than some devices can reduce over: 65 536.


def many_rows():
    """Of rows at even distances, and of all together."""
    rows, passes = 70_001, 4
    x = numbers("many rows", [rows, 1])

    def run(key):
        return dense(Network(), Draws(key), x, 1, [4], [0.5], 0.25, activation=torch.tanh)

    found = summary("point", torch.stack([run(masks.fold(MONTE_CARLO_KEY, number)) for number in range(passes)]))
    at = [j * (rows - 1) // 20 for j in range(21)]
    facts = {"rows": rows, "passes": passes, "at": at, "mean of means": short(found["mean"].mean().item())}
    return facts | {name: written(found[name].flatten()[at]) for name in ["mean", "spread"]}


def many_places(norm):
    """The gradients of a convolution that is read at 70 x 31 x 31 places. Nothing is negative, so that sums are as large as what is summed."""
    rows, side = 70, 31
    stage = cnn.STAGE | {"channels": 2, "padding": 1, "norm": norm, "dropout": "spatial:0.25"}
    config = cnn.HEAD | {"input": [1, side, side], "classes": 1, "stages": [stage], "global_pool": True}
    network, draws = Network(), Draws(PASS_KEY, rows)
    output = pictures(network, draws, 1 + numbers("many places", [rows, side * side]), True, config)
    c = 1 + numbers("weights of the outputs", output.shape)
    gradients = torch.autograd.grad((output * c).sum(), network.all.values())
    facts = {"norm": norm, "rows": rows, "side": side, "scales": network.scales}
    facts |= {"output": written(output), "gradients": by_path(dict(zip(network.all, gradients)))}
    return facts | {"running": by_path(network.running)}


if __name__ == "__main__":
    version = torch.__version__.partition("+")[0]
    of_models, of_places = (
        ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
        for cases in [models(), map(many_places, ["none", "after"])]
    )
    facts = {"torch": version, "seed": SEED, "passes": PASSES, "learning rate": LEARNING_RATE, "many rows": many_rows()}
    text = f'{json.dumps(facts)[:-1]},\n"models": [\n{of_models}\n],\n"many places": [\n{of_places}\n]}}\n'
    Path(__file__).with_name("backends.json").write_text(text)
