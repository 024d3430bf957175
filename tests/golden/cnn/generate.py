"""Writes cnn.json: outputs and gradients of convolutional networks with given dropout masks, by PyTorch in float64.

    python3 -m venv v && v/bin/pip install torch==2.15.0 numpy && v/bin/python tests/golden/cnn/generate.py

Parameters, pictures and masks are too many to write down: both sides make them by `numbers`, from a name and a position.
Of a gradient, 128 entries at even distances are written, and the sum of all magnitudes.
"""

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)  # one order of summation

EPSILON, MOMENTUM = 1e-5, 0.1
PROBES = 128
ACTIVATIONS = {"relu": F.relu, "tanh": torch.tanh, "silu": F.silu, "identity": lambda x: x}


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
    bits = (numbers(site, shape) >= 2 * rate - 1).double()
    assert 0 < bits.sum() < bits.numel(), site
    return bits


class Network:
    """The network of a config: parameters on demand, a mask for each row, or one for all."""

    def __init__(self, config, rows_of_masks, by_batch):
        self.config, self.rows_of_masks, self.by_batch = config, rows_of_masks, by_batch
        self.params, self.running = {}, {}

    def param(self, path, shape, scale):
        """`scale`: a power of two."""
        if path not in self.params:
            self.params[path] = (numbers(path, shape) * scale).requires_grad_()
        return self.params[path]

    def dropout(self, x, site, rate, shape=None):
        if not rate or not self.rows_of_masks:
            return x
        shape = [self.rows_of_masks, *(x.shape[1:] if shape is None else shape)]
        bits = mask(site, shape, rate)
        return x * bits.reshape(*shape, *[1] * (x.dim() - len(shape))) / (1 - rate)

    def norm(self, x, path):
        width = x.shape[1]
        gamma = 1 + self.param(f"{path}.gamma", [width], 0.5)
        beta = self.param(f"{path}.beta", [width], 0.5)
        if path not in self.running:
            mean, var = numbers(f"{path}.running_mean", [width]) * 0.5, 1 + numbers(f"{path}.running_var", [width]) * 0.5
            self.running[path] = mean, var
        mean, var = (value.clone() for value in self.running[path])
        return F.batch_norm(x, mean, var, gamma, beta, self.by_batch, MOMENTUM, EPSILON)

    def block(self, x, path, stage, site, first, depth_rate):
        out, kernel = stage["channels"], stage["kernel"]
        fan_in = x.shape[1] * kernel * kernel
        scale = 2.0 ** round(np.log2(1.5 / np.sqrt(fan_in)))
        weight = self.param(f"{path}.conv.weight", [out, x.shape[1], kernel, kernel], scale)
        bias = self.param(f"{path}.conv.bias", [out], 0.25)
        kind, _, rate = stage["dropout"].partition(":")
        if kind == "drop-connect" and self.rows_of_masks:
            weight = weight * mask(site, [1, *weight.shape], float(rate))[0] / (1 - float(rate))
        y = F.conv2d(x, weight, bias, stage["stride"] if first else 1, stage["padding"])
        act = ACTIVATIONS[stage["activation"]]
        y = {"none": lambda: act(y), "before": lambda: act(self.norm(y, f"{path}.norm"))}.get(
            stage["norm"], lambda: self.norm(act(y), f"{path}.norm")
        )()
        return x + self.dropout(y, f"{path}.depth", depth_rate, shape=[]) if stage["residual"] else y

    def forward(self, x):
        config = self.config
        blocks = sum(stage["repeats"] for stage in config["stages"] if stage["residual"])
        depth = 0
        for i, stage in enumerate(config["stages"]):
            for j in range(stage["repeats"]):
                depth += stage["residual"]
                depth_rate = config["depth_rate"] * depth / blocks if blocks else 0
                x = self.block(x, f"stages.{i}.blocks.{j}", stage, f"stages.{i}.dropout.{j}", j == 0, depth_rate)
            kind, _, rate = stage["dropout"].partition(":")

            def drop(x):
                if kind not in ("element", "spatial"):
                    return x
                shape = x.shape[1:] if kind == "element" else x.shape[1:2]
                return self.dropout(x, f"stages.{i}.dropout", float(rate), shape)

            def pool(x):
                kind, _, size = stage["pool"].partition(":")
                return {"none": lambda: x, "max": lambda: F.max_pool2d(x, int(size))}.get(
                    kind, lambda: F.avg_pool2d(x, int(size))
                )()

            x = pool(drop(x)) if stage["dropout_at"] == "before-pool" else drop(pool(x))
        x = x.mean((2, 3)) if config["global_pool"] else x.flatten(1)
        x = self.dropout(x, "head.input_dropout", config["input_rate"])
        for i, (width, rate) in enumerate(zip(config["hidden"], config["rates"])):
            x = ACTIVATIONS["relu"](self.linear(x, f"head.layers.{i}.linear", width))
            x = self.dropout(x, f"head.layers.{i}.dropout", rate)
        return self.linear(x, "head.output", config["classes"])

    def linear(self, x, path, width):
        scale = 2.0 ** round(np.log2(1.5 / np.sqrt(x.shape[1])))
        weight = self.param(f"{path}.weight", [x.shape[1], width], scale)  # Burn's layout: [in, out]
        return F.linear(x, weight.T, self.param(f"{path}.bias", [width], 0.25))


