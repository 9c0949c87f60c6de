"""Speed of the kernels and searches, as ratios measured in one run.

`make bench` runs these. Nothing here fails on time: machines differ, ratios are printed.
"""

import time

import numpy as np
import torch

from permviz.kernels.numba_cpu import NumbaKernels
from permviz.kernels.select import cores
from permviz.search.run import search


def best_of(times, function):
    found = []
    for _ in range(times):
        start = time.perf_counter()
        function()
        found.append(time.perf_counter() - start)
    return min(found)


def test_the_swap_table_beside_cdist():
    size = 2048
    columns = np.random.default_rng(0).random((size, size + 16), dtype=np.float32)
    floors = columns[::-1].copy()
    work = size * size * columns.shape[1]
    one, all_cores = NumbaKernels(1), NumbaKernels(cores())
    one.slot_values(floors[:64], columns[:64])
    left, right = torch.from_numpy(floors), torch.from_numpy(columns)
    seconds = {
        "one core": best_of(3, lambda: one.slot_values(floors, columns)),
        f"{cores()} cores": best_of(3, lambda: all_cores.slot_values(floors, columns)),
        "torch.cdist(p=1)": best_of(1, lambda: torch.cdist(left, right, p=1)),
    }
    for name, taken in seconds.items():
        ratio = seconds["torch.cdist(p=1)"] / taken
        print(f"K {size}x{size}, {name}: {taken:.3f} s, {work / taken / 1e9:.1f} G max-add/s, "
              f"{ratio:.1f} x cdist")  # fmt: skip


def test_searches_of_64_by_128():
    scores = [np.random.RandomState(seed).rand(64, 128) for seed in range(8)]
    for text in ("channel_swap", "osg", "channel_swap(escapes=100)", "osg(escapes=100)", "auto"):
        search(scores[0], text)
        found = [search(one, text) for one in scores]
        print(f"64x128 uniform, {text}: efficacy {np.mean([r.efficacy for r in found]):.2f}, "
              f"{1000 * np.median([r.seconds for r in found]):.1f} ms")  # fmt: skip


def test_growth_with_channels():
    sizes = (128, 256, 512, 1024)
    for text in ("channel_swap", "osg"):
        taken = []
        for size in sizes:
            scores = np.random.RandomState(0).rand(256, size)
            search(scores[:, :16], text)
            taken.append(search(scores, text).seconds)
        exponent = np.polyfit(np.log(sizes), np.log(taken), 1)[0]
        print(f"{text}, 256 rows, {sizes} channels: {np.round(taken, 3)} s, "
              f"time grows with channels^{exponent:.2f}")  # fmt: skip
