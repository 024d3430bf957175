"""Writes steps.json: parameters after a few steps in full batch, and the curve, by PyTorch's own optimizers, schedulers and losses in float64.

    python3 -m venv v && v/bin/pip install torch==2.15.0 numpy && v/bin/python tests/golden/steps/generate.py
"""

import json
import math
import random
from pathlib import Path

import torch
import torch.nn.functional as F
from torch.optim import lr_scheduler as schedulers

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)  # one order of summation

ROWS, D_INPUT, HIDDEN, STEPS = 12, 3, [6, 5], 5
OPTIMIZERS = {
    "sgd": lambda params, c: torch.optim.SGD(
        params, c["learning_rate"], momentum=c["momentum"], weight_decay=c["weight_decay"]
    ),
    "adam": lambda params, c: torch.optim.Adam(params, c["learning_rate"], weight_decay=c["weight_decay"]),
    "adamw": lambda params, c: torch.optim.AdamW(params, c["learning_rate"], weight_decay=c["weight_decay"]),
}
OUTPUTS = {"regression": 2, "classes": 3, "binary": 1}
DEFAULTS = {
    "optimizer": "sgd",
    "learning_rate": 0.125,
    "momentum": 0.0,
    "weight_decay": 0.0,
    "l1": 0.0,
    "l2": 0.0,
    "max_norm": 0.0,
    "clip_norm": 0.0,
    "schedule": "constant",
    "warmup": 0,
    "label_smoothing": 0.0,
}


def uniform(rng, low, high, *shape):
    """Multiples of 1/1024: the same number in f32, f64 and, in few digits, decimal."""
    numbers = [round(1024 * rng.uniform(low, high)) / 1024 for _ in range(torch.Size(shape).numel())]
    return torch.tensor(numbers).reshape(shape)


def draw_params(rng, d_output):
    params, width = {}, D_INPUT
    for i, d_hidden in enumerate(HIDDEN):
        params[f"layers.{i}.linear.weight"] = uniform(rng, -0.75, 0.75, width, d_hidden)  # Burn's layout: [in, out]
        params[f"layers.{i}.linear.bias"] = uniform(rng, -0.5, 0.5, d_hidden)
        width = d_hidden
    params["output.weight"] = uniform(rng, -0.75, 0.75, width, d_output)
    params["output.bias"] = uniform(rng, -0.5, 0.5, d_output)
    return params


def forward(params, x):
    for i in range(len(HIDDEN)):
        x = torch.tanh(F.linear(x, params[f"layers.{i}.linear.weight"].T, params[f"layers.{i}.linear.bias"]))
    return F.linear(x, params["output.weight"].T, params["output.bias"])


def data_loss(config, task, output, targets, weights):
    """The mean; `weights` are those of rows, and of mean 1."""
    e = config["label_smoothing"]
    if task == "regression":
        by_row = F.mse_loss(output, targets, reduction="none").mean(1)
    elif task == "classes":
        by_row = F.cross_entropy(output, targets.argmax(1), reduction="none", label_smoothing=e)
    else:
        # As two classes with the logits 0 and z: PyTorch smooths no binary labels.
        two = torch.cat([torch.zeros_like(output), output], 1)
        by_row = F.cross_entropy(two, targets[:, 0].long(), reduction="none", label_smoothing=e)
    return (by_row if weights is None else by_row * weights).mean()


def scheduler(optimizer, config, epochs):
    kind, *numbers = config["schedule"].split(":")
    n = epochs - config["warmup"]
    main = {
        "constant": lambda: schedulers.ConstantLR(optimizer, factor=1.0, total_iters=0),
        "linear": lambda: schedulers.LinearLR(optimizer, start_factor=1.0, end_factor=0.0, total_iters=n),
        "cosine": lambda: schedulers.CosineAnnealingLR(optimizer, T_max=n),
        "step": lambda: schedulers.StepLR(optimizer, step_size=int(numbers[0]), gamma=float(numbers[1])),
        "exponential": lambda: schedulers.ExponentialLR(optimizer, gamma=float(numbers[0])),
    }[kind]()
    if not config["warmup"]:
        return main
    w = config["warmup"]
    warmup = schedulers.LinearLR(optimizer, start_factor=1 / (w + 1), total_iters=w)
    return schedulers.SequentialLR(optimizer, [warmup, main], milestones=[w])


def train(config, task, params, x, targets, weights, epochs):
    """The curve; `params` are moved."""
    leaves = {path: value.requires_grad_() for path, value in params.items()}
    penalised = [value for path, value in leaves.items() if path.endswith("weight")]
    optimizer = OPTIMIZERS[config["optimizer"]](leaves.values(), config)
    schedule = scheduler(optimizer, config, epochs)

    def penalty():
        l1 = sum(value.abs().sum() for value in penalised)
        l2 = sum(value.square().sum() for value in penalised)
        return config["l1"] * l1 + config["l2"] * l2

    curve = []
    for _ in range(epochs):
        epoch = {"learning_rate": optimizer.param_groups[0]["lr"]}
        optimizer.zero_grad()
        loss = data_loss(config, task, forward(leaves, x), targets, weights)
        (loss + penalty()).backward()
        limit = config["clip_norm"] or math.inf
        norm = torch.nn.utils.clip_grad_norm_(leaves.values(), limit)
        optimizer.step()
        schedule.step()
        if config["max_norm"]:
            with torch.no_grad():
                for path, value in leaves.items():
                    if path.startswith("layers.") and path.endswith("weight"):
                        # A column is a unit. renorm divides by norm + 1e-7: no difference that matters here.
                        value.copy_(torch.renorm(value, p=2, dim=1, maxnorm=config["max_norm"]))
        epoch |= {"train_loss": loss.item(), "penalty": penalty().item()}
        if config["clip_norm"]:
            epoch |= {"grad_norm": norm.item(), "clipped": float(norm + 1e-6 > limit)}
        curve.append(epoch)
    return curve


