"""Compile the kernels ahead of time, where nobody waits for them.

numba holds the interpreter lock while it compiles, which would freeze a served page. A
process of its own fills numba's cache on disk; after that this process only loads.
"""

import subprocess
import sys
import threading

import numpy as np

from permviz.core.pattern import NMPattern
from permviz.errors import StrategyError
from permviz.kernels import (
    compiled_cover,
    compiled_exact,
    compiled_partition,
    compiled_pricing,
)
from permviz.kernels.compiled_table import room
from permviz.kernels.numba_cpu import NumbaKernels
from permviz.kernels.protocol import Columns, Rounds, Stripes, Sweeps

_lock = threading.Lock()
_compiled = threading.Event()


def ready() -> bool:
    """Whether the kernels are compiled and loaded in this process."""
    return _compiled.is_set()


def ensure() -> None:
    """Block until the kernels are loaded, compiling them in another process if needed.

    Raises:
        StrategyError: the compiler failed.
    """
    with _lock:
        if ready():
            return
        done = subprocess.run(
            [sys.executable, "-m", "permviz.kernels.warm"],
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise StrategyError(
                f"The search kernels could not be compiled: {done.stderr.strip()[-300:]}"
            )
        run_once()


def run_once() -> None:
    """Call every kernel once on tiny inputs, which compiles or loads it."""
    kernels = NumbaKernels()
    columns = np.arange(24, dtype=np.float32).reshape(8, 3)
    # A block's columns are read-only, which is another signature than writable ones.
    columns.setflags(write=False)
    order = np.arange(8)
    pair = np.array([[0, 1]])
    for n, m in ((2, 4), (1, 4)):
        stripes = order.reshape(-1, m)
        kernels.stripe_values(columns, stripes, n)
        values = kernels.slot_values(kernels.floors(columns, stripes, n), columns)
        kernels.swap_round(values, order, m)
        kernels.group_gains(columns, stripes, pair, n)
        state = np.zeros((1, 1), dtype=np.uint64)
        pattern, orders = NMPattern(n, m), order[None].copy()
        kernels.anneal(columns, orders, pattern, Rounds(2, 1, 1.0, 1), state)
        table = np.zeros((1, *room(*columns.shape)), dtype=np.float32)
        kernels.anneal_table(columns, orders, pattern, Sweeps(1.0, 1, 1, fill=True), state, table)
    _bound_kernels(columns, order.reshape(-1, 4))
    _complete_kernels()
    _compiled.set()


def _bound_kernels(columns: Columns, stripes: Stripes) -> None:
    """Those of `permviz.search.bound`."""
    heads, found = np.array([[0, 1]]), np.empty((0, 4), dtype=np.int64)
    best, winners = np.zeros((1, 1)), np.zeros((1, 1, 4), dtype=np.int64)
    prices, excess = np.zeros(8), np.zeros(8)
    compiled_pricing.price(columns, prices, heads, 2, 4, 0.0, excess, best, winners, found)
    compiled_pricing.exact_values(columns, stripes, 2, np.empty(2))
    numbers, marks = np.zeros((3, 2), dtype=np.int32), np.zeros((4, 3), dtype=np.int64)
    compiled_partition.partition(
        stripes, np.zeros(2), numbers, numbers.copy(), marks, np.zeros((3, 8), dtype=np.bool_),
        np.zeros(3), np.full(2, -1), np.ones(1), 0,
    )  # fmt: skip


def _complete_kernels() -> None:
    """Those that visit all partitions of a few channels, or all stripes that lose nothing."""
    bits, first = np.array([15]), np.array([0, 1, 1, 1, 1])
    compiled_exact.extend(np.zeros(16), bits, np.ones(1), first, 0, 16)
    path, one = np.array([-1, 0]), np.zeros(1, dtype=np.int64)
    compiled_exact.enumerate_some(bits, np.ones(1), first, path, one, np.zeros(1), 1)
    words, levels = np.zeros((4, 1), dtype=np.uint64), np.zeros((5, 2, 1), dtype=np.uint64)
    found, path = np.arange(4, dtype=np.int32)[None], np.zeros(5, dtype=np.int64)
    compiled_cover.list_stripes(words, words[:2].copy(), levels, path, found, 0, 1)
    sizes, covered = np.array([1, 0, 0]), np.zeros(4, dtype=np.bool_)
    compiled_cover.cover(found, one.copy(), sizes, one.copy(), covered, 1)


if __name__ == "__main__":
    run_once()
