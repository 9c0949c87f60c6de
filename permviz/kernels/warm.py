"""Compile the kernels ahead of time, where nobody waits for them.

numba holds the interpreter lock while it compiles, which would freeze a served page.
Processes of their own, one for each part of the kernels, fill numba's cache on disk side
by side; after that this process only loads.
"""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module

import numpy as np

from permviz.core.pattern import NMPattern
from permviz.errors import StrategyError
from permviz.kernels import (
    compiled_cover,
    compiled_exact,
    compiled_partition,
    compiled_pricing,
)
from permviz.kernels.compiled_panels import WORTH
from permviz.kernels.compiled_table import room
from permviz.kernels.numba_cpu import NumbaKernels
from permviz.kernels.protocol import Columns, Rounds, Stripes, Sweeps
from permviz.kernels.select import select

_lock = threading.Lock()
_compiled = threading.Event()
_PATTERNS = ((2, 4), (1, 4))


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
        compile_all()
        run_once()
        select()  # compiles for a GPU too, where there is one


def load() -> None:
    """Load the kernels into this process, and compile here what is not on disk."""
    with _lock:
        if not ready():
            run_once()


def compile_all() -> None:
    """Fill numba's cache on disk, a process for each part of the kernels.

    Raises:
        StrategyError: the compiler failed.
    """
    with ThreadPoolExecutor(len(_PARTS)) as side_by_side:
        list(side_by_side.map(_compile, _PARTS))


def _compile(part: str) -> None:
    done = subprocess.run(  # noqa: S603 - the parts are named here
        [sys.executable, "-m", "permviz.kernels.warm", part],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise StrategyError(
            f"The search kernels could not be compiled: {done.stderr.strip()[-300:]}"
        )


def run_once() -> None:
    """Call every kernel once on tiny inputs, which compiles or loads it."""
    for part in _PARTS.values():
        part()
    import_module("scipy.optimize")  # some half a second, which a budget should not pay
    _compiled.set()


def _moving_kernels() -> None:
    """Those that move channels: swaps, assignment and annealing."""
    kernels, (columns, order) = NumbaKernels(), _tiny()
    _tables(kernels)
    for n, m in _PATTERNS:
        stripes = order.reshape(-1, m)
        kernels.stripe_values(columns, stripes, n)
        values = kernels.slot_values(kernels.floors(columns, stripes, n), columns)
        kernels.swap_round(values, order, m)
        state = np.zeros((1, 1), dtype=np.uint64)
        pattern, orders = NMPattern(n, m), order[None].copy()
        kernels.anneal(columns, orders, pattern, Rounds(2, 1, 1.0, 1), state)
        table = np.zeros((1, *room(*columns.shape)), dtype=np.float32)
        kernels.anneal_table(columns, orders, pattern, Sweeps(1.0, 1, 1, fill=True), state, table)


def _tables(kernels: NumbaKernels) -> None:
    """Large and small, of columns as a block has them, and of some that were copied."""
    many = np.zeros((WORTH, 3), dtype=np.float32)
    fixed = many.copy()
    fixed.setflags(write=False)
    for columns in (many, fixed):
        for count in (WORTH, 1):
            kernels.slot_values(many[:count], columns)


def _listing_kernels() -> None:
    """Those that list sets of channels: for groups of stripes, bounds and proofs."""
    columns, order = _tiny()
    for n, m in _PATTERNS:
        NumbaKernels().group_gains(columns, order.reshape(-1, m), np.array([[0, 1]]), n)
    _bound_kernels(columns, order.reshape(-1, 4))
    _complete_kernels()


def _tiny() -> tuple[Columns, Stripes]:
    columns = np.arange(24, dtype=np.float32).reshape(8, 3)
    # A block's columns are read-only, which is another signature than writable ones.
    columns.setflags(write=False)
    return columns, np.arange(8)


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


_PARTS = {"moving": _moving_kernels, "listing": _listing_kernels}

if __name__ == "__main__":
    for name in sys.argv[1:]:
        _PARTS[name]()
    if not sys.argv[1:]:
        compile_all()
