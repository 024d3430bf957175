"""Writes layers.json: outputs and gradients of the dropout layers with given draws, by PyTorch in float64.

    python3 -m venv v && v/bin/pip install torch==2.15.0 numpy && v/bin/python tests/golden/layers/generate.py

Where PyTorch has the layer, it draws, and the mask is read off its output; where it has not, the paper's formula is written down here.
"""

import json
import math
import random
from pathlib import Path

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)  # one order of summation


def uniform(rng, low, high, *shape):
    """Multiples of 1/1024, but never 0: the same number in f32, f64 and, in few digits, decimal."""
    numbers = [(round(1024 * rng.uniform(low, high)) or 1) / 1024 for _ in range(torch.Size(shape).numel())]
    return torch.tensor(numbers).reshape(shape)


def bits(rng, rate, *shape):
    """Redrawn until something is dropped and something is kept, that no mask goes untested."""
    while True:
        mask = torch.tensor([float(rng.random() >= rate) for _ in range(torch.Size(shape).numel())]).reshape(shape)
        if 0 < mask.sum() < mask.numel():
            return mask


def tensor(t):
    return {"shape": list(t.shape), "values": t.flatten().tolist()}


def case(name, layer, draw, forward, x, params=None, **extra):
    """`forward(x, **params)` with its draw already in it; the loss is the sum of its output, each entry times its own number."""
    params = params or {}
    leaves = [x.requires_grad_(), *(param.requires_grad_() for param in params.values())]
    output = forward(x, **params)
    c = uniform(random.Random(name + "c"), -1, 1, *output.shape)
    dx, *gradients = torch.autograd.grad((output * c).sum(), leaves)
    assert torch.autograd.gradcheck(lambda x, *ps: forward(x, **dict(zip(params, ps))), leaves)  # by finite differences
    golden = {"name": name, "layer": layer, **extra, "draw": tensor(draw), "x": tensor(x), "c": tensor(c)}
    golden |= {"output": tensor(output), "dx": tensor(dx)}
    golden["params"] = {path: tensor(param) for path, param in params.items()}
    golden["gradients"] = {path: tensor(gradient) for path, gradient in zip(params, gradients)}
    return golden


def by_pytorch(name, layer, function, rate, *shape):
    """A layer that PyTorch has: its own draw, which is read off what it drops."""
    rng = random.Random(name)
    x = uniform(rng, -2, 2, *shape)
    seed = 0
    while True:
        torch.manual_seed(seed)
        mask = (function(x, rate, True) != 0).double()
        if layer.startswith("spatial"):
            mask = mask.flatten(2).amax(2)
        if 0 < mask.sum() < mask.numel():
            break
        seed += 1

    def forward(x):
        torch.manual_seed(seed)
        return function(x, rate, True)

    return case(name, layer, mask, forward, x, rate=rate)


def alpha(rate, *shape):
    name = f"alpha dropout {rate}"
    x = uniform(random.Random(name), -2, 2, *shape)
    off = -1.7580993408473766
    a = ((1 - rate) * (1 + rate * off**2)) ** -0.5
    b = -a * rate * off

    def forward(x):
        torch.manual_seed(1)
        return F.alpha_dropout(x, rate, True)

    mask = ((forward(x) - (a * off + b)).abs() > 1e-9).double()
    assert 0 < mask.sum() < mask.numel()
    torch.testing.assert_close(forward(x), a * (x * mask + off * (1 - mask)) + b, rtol=1e-12, atol=1e-12)
    return case(name, "alpha", mask, forward, x, rate=rate)


def gaussian(rate, rows):
    name = f"gaussian dropout {rate}, {rows} rows of noise"
    rng = random.Random(name)
    noise = uniform(rng, -3, 3, rows, 6)
    sd = math.sqrt(rate / (1 - rate))  # Srivastava et al. 2014, section 10, with p = 1 - rate
    return case(name, "gaussian", noise, lambda x: x * (1 + sd * noise), uniform(rng, -2, 2, 4, 6), rate=rate)


