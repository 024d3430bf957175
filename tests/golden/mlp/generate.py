"""Writes mlp.json: outputs and gradients of multilayer perceptrons with given dropout masks, by PyTorch in float64.

    python3 -m venv v && v/bin/pip install torch==2.15.0 numpy && v/bin/python tests/golden/mlp/generate.py
"""

import json
import random
from pathlib import Path

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)  # one order of summation

BATCH = 6
EPSILON, MOMENTUM = 1e-5, 0.1
ACTIVATIONS = {
    "relu": F.relu,
    "tanh": torch.tanh,
    "gelu": F.gelu,  # exact: x Phi(x)
    "silu": F.silu,
    "elu": F.elu,  # alpha = 1
    "selu": F.selu,
    "sigmoid": torch.sigmoid,
}


def uniform(rng, low, high, *shape):
    """Multiples of 1/1024: the same number in f32, f64 and, in few digits, decimal."""
    numbers = [round(1024 * rng.uniform(low, high)) / 1024 for _ in range(torch.Size(shape).numel())]
    return torch.tensor(numbers).reshape(shape)


def draw_mask(rng, rate, rows, width):
    """Redrawn until something is dropped and something is kept, that no mask goes untested."""
    while True:
        mask = torch.tensor([[float(rng.random() >= rate) for _ in range(width)] for _ in range(rows)])
        if 0 < mask.sum() < mask.numel():
            return mask


def draw_params(rng, config):
    params, width = {}, config["d_input"]
    for i, d_hidden in enumerate(config["hidden"]):
        params[f"layers.{i}.linear.weight"] = uniform(rng, -0.75, 0.75, width, d_hidden)  # Burn's layout: [in, out]
        params[f"layers.{i}.linear.bias"] = uniform(rng, -0.5, 0.5, d_hidden)
        if config["batch_norm"]:
            params[f"layers.{i}.norm.gamma"] = uniform(rng, 0.5, 1.5, d_hidden)
            params[f"layers.{i}.norm.beta"] = uniform(rng, -0.5, 0.5, d_hidden)
            params[f"layers.{i}.norm.running_mean"] = uniform(rng, -0.5, 0.5, d_hidden)
            params[f"layers.{i}.norm.running_var"] = uniform(rng, 0.5, 2.0, d_hidden)
        width = d_hidden
    params["output.weight"] = uniform(rng, -0.75, 0.75, width, config["d_output"])
    params["output.bias"] = uniform(rng, -0.5, 0.5, config["d_output"])
    return params


def draw_masks(rng, config, rows):
    """A mask for each site of a rate above zero."""
    sites = {"input_dropout": (config["input_rate"], config["d_input"])}
    for i, site in enumerate(zip(config["rates"], config["hidden"])):
        sites[f"layers.{i}.dropout"] = site
    return {site: draw_mask(rng, rate, rows, width) for site, (rate, width) in sites.items() if rate > 0}


def forward(config, statistics, params, masks, x):
    """The output, and the running statistics after it; `params` stay as they are."""

    def dropout(x, site, rate):
        return x * masks[site] / (1 - rate) if site in masks else x

    running = {path: value.clone() for path, value in params.items() if "running" in path}
    x = dropout(x, "input_dropout", config["input_rate"])
    for i, rate in enumerate(config["rates"]):
        layer = f"layers.{i}"
        x = F.linear(x, params[f"{layer}.linear.weight"].T, params[f"{layer}.linear.bias"])
        if config["batch_norm"]:
            gamma, beta = params[f"{layer}.norm.gamma"], params[f"{layer}.norm.beta"]
            mean, var = running[f"{layer}.norm.running_mean"], running[f"{layer}.norm.running_var"]
            by_batch = statistics == "batch"
            expected = batch_norm_by_hand(x, mean, var, gamma, beta, by_batch)
            x = F.batch_norm(x, mean, var, gamma, beta, by_batch, MOMENTUM, EPSILON)  # updates mean and var
            for got, want in zip((x, mean, var), expected):
                torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)
        x = dropout(ACTIVATIONS[config["activation"]](x), f"{layer}.dropout", rate)
    return F.linear(x, params["output.weight"].T, params["output.bias"]), running


def batch_norm_by_hand(x, mean, var, gamma, beta, by_batch):
    """Says what PyTorch does: divide by the biased variance, keep the unbiased one."""
    use_mean, use_var, after = mean, var, (mean.clone(), var.clone())
    if by_batch:
        use_mean, use_var = x.mean(0), x.var(0, correction=0)
        new = x.mean(0), x.var(0, correction=1)
        after = [(1 - MOMENTUM) * old + MOMENTUM * now for old, now in zip((mean, var), new)]
    return (x - use_mean) / (use_var + EPSILON).sqrt() * gamma + beta, *after


def case(name, rows, statistics="running", **config):
    """`rows`: of each mask; 0 is none, 1 is shared by the batch."""
    shape = {"d_input": 5, "d_output": 2, "hidden": [7, 6], "activation": "relu"}
    config = shape | {"input_rate": 0.2, "rates": [0.2, 0.2], "batch_norm": False} | config
    rng = random.Random(name)  # a case does not depend on those before it
    params = draw_params(rng, config)
    x = uniform(rng, -2, 2, BATCH, config["d_input"])
    c = uniform(rng, -1, 1, BATCH, config["d_output"])
    masks = draw_masks(rng, config, rows) if rows else {}

    learned = [path for path in params if "running" not in path]
    leaves = [params[path].requires_grad_() for path in learned] + [x.requires_grad_()]
    output, running = forward(config, statistics, params, masks, x)
    *gradients, dx = torch.autograd.grad((output * c).sum(), leaves)

    def by_leaves(*leaves):
        return forward(config, statistics, params | dict(zip(learned, leaves)), masks, leaves[-1])[0]

    assert torch.autograd.gradcheck(by_leaves, leaves)  # by finite differences

    golden = {"name": name, "config": config, "statistics": statistics, "params": to_lists(params)}
    golden |= {"x": x.tolist(), "masks": {site: mask.int().tolist() for site, mask in masks.items()}, "c": c.tolist()}
    golden |= {"output": output.tolist(), "gradients": to_lists(dict(zip(learned, gradients))), "dx": dx.tolist()}
    return golden | ({"running_after": to_lists(running)} if statistics == "batch" else {})


def to_lists(tensors):
    return {path: tensor.tolist() for path, tensor in tensors.items()}


unequal = {"input_rate": 0.2, "rates": [0.2, 0.3]}
norm = {"batch_norm": True, "input_rate": 0.0, "rates": [0.2, 0.3]}
cases = [
    case("relu, no masks", 0, **unequal),
    case("relu, a mask for each row", BATCH, **unequal),
    case("relu, one mask for all rows", 1, **unequal),
    case("no hidden layer, a mask for each row", BATCH, hidden=[], rates=[]),
    case("batch norm by running statistics, no masks", 0, **norm),
    case("batch norm by running statistics, one mask for all rows", 1, **norm),
    case("batch norm by the batch, a mask for each row", BATCH, statistics="batch", **norm),
]
for activation in ACTIVATIONS:
    if activation != "relu":
        cases.append(case(f"{activation}, no masks", 0, activation=activation))
        cases.append(case(f"{activation}, a mask for each row", BATCH, activation=activation))

version = torch.__version__.partition("+")[0]
lines = ",\n".join(map(json.dumps, cases))
Path(__file__).with_name("mlp.json").write_text(f'{{"torch": "{version}", "cases": [\n{lines}\n]}}\n')
