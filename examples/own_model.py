"""Monte Carlo dropout with the network of every first lesson on dropout, in PyTorch; own_model.rs is the same in Burn.

    python3 -m venv v && v/bin/pip install torch==2.15.0 numpy && v/bin/python examples/own_model.py
    v/bin/python examples/own_model.py --golden tests/golden/own_model/own_model.json
"""

import json
import sys

import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Dropout(0.5), nn.Linear(20, 1))
x = torch.randn(4, 10)


@torch.no_grad()
def predict(net, x, passes):
    """Mean and standard deviation of each row over networks that dropout samples."""
    net.train()  # else dropout does nothing
    samples = torch.stack([net(x)[:, 0] for _ in range(passes)])  # [passes, rows]
    net.eval()
    return samples.mean(0), samples.std(0, correction=0)


def forward(net, x, mask):
    """A pass with a given mask: what a forward hook returns replaces its module's output, here dropout's."""
    hook = net[2].register_forward_hook(lambda module, inputs, output: inputs[0] * mask / 0.5)
    output = net(x)[:, 0]
    hook.remove()
    return output


def golden(net, x):
    """For tests/golden: the network in float64 with one mask a pass. The weights are in Burn's layout, [in, out]."""
    net, x = net.double().eval(), x.double()
    masks = (torch.rand(8, 20) >= 0.5).double()
    outputs = torch.stack([forward(net, x, mask) for mask in masks])  # [passes, rows]
    params = dict(zip(["linear1.weight", "linear1.bias", "linear2.weight", "linear2.bias"], net.parameters()))
    gradients = dict(zip(params, torch.autograd.grad(outputs[0].sum(), params.values(), retain_graph=True)))
    numbers = {"x": x, "masks": masks.int(), "outputs": outputs, "deterministic": net(x)[:, 0]}
    numbers |= {"mean": outputs.mean(0), "sd": outputs.std(0, correction=0)}
    result = {"torch": torch.__version__.partition("+")[0]}
    result |= {"params": {path: value.t().tolist() for path, value in params.items()}}
    result |= {name: value.tolist() for name, value in numbers.items()}
    return result | {"gradients": {path: value.t().tolist() for path, value in gradients.items()}}


if sys.argv[1:2] == ["--golden"]:
    with open(sys.argv[2], "w") as file:
        file.write(json.dumps(golden(net, x)).replace(', "', ',\n"') + "\n")
else:
    for mean, sd in zip(*predict(net, x, passes=100)):
        print(f"{mean:.3f} ± {sd:.3f}")
