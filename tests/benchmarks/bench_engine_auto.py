"""Is `auto` as good as the best single strategy, whatever the matrix and the budget?

Prints a line for every matrix, shape and budget: the mean efficacy of `auto` over the
seeds, the best single strategy and its mean, and by how much `auto` is behind it. Seeds
differ by some tenths of a point on small matrices, so the means of five do, too.

Takes a quarter of an hour. Environment variables choose other cases:
`PERMVIZ_BENCH_BUDGETS=5,20` (seconds), `PERMVIZ_BENCH_SHAPES=64x128,512x512` (rows and
channels), `PERMVIZ_BENCH_SEEDS=10`. `PERMVIZ_BENCH_CLOCK=cpu` measures budgets in this
process's own time on one core, so that other programs on the machine do not count.
"""

import os
import time
from types import SimpleNamespace

import numpy as np
import pytest

from permviz.core.problem import SearchProblem
from permviz.kernels import warm
from permviz.kernels.numba_cpu import NumbaKernels
from permviz.kernels.select import select
from permviz.models.importance import weight_scores
from permviz.models.sources import load_model
from permviz.search import control, runner
from permviz.search.registry import parse

SINGLE = ("channel_swap(escapes=100)", "osg", "osg(stripes=3)", "assignment", "anneal")


def chosen(name, default):
    return os.environ.get(f"PERMVIZ_BENCH_{name}", default).split(",")


SEEDS = int(chosen("SEEDS", "5")[0])
BUDGETS = tuple(map(float, chosen("BUDGETS", "0.05,0.2,1")))
SHAPES = tuple(
    tuple(map(int, shape.split("x")))
    for shape in chosen("SHAPES", "64x16,64x20,64x32,64x128,128x64,10x256,256x256,64x1024,512x512")
)
WIDE = ((2048, 2048), (256, 4096), (64, 4096), (256, 1024))
LAYERS = (
    ("mobilenet_v2", "features.2.conv.2"),
    ("mobilenet_v2", "features.8.conv.2"),
    ("mobilenet_v2", "features.17.conv.2"),
    ("mobilenet_v2", "classifier.1"),
    ("digits", "blocks.1.project"),
    ("digits", "blocks.3.project"),
    ("digits", "classifier"),
)


def uniform(shape, seed):
    return np.random.RandomState(seed).rand(*shape)


def gaussian(shape, seed):
    return np.abs(np.random.RandomState(seed).randn(*shape))


def student(shape, seed):
    return np.abs(np.random.RandomState(seed).standard_t(3, shape))


def uneven(shape, seed):
    random = np.random.RandomState(seed)
    return np.abs(random.randn(*shape)) * np.exp(random.randn(shape[1]))


@pytest.fixture
def kernels(monkeypatch):
    """Those of all cores by the clock, or of one core by its own time."""
    warm.load()  # or the first search would pay for it
    if chosen("CLOCK", "wall") != ["cpu"]:
        return select("cpu")
    monkeypatch.setattr(control, "time", SimpleNamespace(perf_counter=time.process_time))
    return NumbaKernels(1)


def report(name, draw, budget, kernels):
    """One line of the table."""
    means = {}
    for text in (*SINGLE, "auto"):
        runner.run(SearchProblem.of(draw(0)), parse(text), kernels, runner.Limits(0, 0.01))
        found = [
            runner.run(
                SearchProblem.of(draw(seed)), parse(text), kernels, runner.Limits(seed, budget)
            ).efficacy
            for seed in range(SEEDS)
        ]
        means[text] = np.mean(found)
    auto = means.pop("auto")
    best = max(means, key=means.__getitem__)
    print(f"{name:34} {budget:6.2f} s  auto {auto:6.2f}  best single {means[best]:6.2f} "
          f"{best:26} behind by {means[best] - auto:5.2f}", flush=True)  # fmt: skip


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("draw", [uniform, gaussian, student, uneven])
@pytest.mark.parametrize("shape", SHAPES)
def test_random_matrices(draw, shape, budget, kernels):
    name = f"{draw.__name__} {shape[0]}x{shape[1]}"
    report(name, lambda seed: draw(shape, seed), budget, kernels)


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize(("model", "layer"), LAYERS)
def test_real_layers(model, layer, budget, kernels):
    weight = load_model(model).model.get_submodule(layer).weight
    scores = weight_scores(layer, weight).reshape(len(weight), -1)
    report(f"{model} {layer}", lambda _: scores, budget, kernels)


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("budget", [0.5, 5.0])
@pytest.mark.parametrize("draw", [uniform, student, uneven])
@pytest.mark.parametrize("shape", WIDE)
def test_wide_matrices(draw, shape, budget, kernels):
    drawn = {seed: draw(shape, seed).astype(np.float32) for seed in range(SEEDS)}
    report(f"{draw.__name__} {shape[0]}x{shape[1]}", drawn.__getitem__, budget, kernels)
