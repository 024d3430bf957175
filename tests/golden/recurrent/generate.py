"""Writes recurrent.json: outputs, states and gradients of recurrent networks with given dropout masks, by PyTorch in float64; and files of weights as people
have them, with what PyTorch's own networks give.

    python3 -m venv v && v/bin/pip install torch==2.15.0 numpy && v/bin/python tests/golden/recurrent/generate.py

The cells are loops over steps, written from the equations; where PyTorch has the network itself (no masks), they are held against it. Parameters,
inputs and masks are made on both sides by `numbers`, from a name and a position. Of a result, some entries at even distances are written, and a sum of
all entries, each with a factor of its own.
"""

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)  # one order of summation

GATES = {"lstm": 4, "gru": 3, "elman": 1}
ROWS, D_INPUT, D_HIDDEN = 4, 3, 5
SCALE = 0.5  # of parameters and initial states
PROBES = 12


def numbers(name, shape):
    """Multiples of 1/1024 in [-1, 1), by a hash of the name and the position: exact in f32."""
    seed = 0
    for byte in name.encode():
        seed = (seed * 31 + byte) % 2**32
    h = np.arange(torch.Size(shape).numel(), dtype=np.uint64) * 2654435761 + seed
    for shift, factor in [(15, 2246822519), (13, 3266489917)]:
        h %= 2**32
        h ^= h >> np.uint64(shift)
        h *= np.uint64(factor)
    h %= 2**32
    return torch.tensor((h >> np.uint64(21)).astype(np.float64) / 1024 - 1).reshape(shape)


def mask(site, shape, rate):
    """Scaled; with something kept and something dropped, where there is room for both."""
    bits = (numbers(site, shape) >= 2 * rate - 1).double()
    assert bits.numel() < 12 or 0 < bits.sum() < bits.numel(), site
    return bits / (1 - rate)


class Parameters:
    """Made on demand."""

    def __init__(self):
        self.all = {}

    def get(self, path, shape):
        if path not in self.all:
            self.all[path] = (numbers(path, shape) * SCALE).requires_grad_()
        return self.all[path]


class Masks:
    """A mask for each row, or one for all of them, or none."""

    def __init__(self, config):
        self.config, self.rows = config, config["rows_of_masks"]

    def gates(self, site, rate, gates, step, width):
        """[rows, gates, width]: of what a step reads."""
        if not rate or not self.rows:
            return 1.0
        if self.config["mask_time"] == "step":
            site = f"{site}.{self.config['first'] + step}"
        gates = gates if self.config["gate_masks"] == "untied" else 1
        return mask(site, [self.rows, gates * width], rate).reshape(self.rows, gates, width)

    def weight(self, site, shape):
        rate = self.config["weight_rate"]
        return mask(site, [1, *shape], rate)[0] if rate and self.rows else 1.0

    def words(self, site, rate, words, vocabulary):
        """[rows, steps]: of each word, wherever it stands."""
        if not rate or not self.rows:
            return 1.0
        return mask(site, [self.rows, vocabulary], rate).expand(words.shape[0], -1).gather(1, words)


def step(cell, gates, h, c):
    """`gates(g)`: the projected input and the projected state of a gate, each with its bias."""
    if cell == "lstm":
        i, f, g, o = (sum(gates(gate)) for gate in range(4))
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c
    if cell == "gru":
        r, z = (torch.sigmoid(sum(gates(gate))) for gate in range(2))
        x, u = gates(2)
        return (1 - z) * torch.tanh(x + r * u) + z * h, c
    return torch.tanh(sum(gates(0))), c


