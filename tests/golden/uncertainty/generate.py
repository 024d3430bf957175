"""Writes uncertainty.json: the measures of src/uncertainty by NumPy in float64, most checked here in a second way.

    python3 -m venv v && v/bin/pip install numpy==2.4.6 && v/bin/python tests/golden/uncertainty/generate.py
"""

import json
import math
import random
from pathlib import Path

import numpy as np

rng = random.Random("uncertainty")


def uniform(low, high, *shape):
    """Multiples of 1/1024: the same number in f32, f64 and, in few digits, decimal."""
    numbers = [round(1024 * rng.uniform(low, high)) / 1024 for _ in range(math.prod(shape))]
    return np.array(numbers).reshape(shape)


def assert_close(a, b, tolerance=1e-12):
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def to_lists(arrays):
    return {name: np.asarray(array).tolist() for name, array in arrays.items()}


def log_mean_exp(x):
    """Over the passes, which are the first axis."""
    top = x.max(0)
    return top + np.log(np.exp(x - top).mean(0))


# Classification. All from log probabilities, which stay finite where probabilities underflow to 0.


def measures(log_p):
    """Of `log_p`, [passes, ..., classes]; entropies in nats."""
    log_mean = log_mean_exp(log_p)
    p, mean = np.exp(log_p), np.exp(log_mean)
    entropy = -(mean * log_mean).sum(-1)
    expected_entropy = -(p * log_p).sum(-1).mean(0)
    # The mean divergence of the passes from their mean: exactly 0 where they agree.
    mutual_information = (p * (log_p - log_mean)).sum(-1).mean(0)
    assert_close(mutual_information, entropy - expected_entropy)
    votes = log_p.argmax(-1)
    mode = np.max([(votes == c).sum(0) for c in range(log_p.shape[-1])], axis=0)
    assert_close(mean, p.mean(0))
    return {
        "probabilities": mean,
        "entropy": entropy,
        "expected_entropy": expected_entropy,
        "mutual_information": mutual_information,
        "variation_ratio": 1 - mode / len(log_p),
    }


def log_softmax(logits):
    top = logits.max(-1, keepdims=True)
    return logits - top - np.log(np.exp(logits - top).sum(-1, keepdims=True))


def log_sigmoids(logits):
    """Of two classes, of which the second has probability sigmoid(logits)."""
    return np.stack([-np.logaddexp(0, logits), -np.logaddexp(0, -logits)], axis=-1)


def classification():
    logits = uniform(-2, 2, 6, 4, 3)
    logits[:, 1] = [[200, -600, -600]] * 4 + [[-600, 200, -600]] * 2  # sure, but not of the same class
    logits[:, 2] = logits[0, 2]  # unsure, but alike
    result = measures(log_softmax(logits))
    assert result["entropy"][2] > 0.5 and result["mutual_information"][2] == 0 == result["expected_entropy"][1]
    assert_close(result["entropy"][1], -(4 / 6 * math.log(4 / 6) + 2 / 6 * math.log(2 / 6)))
    return to_lists({"logits": logits} | result)


def binary():
    logits = uniform(-3, 3, 6, 4)
    logits[:, 1] = [200, 200, 200, -200, 200, -200]
    logits[:, 2] = logits[0, 2]
    result = measures(log_sigmoids(logits))
    assert_close(result["probabilities"], measures(log_softmax(np.stack([0 * logits, logits], -1)))["probabilities"])
    return to_lists({"logits": logits} | result)


def multi_label():
    logits = uniform(-3, 3, 6, 4, 3)
    logits[:, 1, 0] = [200, 200, 200, -200, 200, -200]
    logits[:, 2] = logits[0, 2]
    result = measures(log_sigmoids(logits))
    return to_lists({"logits": logits} | result | {"probabilities": result["probabilities"][..., 1]})


# Regression. The predictive density is a mixture of Gaussians, one a pass.


def cdf(z):
    return np.vectorize(lambda z: 0.5 * math.erfc(-z / math.sqrt(2)), otypes=[float])(z)


def pdf(z):
    return np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)


def log_likelihood(y, mean, sd):
    """Of mixtures of components on the first axis."""
    return log_mean_exp(-0.5 * ((y - mean) / sd) ** 2 - np.log(sd) - 0.5 * math.log(2 * math.pi))


def crps(y, mean, sd):
    """Grimit et al., "The continuous ranked probability score for circular variables", QJRMS 132, 2006."""

    def a(m, s):
        return 2 * s * pdf(m / s) + m * (2 * cdf(m / s) - 1)

    pairs = a(mean[:, None] - mean[None], np.sqrt(sd[:, None] ** 2 + sd[None] ** 2))
    return a(y - mean, sd).mean(0) - 0.5 * pairs.mean((0, 1))


