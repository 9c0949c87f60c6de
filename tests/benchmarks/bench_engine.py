"""The search engine beside its limits: what the core can do, torch, and reference figures.

`make bench` runs these. Times are printed and kept by pytest-benchmark, never asserted.
"""

import time

import numpy as np
import pytest
import torch
from numba import njit

from permviz.core.problem import SearchProblem
from permviz.kernels.compiled import _FAST
from permviz.kernels.numba_cpu import NumbaKernels
from permviz.kernels.select import cores
from permviz.search.registry import parse
from permviz.search.run import search
from permviz.search.runner import Limits, run

ONE = NumbaKernels(1)


@njit(fastmath=_FAST)
def maxima_and_additions(lines, c, one, times):
    """Eight sums that never leave the registers: two loads for eight maxima and additions."""
    c0, c1, c2, c3 = c[0], c[1], c[2], c[3]
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = np.float32(0)
    for _ in range(times):
        for row in range(lines.shape[1]):
            p, q = lines[0, row], lines[1, row]
            s0, s1 = s0 + max(p, c0) * one, s1 + max(p, c1) * one
            s2, s3 = s2 + max(p, c2) * one, s3 + max(p, c3)
            s4, s5 = s4 + max(q, c0) * one, s5 + max(q, c1)
            s6, s7 = s6 + max(q, c2), s7 + max(q, c3)
        c0, c1, c2, c3 = c1, c2, c3, c0
    return s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7


@njit(fastmath=_FAST)
def maxima_and_multiply_adds(lines, c, one, times):
    """The same with all additions fused."""
    c0, c1, c2, c3 = c[0], c[1], c[2], c[3]
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = np.float32(0)
    for _ in range(times):
        for row in range(lines.shape[1]):
            p, q = lines[0, row], lines[1, row]
            s0, s1 = s0 + max(p, c0) * one, s1 + max(p, c1) * one
            s2, s3 = s2 + max(p, c2) * one, s3 + max(p, c3) * one
            s4, s5 = s4 + max(q, c0) * one, s5 + max(q, c1) * one
            s6, s7 = s6 + max(q, c2) * one, s7 + max(q, c3) * one
        c0, c1, c2, c3 = c1, c2, c3, c0
    return s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7


def best_of(times, function):
    function()
    found = []
    for _ in range(times):
        start = time.perf_counter()
        function()
        found.append(time.perf_counter() - start)
    return min(found)


def peak():
    """Max-adds a second of one core, the better of the two ways to add."""
    lines, c = np.random.default_rng(0).random((2, 2, 1024), dtype=np.float32)
    one, times = np.float32(1), 2000
    return max(
        4 * lines.size * times / best_of(9, lambda way=way: way(lines, c[0], one, times))
        for way in (maxima_and_additions, maxima_and_multiply_adds)
    )


@pytest.mark.parametrize("size", [512, 2048, 4096])
def test_the_swap_table_beside_the_core_and_torch(benchmark, size):
    columns = np.random.default_rng(0).random((size, size + 16), dtype=np.float32)
    floors = columns[::-1].copy()
    left, right = torch.from_numpy(floors), torch.from_numpy(columns)
    work, every = size * size * columns.shape[1], NumbaKernels(cores())
    limit = peak()
    one = work / best_of(15, lambda: ONE.slot_values(floors, columns))
    benchmark.pedantic(every.slot_values, (floors, columns), rounds=9, warmup_rounds=1)
    spread = work / benchmark.stats.stats.min
    cdist = work / best_of(1, lambda: torch.cdist(left, right, p=1))
    benchmark.extra_info.update(peak=limit, one_core=one, all_cores=spread, cdist=cdist)
    print(f"\nK {size}x{size}, G max-add/s: peak of a core {limit / 1e9:.1f}, one core "
          f"{one / 1e9:.1f} ({one / limit:.0%}), {cores()} cores {spread / 1e9:.1f} "
          f"({spread / cdist:.1f} x cdist, {cdist / 1e9:.2f})")  # fmt: skip


REFERENCE = {"channel swap": 46.0815, "OSG(2)": 47.7577, "OSG(2)+BR(1000)": 49.4856}
"""Means of the reference implementation on uniform 64x128, RandomState 0 to 7."""


def test_time_to_reach_each_reference_efficacy():
    found = [search(np.random.RandomState(seed).rand(64, 128), budget=2.0) for seed in range(8)]
    for name, efficacy in REFERENCE.items():
        print(f"64x128, auto beats {name} ({efficacy:.1f}): "
              f"{1000 * time_to(found, efficacy):.1f} ms")  # fmt: skip
    for efficacy in (52.0, 54.0, 54.5):
        print(f"64x128, auto reaches a mean of {efficacy}: {time_to(found, efficacy):.3f} s")


def time_to(found, efficacy):
    """Seconds after which the mean of the best so far is at least an efficacy."""
    seconds = np.unique([step.seconds for one in found for step in one.trace.improvements])
    curves = []
    for one in found:
        moments = [0.0, *(step.seconds for step in one.trace.improvements)]
        values = np.concatenate([[0.0], one.trace.efficacies()])
        curves.append(values[np.searchsorted(moments, seconds, side="right") - 1])
    reached = np.mean(curves, axis=0) >= efficacy
    return seconds[reached.argmax()] if reached.any() else float("inf")


@pytest.mark.parametrize("text", ["anneal(sweeps=200, chains=1)", "channel_swap", "assignment"])
def test_growth_with_rows_and_channels(text):
    for name, shapes in {
        "rows": [(rows, 256) for rows in (128, 256, 512, 1024)],
        "channels": [(256, channels) for channels in (128, 256, 512, 1024)],
    }.items():
        taken = [best_of(2, lambda shape=shape: converge(text, *shape)) for shape in shapes]
        sizes = [shape[name == "channels"] for shape in shapes]
        exponent = np.polyfit(np.log(sizes), np.log(taken), 1)[0]
        print(f"{text}: time to converge grows with {name}^{exponent:.2f} "
              f"({', '.join(f'{one:.3f} s' for one in taken)})")  # fmt: skip


def converge(text, rows, channels):
    problem = SearchProblem.of(np.random.RandomState(0).rand(rows, channels).astype(np.float32))
    run(problem, parse(text), ONE, Limits())


@pytest.mark.parametrize(("size", "budgets"), [(512, (0.6, 5)), (2048, (1, 6)), (4096, (10,))])
def test_wide_matrices(size, budgets):
    scores = np.random.RandomState(0).rand(size, size).astype(np.float32)
    for text in ("assignment", "anneal", "auto"):
        for budget in budgets:
            found = search(scores, text, budget=budget)
            print(f"{size}x{size}, {text}, {budget} s: {found.efficacy:.2f} "
                  f"after {found.seconds:.2f} s")  # fmt: skip
