"""Is `auto` as good as the best single strategy, whatever the matrix and the budget?

Prints a line for every distribution, shape and budget: the mean efficacy of `auto` over the
seeds, the best single strategy and its mean, and by how much `auto` is behind it. Takes
some minutes; `PERMVIZ_BENCH_BUDGETS=0.05,0.5,5` chooses other budgets.
"""

import os

import numpy as np
import pytest

from permviz.models.importance import weight_scores
from permviz.models.sources import load_model
from permviz.search.run import search

SINGLE = ("channel_swap(escapes=100)", "osg", "assignment", "anneal")
SEEDS = 5
BUDGETS = tuple(map(float, os.environ.get("PERMVIZ_BENCH_BUDGETS", "0.05,0.5").split(",")))
SHAPES = ((64, 16), (64, 32), (64, 128), (256, 256), (512, 1024))


def uniform(shape, seed):
    return np.random.RandomState(seed).rand(*shape)


def gaussian(shape, seed):
    return np.abs(np.random.RandomState(seed).randn(*shape))


def student(shape, seed):
    return np.abs(np.random.RandomState(seed).standard_t(2, shape))


def uneven(shape, seed):
    random = np.random.RandomState(seed)
    return np.abs(random.randn(*shape)) * np.exp(random.randn(shape[1]))


def report(name, draw, budget):
    """One line of the table."""
    means = {}
    for text in (*SINGLE, "auto"):
        search(draw(0), text, budget=0.01)
        found = [search(draw(seed), text, seed=seed, budget=budget) for seed in range(SEEDS)]
        means[text] = np.mean([one.efficacy for one in found])
    auto = means.pop("auto")
    best = max(means, key=means.__getitem__)
    print(f"{name:32} {budget:6.2f} s  auto {auto:6.2f}  best single {means[best]:6.2f} "
          f"{best:26} behind by {means[best] - auto:5.2f}", flush=True)  # fmt: skip


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("draw", [uniform, gaussian, student, uneven])
@pytest.mark.parametrize("shape", SHAPES)
def test_random_matrices(draw, shape, budget):
    report(f"{draw.__name__} {shape[0]}x{shape[1]}", lambda seed: draw(shape, seed), budget)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("layer", ["features.2.conv.2", "features.8.conv.2", "features.17.conv.2"])
def test_real_layers(layer, budget):
    weight = load_model("mobilenet_v2").model.get_submodule(layer).weight
    scores = weight_scores(layer, weight).reshape(len(weight), -1)
    report(f"mobilenet_v2 {layer}", lambda _: scores, budget)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("size", [2048, 4096])
def test_wide_uniform(size):
    draw = {seed: uniform((size, size), seed).astype(np.float32) for seed in range(SEEDS)}
    for budget in (0.5, 5.0):
        report(f"uniform {size}x{size}", draw.__getitem__, budget)