def direction(config, params, masks, path, site, x, active, h, c, reverse):
    cell, hidden = config["cell"], config["d_hidden"]
    n, (rows, steps, d_input) = GATES[cell], x.shape
    w = params.get(f"{path}.input_weight", [d_input, n * hidden])
    u = params.get(f"{path}.recurrent_weight", [hidden, n * hidden])
    bx = params.get(f"{path}.input_bias", [n * hidden])
    bh = params.get(f"{path}.recurrent_bias", [n * hidden])
    u = u * masks.weight(f"{site}.weight_dropout", u.shape)
    out = [None] * steps
    for t in reversed(range(steps)) if reverse else range(steps):
        mx = masks.gates(f"{site}.input_dropout", config["input_rate"], n, t, d_input)
        mh = masks.gates(f"{site}.recurrent_dropout", config["recurrent_rate"], n, t, hidden)
        xs = (x[:, t, None] * mx).expand(rows, n, d_input)
        hs = (h[:, None] * mh).expand(rows, n, hidden)

        def gates(g):
            at = slice(g * hidden, (g + 1) * hidden)
            return xs[:, g] @ w[:, at] + bx[at], hs[:, g] @ u[:, at] + bh[at]

        new_h, new_c = step(cell, gates, h, c)
        here = active[:, t, None]
        h, c = torch.where(here, new_h, h), torch.where(here, new_c, c)
        out[t] = h
    return torch.stack(out, 1), h, c


def network(config, params, masks, x, active, h0, c0, prefix=""):
    """[rows, steps, d_output] with zeros behind a row's end, and the last states: [layers * directions, rows, d_hidden]."""
    hs, cs = [], []
    for layer in range(config["layers"]):
        outs = []
        for name in ["forward", "reverse"][: 1 + config["bidirectional"]]:
            path, at = f"{prefix}layers.{layer}.{name}", len(hs)
            out, h, c = direction(config, params, masks, path, path, x, active, h0[at], c0[at], name == "reverse")
            outs.append(out), hs.append(h), cs.append(c)
        x = torch.cat(outs, 2)
    of_step = [masks.gates(f"{prefix}output_dropout", config["output_rate"], 1, t, x.shape[2]) for t in range(x.shape[1])]
    x = torch.stack([x[:, t] * (m if isinstance(m, float) else m[:, 0]) for t, m in enumerate(of_step)], 1)
    return x * active[:, :, None], torch.stack(hs), torch.stack(cs)


def assert_pytorchs(config, params, x, lengths, h0, c0, out, hidden, cell):
    """The loop gives what PyTorch's own network gives."""
    kind = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "elman": torch.nn.RNN}[config["cell"]]
    own = kind(x.shape[2], config["d_hidden"], config["layers"], batch_first=True, bidirectional=config["bidirectional"])
    names = {"input_weight": "weight_ih", "recurrent_weight": "weight_hh", "input_bias": "bias_ih", "recurrent_bias": "bias_hh"}
    state = {}
    for path, value in params.all.items():
        _, layer, name, param = path.split(".")
        state[f"{names[param]}_l{layer}{'_reverse' if name == 'reverse' else ''}"] = value.detach().t()
    own.load_state_dict(state)
    packed = pack_padded_sequence(x.detach(), lengths, batch_first=True, enforce_sorted=False)
    before = (h0, c0) if config["cell"] == "lstm" else h0
    found, after = own(packed, before)
    found, _ = pad_packed_sequence(found, batch_first=True, total_length=x.shape[1])
    after = after if config["cell"] == "lstm" else (after, cell)
    for a, b in [(found, out), (after[0], hidden), (after[1], cell)]:
        assert (a - b).abs().max() < 1e-12, (a - b).abs().max()


def short(x):
    return float(f"{x:.8g}")