def crps_by_integral(y, mean, sd):
    """The definition, of one mixture: the integral of (F(z) - 1[z >= y])^2, by Gauss's rule on small panels."""
    low, high = min(y, *(mean - 12 * sd)), max(y, *(mean + 12 * sd))
    nodes, weights = np.polynomial.legendre.leggauss(10)
    total = 0.0
    for start, end, step in [(low, y, 0), (y, high, 1)]:
        edges = np.linspace(start, end, math.ceil((end - start) / sd.min() * 2) + 1)
        half = np.diff(edges)[:, None] / 2
        z = edges[:-1, None] + half * (1 + nodes)
        total += (half * weights * (cdf((z[..., None] - mean) / sd).mean(-1) - step) ** 2).sum()
    return total


def quantile(p, mean, sd):
    """Of one mixture, by bisection until no number is between the ends."""
    low, high = min(mean - 12 * sd), max(mean + 12 * sd)
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if cdf((middle - mean) / sd).mean() < p else (low, middle)
    assert_close(cdf((high - mean) / sd).mean(), p)
    return high


def regression(f, y, sd):
    epistemic, aleatoric = f.var(0), (sd**2).mean(0)
    assert_close(epistemic + aleatoric, (f**2 + sd**2).mean(0) - f.mean(0) ** 2, 1e-9)  # the moments of the mixture
    result = {"mean": f.mean(0), "epistemic_variance": epistemic, "aleatoric_variance": aleatoric}
    result |= {"total_variance": epistemic + aleatoric}
    result |= {"log_likelihood": log_likelihood(y, f, sd), "crps": crps(y, f, sd)}
    entries = list(np.ndindex(y.shape))
    for row, target in entries:
        mixture = f[:, row, target], sd[:, row, target]
        assert_close(result["crps"][row, target], crps_by_integral(y[row, target], *mixture), 1e-9)
        density = pdf((y[row, target] - mixture[0]) / mixture[1]) / mixture[1]
        if density.max() > 0:  # else the plain way underflows
            assert_close(result["log_likelihood"][row, target], np.log(density.mean()))
    for level in [0.9, 0.5]:
        for name, p in [("lower", (1 - level) / 2), ("upper", (1 + level) / 2)]:
            bounds = [quantile(p, f[:, row, target], sd[:, row, target]) for row, target in entries]
            result[f"{name}_{100 * level:.0f}"] = np.reshape(bounds, y.shape)
    return to_lists(result)


# The same for targets whose logarithms are Gaussian in every pass: mixtures of log-normals.


def gauss_panels(low, high, step):
    """Nodes and weights of Gauss's rule on small panels."""
    nodes, weights = np.polynomial.legendre.leggauss(10)
    edges = np.linspace(low, high, math.ceil((high - low) / step) + 1)
    half = np.diff(edges)[:, None] / 2
    return (edges[:-1, None] + half * (1 + nodes)).ravel(), (half * weights).ravel()


def log_regression(f, y, sd):
    """All by integrals over z = ln y, of which none is a closed form of a log-normal."""
    result = {name: np.zeros(y.shape) for name in ["mean", "epistemic_variance", "aleatoric_variance"]}
    result |= {name: np.zeros(y.shape) for name in ["total_variance", "log_likelihood", "crps"]}
    result |= {f"{end}_{level}": np.zeros(y.shape) for end in ["lower", "upper"] for level in [90, 50]}
    for at in np.ndindex(y.shape):
        m, s, z = f[:, *at], sd[:, *at], math.log(y[*at])
        points, weights = gauss_panels(min(m - 12 * s), max(m + 14 * s), s.min() / 2)
        densities = pdf((points[:, None] - m) / s) / s
        means, squares = (np.exp(k * points) * weights @ densities for k in (1, 2))
        result["mean"][*at] = means.mean()
        result["epistemic_variance"][*at] = means.var()
        result["aleatoric_variance"][*at] = (squares - means**2).mean()
        result["total_variance"][*at] = squares.mean() - means.mean() ** 2
        result["log_likelihood"][*at] = log_likelihood(z, m, s) - z
        for low, high, step in [(min(z, *(m - 12 * s)), z, 0), (z, max(z, *(m + 14 * s)), 1)]:
            points, weights = gauss_panels(low, high, s.min() / 2)
            below = cdf((points[:, None] - m) / s).mean(1)
            result["crps"][*at] += (weights * np.exp(points) * (below - step) ** 2).sum()
        for level in [90, 50]:
            result[f"lower_{level}"][*at] = math.exp(quantile((1 - level / 100) / 2, m, s))
            result[f"upper_{level}"][*at] = math.exp(quantile((1 + level / 100) / 2, m, s))
    assert_close(result["total_variance"], result["epistemic_variance"] + result["aleatoric_variance"], 1e-9)
    return to_lists(result)