def drop_connect_linear(rate, bias):
    name = f"drop connect, linear, {'bias' if bias else 'no bias'}"
    rng = random.Random(name)
    mask = bits(rng, rate, 1, 5, 3)
    params = {"weight": uniform(rng, -1, 1, 5, 3)}  # Burn's layout: [in, out]
    if bias:
        params["bias"] = uniform(rng, -1, 1, 3)

    def forward(x, weight, bias=None):
        return F.linear(x, (weight * mask[0] / (1 - rate)).T, bias)

    return case(name, "drop-connect linear", mask, forward, uniform(rng, -2, 2, 4, 5), params, rate=rate)


def drop_connect_conv2d(what, rate, channels, kernel, bias=True, stride=(1, 1), padding=(0, 0, 0, 0), dilation=(1, 1), groups=1, same=False):
    """`padding`: left, right, top, bottom, as in F.pad; `same`: what PyTorch calls that."""
    name = f"drop connect, conv2d, {what}"
    rng = random.Random(name)
    shape = (channels[1], channels[0] // groups, *kernel)
    mask = bits(rng, rate, 1, *shape)
    params = {"weight": uniform(rng, -1, 1, *shape)}
    if bias:
        params["bias"] = uniform(rng, -1, 1, channels[1])

    def forward(x, weight, bias=None):
        weight = weight * mask[0] / (1 - rate)
        if same:
            return F.conv2d(x, weight, bias, stride, "same", dilation, groups)
        return F.conv2d(F.pad(x, padding), weight, bias, stride, 0, dilation, groups)

    left, right, top, bottom = padding
    config = {"channels": channels, "kernel": kernel, "stride": stride, "dilation": dilation, "groups": groups, "same": same}
    config |= {"padding": [top, left, bottom, right], "bias": bias}  # Burn's order
    x = uniform(rng, -2, 2, 3, channels[0], 6, 5)
    return case(name, "drop-connect conv2d", mask, forward, x, params, rate=rate, config=config)


def block_places(size, block):
    return [range(length - min(length, block) + 1) for length in size]


def drop_block(rows, block, seeds, *shape):
    """Ghiasi et al. 2018, algorithm 1, with the mask normalised row by row; `seeds`: the probability of one."""
    name = f"drop block {block} on {shape}, {rows} rows of seeds"
    rng = random.Random(name)
    high, wide = (min(length, block) for length in shape[2:])
    down, across = block_places(shape[2:], block)
    free = bits(rng, seeds, rows, shape[1], len(down), len(across))
    while len(down) * len(across) == 1 and free.flatten(1).sum(1).min() > 0:
        free = bits(rng, seeds, rows, shape[1], 1, 1)  # a row must lose everything, where that is likely
    mask = torch.ones(rows, *shape[1:])
    for row in range(rows):
        for channel in range(shape[1]):
            for i in down:
                for j in across:
                    if free[row, channel, i, j] == 0:
                        mask[row, channel, i : i + high, j : j + wide] = 0
    kept = mask.flatten(1).sum(1)
    scale = torch.where(kept > 0, mask[0].numel() / kept.clamp(min=1), 0.0).reshape(-1, 1, 1, 1)
    return case(name, "drop-block", free, lambda x: x * mask * scale, uniform(rng, -2, 2, *shape), rate=0.1, block=block)


def seed_rate(rate, size, block):
    """The rate of seeds at which blocks drop the share `rate`, by Newton's method on the counts of places over each position."""
    high, wide = (min(length, block) for length in size)
    down, across = block_places(size, block)
    places = torch.zeros(size)
    for i in down:
        for j in across:
            places[i : i + high, j : j + wide] += 1
    log_free = torch.tensor(0.0)
    for _ in range(200):
        share = 1 - torch.exp(places * log_free).mean()
        log_free = log_free - (rate - share) / (places * torch.exp(places * log_free)).mean()
    gamma = -torch.expm1(log_free)
    assert abs(1 - ((1 - gamma) ** places).mean() - rate) < 1e-14
    return {"rate": rate, "size": size, "block": block, "seed_rate": gamma.item()}


def stochastic_depth(rate, rows):
    name = f"stochastic depth {rate}, {rows} rows"
    rng = random.Random(name)
    mask = bits(rng, rate, 4) if rows == 4 else torch.zeros(1)
    branch = lambda x: torch.tanh(x)
    forward = lambda x: x + branch(x) * mask.reshape(-1, 1, 1) / (1 - rate)
    return case(name, "stochastic-depth", mask, forward, uniform(rng, -2, 2, 4, 3, 2), rate=rate)


def concrete(rate, rows, spatial):
    """Gal, Hron & Kendall's program (github.com/yaringal/ConcreteDropout) without its 1e-7 in the logarithms, which no draw here needs.

    Their loss is twice the mean negative log-likelihood, their weights of the regulariser are l^2 / N and 2 / N: ours is theirs, times N / 2.
    """
    name = f"{'spatial ' if spatial else ''}concrete dropout {rate}, {rows} rows of draws"
    rng = random.Random(name)
    units, temperature, length_scale, n = 5, 0.1, 0.5, 7
    draw = uniform(rng, 0.05, 0.95, rows, units)
    shape = (4, units, 2, 3) if spatial else (4, units)

    def dropped(x, logit):
        p = torch.sigmoid(logit)
        u = draw.reshape(rows, units, 1, 1) if spatial else draw
        drop_prob = torch.log(p) - torch.log(1 - p) + torch.log(u) - torch.log(1 - u)
        drop_prob = torch.sigmoid(drop_prob / temperature)
        return x * (1 - drop_prob) / (1 - p)

    def forward(x, logit, weight):
        """The output, and one number more for each of the two parts of the loss that come behind."""
        p = torch.sigmoid(logit)
        weight_regularizer, dropout_regularizer = length_scale**2 / n, 2 / n
        weights = weight_regularizer * (weight**2).sum() / (1 - p)
        dropout = dropout_regularizer * units * (p * torch.log(p) + (1 - p) * torch.log(1 - p))
        y = dropped(x, logit)
        features = y.mean((2, 3)) if spatial else y
        return torch.cat([y.flatten(), (features @ weight).flatten(), (weights + dropout) * n / 2])

    params = {"logit": torch.tensor([math.log(rate / (1 - rate))]), "weight": uniform(rng, -1, 1, units, 2)}
    x = uniform(rng, -2, 2, *shape)
    layer = "spatial-concrete" if spatial else "concrete"
    return case(name, layer, draw, forward, x, params, rate=rate, length_scale=length_scale, units=units)


cases = [
    by_pytorch("dropout", "element", F.dropout, 0.3, 4, 6),
    by_pytorch("dropout1d", "spatial 1d", F.dropout1d, 0.4, 3, 4, 5),
    by_pytorch("dropout2d", "spatial 2d", F.dropout2d, 0.4, 3, 4, 2, 3),
    by_pytorch("dropout3d", "spatial 3d", F.dropout3d, 0.4, 3, 4, 2, 2, 2),
    alpha(0.05, 4, 9),
    alpha(0.3, 4, 9),
    gaussian(0.3, 4),
    gaussian(0.5, 1),
    drop_connect_linear(0.4, True),
    drop_connect_linear(0.4, False),
    drop_connect_conv2d("stride and padding", 0.4, (2, 3), (3, 3), stride=(2, 1), padding=(1, 1, 2, 2)),
    drop_connect_conv2d("groups, no bias", 0.3, (4, 6), (2, 3), bias=False, groups=2),
    drop_connect_conv2d("uneven padding and dilation", 0.4, (2, 2), (2, 2), padding=(0, 2, 1, 0), dilation=(1, 2)),
    drop_connect_conv2d("same size", 0.4, (2, 2), (3, 2), same=True),
    drop_block(4, 3, 0.2, 4, 2, 6, 5),
    drop_block(1, 2, 0.2, 3, 2, 5, 5),
    drop_block(4, 7, 0.5, 4, 2, 3, 5),
    stochastic_depth(0.4, 4),
    stochastic_depth(0.4, 1),
    *(concrete(rate, rows, spatial) for rate, rows in [(0.1, 4), (0.6, 1)] for spatial in [False, True]),
]
sizes = [(56, 56), (14, 14), (7, 7), (5, 3), (28, 9)]
seed_rates = [seed_rate(rate, size, block) for rate in [0.1, 0.3] for size in sizes for block in [1, 4, 7]]

version = torch.__version__.partition("+")[0]
lines = ",\n".join(map(json.dumps, cases))
rates = ",\n".join(map(json.dumps, seed_rates))
text = f'{{"torch": "{version}", "cases": [\n{lines}\n], "seed_rates": [\n{rates}\n]}}\n'
Path(__file__).with_name("layers.json").write_text(text)