def probe(values):
    flat = values.detach().flatten()
    at = [j * flat.numel() // PROBES for j in range(PROBES)] if flat.numel() > PROBES else list(range(flat.numel()))
    return {
        "values": [short(value) for value in flat[at].tolist()],
        "largest": short(flat.abs().max().item()),
        "sum": short((flat * numbers("factors", flat.shape)).sum().item()),
    }


def weighted(results):
    """The loss: the sum of all results, each entry with a factor of its own."""
    return sum((value * numbers(f"weights of {name}", value.shape)).sum() for name, value in results.items())


def solved(results, inputs, params):
    gradients = torch.autograd.grad(weighted(results), [*inputs.values(), *params.all.values()], materialize_grads=True)
    return {
        "results": {name: probe(value) for name, value in results.items()},
        "of_inputs": {name: probe(value) for name, value in zip(inputs, gradients)},
        "gradients": {name: probe(value) for name, value in zip(params.all, gradients[len(inputs) :])},
    }


NO_MASKS = {"input_rate": 0.0, "recurrent_rate": 0.0, "output_rate": 0.0, "weight_rate": 0.0, "rows_of_masks": 0}
NO_MASKS |= {"gate_masks": "tied", "mask_time": "sequence"}
RATES = {"input_rate": 0.25, "recurrent_rate": 0.375, "output_rate": 0.5}
BY_ROW, FOR_ALL = {"rows_of_masks": ROWS}, {"rows_of_masks": 1}
UNTIED, BY_STEP = {"gate_masks": "untied"}, {"mask_time": "step"}
BOTH = {"layers": 2, "bidirectional": True}


def of_layers(name, cell, steps=12, lengths=None, state=False, first=0, **settings):
    """The layers alone: with `state`, behind `first` steps."""
    config = {"cell": cell, "d_input": D_INPUT, "d_hidden": D_HIDDEN, "layers": 1, "bidirectional": False, "first": first}
    config |= NO_MASKS | settings
    params, masks = Parameters(), Masks(config)
    x = numbers("input", [ROWS, steps, D_INPUT]).requires_grad_()
    shape = [config["layers"] * (1 + config["bidirectional"]), ROWS, D_HIDDEN]
    h0, c0 = (numbers(name, shape) * SCALE * state for name in ["hidden", "cell"])
    inputs = {"input": x} | ({"hidden": h0.requires_grad_()} if state else {})
    inputs |= {"cell": c0.requires_grad_()} if state and cell == "lstm" else {}
    active = torch.arange(steps) < torch.tensor(lengths or [steps] * ROWS)[:, None]
    out, hidden, last = network(config, params, masks, x, active, h0, c0)
    if not config["rows_of_masks"]:
        assert_pytorchs(config, params, x, lengths or [steps] * ROWS, h0, c0, out, hidden, last)
    results = {"output": out, "hidden": hidden} | ({"cell": last} if cell == "lstm" else {})
    facts = {"name": f"{cell}, {name}", "steps": steps, "lengths": lengths, "state": state, "config": config}
    return facts | solved(results, inputs, params)


def layers(cell):
    yield of_layers("no masks", cell)
    yield of_layers("no masks, two layers from both ends, padded, from a state", cell, lengths=[12, 7, 1, 9], state=True, **BOTH)
    yield of_layers("a mask for each row", cell, **RATES, **BY_ROW)
    yield of_layers("masks of gates for each row, from both ends", cell, **RATES, **BY_ROW, **UNTIED, bidirectional=True)
    yield of_layers("one mask, two layers from both ends", cell, **RATES, **FOR_ALL, **BOTH)
    yield of_layers(
        "masks of gates for each row, two layers from both ends, padded, from a state",
        cell, lengths=[12, 0, 5, 11], state=True, **RATES, **BY_ROW, **UNTIED, **BOTH,
    )  # fmt: skip
    yield of_layers(
        "a mask for each step and row, two layers, padded, behind 5 steps",
        cell, lengths=[3, 12, 12, 8], state=True, first=5, **RATES, **BY_ROW, **BY_STEP, layers=2,
    )  # fmt: skip
    yield of_layers("masks of gates for each step, from both ends", cell, **RATES, **FOR_ALL, **UNTIED, **BY_STEP, bidirectional=True)
    yield of_layers("masked weights, two layers from both ends", cell, **RATES, **BY_ROW, **BOTH, weight_rate=0.25)
    yield of_layers("masked weights, masks of gates", cell, **RATES, **FOR_ALL, **UNTIED, weight_rate=0.5)
    yield of_layers("100 steps, a mask for each row, two layers", cell, steps=100, **RATES, **BY_ROW, layers=2)
    yield of_layers(
        "100 steps, masked weights, masks of gates, from both ends, padded",
        cell, steps=100, lengths=[100, 40, 77, 99], state=True, **RATES, **BY_ROW, **UNTIED, bidirectional=True, weight_rate=0.25,
    )  # fmt: skip


def start(config, rows):
    return torch.zeros([config["layers"] * (1 + config["bidirectional"]), rows, config["d_hidden"]])


def dropped(masks, site, x, rate):
    return x * masks.gates(site, rate, 1, 0, x.shape[1])[:, 0] if rate and masks.rows else x


def of_model(name, config, rows, model):
    """A network with a head: `model` gives its inputs that have gradients, what it reads, and its output."""
    config = {"cell": "lstm", "layers": 1, "bidirectional": False, "first": 0} | NO_MASKS | config
    params, masks = Parameters(), Masks(config)
    inputs, rows_of_numbers, output = model(config, params, masks)
    facts = {"name": name, "rows": rows, "config": config, "input": rows_of_numbers}
    return facts | solved({"output": output}, inputs, params)


def linear(params, x, width):
    return x @ params.get("output.weight", [x.shape[1], width]) + params.get("output.bias", [width])


def last_states(hidden, config):
    ends = hidden[-(1 + config["bidirectional"]) :]
    return torch.cat(list(ends), 1)


def forecast(config, params, masks):
    """Numbers, and what is known of the steps ahead."""
    rows, steps, features, known = ROWS, 9, 2, 3
    x = numbers("input", [rows, steps * features + known]).requires_grad_()
    of_steps, ahead = x[:, : steps * features].reshape(rows, steps, features), x[:, steps * features :]
    zeros, active = start(config, rows), torch.ones(rows, steps, dtype=torch.bool)
    inner = config | {"output_rate": 0.0}
    _, hidden, _ = network(inner, params, masks, of_steps, active, zeros, zeros, "lstm.")
    read = dropped(masks, "output_dropout", last_states(hidden, config), config["output_rate"])
    return {"input": x}, None, linear(params, torch.cat([read, ahead], 1), 4)


def embedded(params, masks, config, words, vocabulary, width):
    table = params.get("embedding.weight", [vocabulary, width])
    words = words.clamp(min=0)
    kept = masks.words("embedding_dropout", config["word_rate"], words, vocabulary)
    return F.embedding(words, table) * (kept if isinstance(kept, float) else kept[:, :, None])


def some_words(rows, steps, vocabulary, lengths):
    """-1 behind the end."""
    words = ((numbers("words", [rows, steps]) + 1) / 2 * vocabulary).long()
    return torch.where(torch.arange(steps) < torch.tensor(lengths)[:, None], words, -1)


def classify(config, params, masks):
    """What a text is: the last states of both directions, each behind the row's own last step."""
    vocabulary = 7
    words = some_words(ROWS, 8, vocabulary, [8, 3, 1, 6])
    zeros, inner = start(config, ROWS), config | {"output_rate": 0.0}
    x = embedded(params, masks, config, words, vocabulary, 3)
    _, hidden, _ = network(inner, params, masks, x, words >= 0, zeros, zeros, "lstm.")
    read = dropped(masks, "output_dropout", last_states(hidden, config), config["output_rate"])
    return {}, words.tolist(), linear(params, read, 3)


def next_word(config, params, masks):
    """The embedding is the last matrix too."""
    vocabulary, steps = 6, 7
    words = some_words(ROWS, steps, vocabulary, [7, 7, 4, 2])
    zeros = start(config, ROWS)
    x = embedded(params, masks, config, words, vocabulary, config["d_hidden"])
    out, _, _ = network(config, params, masks, x, words >= 0, zeros, zeros, "lstm.")
    logits = out @ params.get("embedding.weight", None).T + params.get("output_bias", [vocabulary])
    begins = torch.ones(ROWS, 1, dtype=torch.long)
    return {}, torch.cat([begins, words], 1).tolist(), logits.reshape(ROWS, -1)


def models():
    masked = RATES | BY_ROW
    yield of_model("forecast", {"d_hidden": 5, "layers": 2} | masked, ROWS, forecast)
    yield of_model("classify", {"d_hidden": 4, **BOTH, "word_rate": 0.25} | masked | UNTIED, ROWS, classify)
    yield of_model("next word", {"d_hidden": 4, "word_rate": 0.375, "weight_rate": 0.25} | masked, ROWS, next_word)


def own(kind, *sizes, **settings):
    """A network of PyTorch's own with our numbers in it."""
    network = kind(*sizes, batch_first=True, **settings)
    with torch.no_grad():
        for name, value in network.named_parameters():
            value.copy_(numbers(name, value.shape) * SCALE)
    return network


def read(name, file, prefix, network):
    """What a network gives of two rows of six steps."""
    out, state = network(numbers("input", [2, 6, network.input_size]))
    hidden, cell = state if isinstance(state, tuple) else (state, None)
    results = {"output": out, "hidden": hidden} | ({} if cell is None else {"cell": cell})
    sizes = {"d_input": network.input_size, "d_hidden": network.hidden_size, "layers": network.num_layers}
    facts = {"name": name, "file": file, "prefix": prefix, **sizes, "bidirectional": network.bidirectional}
    return facts | {"results": {name: probe(value) for name, value in results.items()}}


def write_safetensors(path, tensors):
    """By hand: eight bytes for the length of a header of JSON, the header, the numbers."""
    header, data = {}, b""
    for name, value in tensors.items():
        array = value.detach().numpy().astype("<f2")
        header[name] = {"dtype": "F16", "shape": list(array.shape), "data_offsets": [len(data), len(data) + array.nbytes]}
        data += array.tobytes()
    header = json.dumps(header, separators=(",", ":")).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)