def probe(gradient):
    flat = gradient.flatten()
    at = [j * flat.numel() // PROBES for j in range(PROBES)] if flat.numel() > PROBES else range(flat.numel())
    return {"at": list(at), "values": flat[list(at)].tolist(), "magnitude": flat.abs().sum().item()}


def case(name, config, rows, rows_of_masks, by_batch=False):
    network = Network(config, rows_of_masks, by_batch)
    x = numbers("pictures", [rows, *config["input"]]).requires_grad_()
    output = network.forward(x)
    c = numbers("weights of the outputs", output.shape)
    *gradients, dx = torch.autograd.grad((output * c).sum(), [*network.params.values(), x])
    scales = {path: (value / numbers(path, value.shape)).nan_to_num().abs().max().item() for path, value in network.params.items()}
    return {
        "name": name, "config": config, "rows": rows, "rows_of_masks": rows_of_masks, "by_batch": by_batch, "scales": scales,
        "output": output.tolist(), "dx": probe(dx), "gradients": dict(zip(network.params, map(probe, gradients))),
    }  # fmt: skip


STAGE = {
    "channels": 0, "kernel": 3, "stride": 1, "padding": 0, "repeats": 1, "activation": "relu", "norm": "none", "residual": False,
    "pool": "none", "dropout": "none", "dropout_at": "after-pool",
}  # fmt: skip
HEAD = {"classes": 10, "global_pool": False, "depth_rate": 0.0, "input_rate": 0.0, "hidden": [], "rates": []}

lenet_stage = STAGE | {"kernel": 5, "activation": "identity", "pool": "max:2"}
lenet = HEAD | {"input": [1, 28, 28], "hidden": [500], "rates": [0.5]}
lenet |= {"stages": [lenet_stage | {"channels": 20}, lenet_stage | {"channels": 50}]}
everywhere = {"dropout": "element:0.5", "dropout_at": "before-pool"}
lenet_all = lenet | {"stages": [stage | everywhere for stage in lenet["stages"]]}

plain = HEAD | {"input": [2, 11, 9], "classes": 3, "input_rate": 0.25, "hidden": [7], "rates": [0.5]}
plain |= {"stages": [
    STAGE | {"channels": 6, "stride": 2, "padding": 1, "repeats": 2, "norm": "before", "activation": "tanh", "dropout": "spatial:0.25"},
    STAGE | {"channels": 5, "kernel": 2, "padding": 1, "norm": "after", "pool": "average:2", "dropout": "drop-connect:0.25"},
]}  # fmt: skip
residual = HEAD | {"input": [4, 8, 6], "classes": 3, "global_pool": True, "depth_rate": 0.5}
residual |= {"stages": [
    STAGE | {"channels": 4, "padding": 1, "repeats": 2, "residual": True, "norm": "before", "activation": "silu", "pool": "max:2"},
    STAGE | {"channels": 4, "kernel": 1, "residual": True},
]}  # fmt: skip

if __name__ == "__main__":
    cases = [
        case("lenet, no masks", lenet, 3, 0),
        case("lenet, a mask for each row", lenet, 3, 3),
        case("lenet-all, a mask for each row", lenet_all, 3, 3),
        case("lenet-all, one mask for all rows", lenet_all, 3, 1),
        case("norms, strides and channels, no masks", plain, 4, 0),
        case("norms, strides and channels, one mask for all rows", plain, 4, 1),
        case("norms by the batch, a mask for each row", plain, 4, 4, by_batch=True),
        case("residual, no masks", residual, 8, 0),
        case("residual, a mask for each row", residual, 8, 8),
    ]
    version = torch.__version__.partition("+")[0]
    lines = ",\n".join(map(json.dumps, cases))
    Path(__file__).with_name("cnn.json").write_text(f'{{"torch": "{version}", "cases": [\n{lines}\n]}}\n')