def log_regressions():
    f, y = uniform(-1, 2, 7, 5, 2), np.exp(uniform(-1, 2, 5, 2))
    f[:, 1] = f[0, 1]
    tau, log_variance = np.array([4.0, 0.75]), uniform(-3, 0, 7, 5, 2)
    return {
        **to_lists({"samples": f, "y": y, "tau": tau, "log_variance": log_variance}),
        "constant_noise": log_regression(f, y, np.broadcast_to(tau**-0.5, f.shape)),
        "predicted_noise": log_regression(f, y, np.exp(0.5 * log_variance)),
    }


def fit_tau():
    """The precision that makes `y` most likely under the mixtures, where the derivative of the likelihood is 0."""
    truth = uniform(-2, 2, 40)
    f = truth + uniform(-0.3, 0.3, 10, 40)
    y = truth + sum(uniform(-0.5, 0.5, 40) for _ in range(3))

    def mean_log_likelihood(log_tau):
        return log_likelihood(y, f, math.exp(-0.5 * log_tau)).mean()

    def slope(log_tau):
        squares = math.exp(log_tau) * (y - f) ** 2
        share = np.exp(-0.5 * (squares - squares.min(0)))
        return (share / share.sum(0) * (0.5 - 0.5 * squares)).sum(0).mean()

    low, high = -10.0, 10.0
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    grid = np.linspace(-10, 10, 2001)
    best = grid[np.argmax([mean_log_likelihood(log_tau) for log_tau in grid])]
    assert abs(best - high) <= 0.01  # the maximum, and no local one
    result = {"samples": f, "y": y, "tau": math.exp(high), "mean_log_likelihood": mean_log_likelihood(high)}
    return to_lists(result)


# Scores of class probabilities.


def ece(confidence, correct, bins=15):
    total = 0.0
    which = [min(math.floor(c * bins), bins - 1) for c in confidence]
    for b in set(which):
        inside = [i for i in range(len(which)) if which[i] == b]
        gap = sum(confidence[i] for i in inside) / len(inside) - sum(correct[i] for i in inside) / len(inside)
        total += len(inside) / len(which) * abs(gap)
    return total


def ece_error(confidence, correct):
    """The jackknife's, by leaving out each row."""
    n = len(confidence)
    without = [ece([*confidence[:i], *confidence[i + 1 :]], [*correct[:i], *correct[i + 1 :]]) for i in range(n)]
    return math.sqrt((n - 1) * np.var(without))


def calibration(confidence, correct):
    error = ece_error(confidence, correct)
    return {"confidence": confidence, "correct": correct, "ece": ece(confidence, correct), "ece_error": error}


def scores():
    shares = np.sort(uniform(0, 1, 20, 2), axis=1)
    p = np.stack([shares[:, 0], shares[:, 1] - shares[:, 0], 1 - shares[:, 1]], axis=1)  # exact, as are their sums
    p[0] = [0, 1, 0]
    target = np.array([1] + [rng.choices(range(3), row)[0] for row in p[1:]])
    right = p[np.arange(20), target]
    brier = ((p - np.eye(3)[target]) ** 2).sum(1).mean()
    assert_close(brier, (1 - 2 * right + (p**2).sum(1)).mean())
    confidence, correct = p.max(1), p.argmax(1) == target
    result = {"probabilities": p, "targets": target, "accuracy": correct.mean(), "nll": -np.log(right).mean()}
    return to_lists(result | {"brier": brier, "ece": ece(confidence, correct)})


f, y = uniform(-2, 2, 7, 5, 2), uniform(-2, 2, 5, 2)
f[:, 1] = f[0, 1]  # all passes alike
f[:4, 2], f[4:, 2] = f[:4, 2] - 50, f[4:, 2] + 50  # two modes
y[3] = [100, -100]  # so far that densities underflow
tau = np.array([4.0, 0.5])
log_variance = uniform(-3, 1, 7, 5, 2)

confidence = uniform(0, 1, 40).tolist()
edges = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.0, 1.0]  # an edge belongs to the bin above it, 1 to the last
assert_close(ece([1.0, 1.0, 0.0], [1, 0, 0]), 1 / 3)

golden = {
    "classification": classification(),
    "binary": binary(),
    "multi_label": multi_label(),
    "regression": {
        **to_lists({"samples": f, "y": y, "tau": tau, "log_variance": log_variance}),
        "constant_noise": regression(f, y, np.broadcast_to(tau**-0.5, f.shape)),
        "predicted_noise": regression(f, y, np.exp(0.5 * log_variance)),
    },
    "fit_tau": fit_tau(),
    "calibration": [
        calibration(confidence, [int(rng.random() < c) for c in confidence]),
        calibration(edges, [0, 1, 0, 1, 1, 1, 1, 0]),
    ],
    "scores": scores(),
    "log_regression": log_regressions(),
}
lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in golden.items())
Path(__file__).with_name("uncertainty.json").write_text("{\n" + lines.replace(', "', ',\n"') + "\n}\n")