def case(name, task="regression", weights=None, epochs=STEPS, bites=None, **config):
    """`weights`: "rows" or "classes". `bites`: what must be seen in the curve or the parameters, that the case tests something."""
    config = DEFAULTS | config
    rng = random.Random(name)  # a case does not depend on those before it
    params = draw_params(rng, OUTPUTS[task])
    params["layers.0.linear.weight"][0, 0] = 0.0  # |w| has no derivative there: 0 is taken
    x = uniform(rng, -2, 2, ROWS, D_INPUT)
    if task == "regression":
        targets = uniform(rng, -2, 2, ROWS, OUTPUTS[task])
    elif task == "classes":
        targets = F.one_hot(torch.tensor([i % 3 for i in range(ROWS)]), 3).double()
    else:
        targets = torch.tensor([[float(i % 3 == 0)] for i in range(ROWS)])
    by_row = None
    if weights == "rows":
        by_row = uniform(rng, 0, 3, ROWS)
        by_row[2] = 0.0
    elif weights == "classes":
        by_row = torch.tensor([0.5, 1.0, 4.0])[targets.argmax(1)]
    scaled = None if by_row is None else by_row / by_row.mean()
    if weights == "classes":  # what people know: weights of classes divide by their sum
        logits = forward(params, x)
        known = F.cross_entropy(logits, targets.argmax(1), weight=torch.tensor([0.5, 1.0, 4.0]))
        torch.testing.assert_close(data_loss(config, task, logits, targets, scaled), known)

    before = {path: value.tolist() for path, value in params.items()}
    curve = train(config, task, params, x, targets, scaled, epochs)
    if bites == "clip":
        assert 0 < sum(epoch["clipped"] for epoch in curve) < epochs, curve
    if bites == "max_norm":
        norms = torch.cat([params[f"layers.{i}.linear.weight"].detach().norm(dim=0) for i in range(len(HIDDEN))])
        at_limit = (norms > config["max_norm"] * (1 - 1e-6)).sum()
        assert 0 < at_limit < len(norms) and params["output.weight"].detach().norm(dim=0).max() > config["max_norm"], norms
    output = forward(params, x).detach()
    # What the last network says is what it is validated by, so that no epoch is better than the last.
    valid_targets = {"regression": output, "classes": output.softmax(1), "binary": output.sigmoid()}[task]
    golden = {"name": name, "task": task, "config": config, "params": before, "x": x.tolist(), "targets": targets.tolist()}
    golden |= {"weights": None if by_row is None else by_row.tolist(), "valid_targets": valid_targets.tolist()}
    return golden | {"after": {path: value.tolist() for path, value in params.items()}, "curve": curve}


CASES = [
    case("sgd"),
    case("sgd with momentum", momentum=0.9, weight_decay=0.1),
    case("sgd with an l1 penalty", l1=0.05),
    case("sgd with an l2 penalty", l2=0.05),
    case("sgd with both penalties", l1=0.02, l2=0.03, momentum=0.5),
    case("adam with an l2 penalty", optimizer="adam", learning_rate=0.03, l2=0.05),
    case("adam with weight decay in the gradient", optimizer="adam", learning_rate=0.03, weight_decay=0.1),
    case("adamw with decoupled weight decay", optimizer="adamw", learning_rate=0.03, weight_decay=0.1),
    case("adamw with an l1 penalty", optimizer="adamw", learning_rate=0.03, weight_decay=0.1, l1=0.05),
    case("clipping", clip_norm=0.9, bites="clip"),
    case("clipping with an l2 penalty", clip_norm=1.0, l2=0.1, momentum=0.9, bites="clip"),
    case("max-norm", max_norm=0.85, learning_rate=0.25, bites="max_norm"),
    case("max-norm under adamw", optimizer="adamw", learning_rate=0.05, max_norm=0.85, bites="max_norm"),
    case("linear", schedule="linear", epochs=6),
    case("cosine", schedule="cosine", epochs=6),
    case("step", schedule="step:2:0.25", epochs=6),
    case("exponential", schedule="exponential:0.75", epochs=6),
    case("warm-up", warmup=3, epochs=6),
    case("warm-up before a linear schedule", warmup=2, schedule="linear", epochs=6),
    case("warm-up before a cosine schedule", optimizer="adam", learning_rate=0.03, warmup=1, schedule="cosine", epochs=6),
    case("smoothed classes", task="classes", label_smoothing=0.125),
    case("smoothed binary labels", task="binary", label_smoothing=0.125),
    case("weights of rows", weights="rows"),
    case("weights of classes", task="classes", weights="classes"),
    case("weights of rows of smoothed labels", task="binary", weights="rows", label_smoothing=0.25),
    case(
        "everything", task="classes", weights="rows", epochs=6, optimizer="adamw", learning_rate=0.05, weight_decay=0.1,
        l1=0.01, l2=0.02, clip_norm=0.45, max_norm=0.9, warmup=2, schedule="cosine", label_smoothing=0.125, bites="clip",
    ),
]

path = Path(__file__).with_name("steps.json")
path.write_text("{\n\"cases\": [\n" + ",\n".join(json.dumps(golden) for golden in CASES) + "\n]\n}\n")
print(f"{path}: {len(CASES)} cases")