def files():
    here = Path(__file__).parent
    lstm = own(torch.nn.LSTM, 3, 4, num_layers=2, bidirectional=True)
    state = {f"module.lstm.{name}": value.float() for name, value in lstm.state_dict().items()}
    state |= {"module.fc.weight": numbers("fc.weight", [1, 8]).float(), "module.fc.bias": numbers("fc.bias", [1]).float()}
    optimizer = {"state": {0: {"step": torch.tensor(3.0), "exp_avg": numbers("exp_avg", [16, 3]).float()}}}
    torch.save({"epoch": 3, "arch": "lstm", "state_dict": state, "optimizer": optimizer}, here / "lstm.pt")
    yield read("a checkpoint of a parallel LSTM", "lstm.pt", "state_dict.module.lstm.", lstm)

    rnn = own(torch.nn.RNN, 2, 5, bias=False)
    torch.save(rnn.state_dict(), here / "rnn.pt", _use_new_zipfile_serialization=False)
    yield read("a plain RNN without biases in f64, in the format before 1.6", "rnn.pt", "", rnn)

    gru = own(torch.nn.GRU, 3, 4, bidirectional=True)
    write_safetensors(here / "gru.safetensors", {f"gru.{name}": value for name, value in gru.state_dict().items()})
    yield read("a GRU in f16", "gru.safetensors", "gru.", gru)


if __name__ == "__main__":
    cases = [case for cell in GATES for case in layers(cell)]
    version = torch.__version__.partition("+")[0]
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    of_models, of_files = (",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) for cases in [models(), files()])
    text = f'{{"torch": "{version}", "layers": [\n{lines}\n], "models": [\n{of_models}\n], "files": [\n{of_files}\n]}}\n'
    Path(__file__).with_name("recurrent.json").write_text(text)
