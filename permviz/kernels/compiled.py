"""How the kernels for the CPU are compiled, and the arithmetic of single stripes.

Each compiled function is serial and runs without the interpreter lock.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from permviz.kernels.protocol import Columns, Stripes, Values

# No NaN and no infinity passes the checks on scores, so the compiler may reorder sums.
_FAST = {"reassoc", "nnan", "ninf", "nsz", "contract"}

ROWS = 512
"""Rows that are summed in float32 before they go into float64."""


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a kernel on its first call and keep it on disk."""
    return njit(nogil=True, cache=True, fastmath=_FAST, boundscheck=False)(function)


@compiled
def rank(block: Columns, n: int, width: int) -> None:
    """Bring the n largest of each column of `block` to its first rows, descending."""
    for place in range(n):
        for other in range(block.shape[0] - 1, place, -1):
            upper, lower = block[other - 1], block[other]
            for row in range(width):
                above, below = upper[row], lower[row]
                upper[row] = max(above, below)
                lower[row] = min(above, below)


@compiled
def top_sum(block: Columns, n: int, width: int) -> np.float32:
    """Rank a block in place and add up its n largest."""
    rank(block, n, width)
    total = np.float32(0)
    for place in range(n):
        for row in range(width):
            total += block[place, row]
    return total


@compiled
def _two_of_four(
    columns: Columns, stripe: NDArray[np.int64], start: np.uint64, stop: np.uint64
) -> np.float32:
    """Sum of the two largest of four in each row: one of each pair, or both of one."""
    # Indices without a sign need no look for negative ones, which would block vectors.
    a, b, c, d = (
        np.uint64(stripe[0]),
        np.uint64(stripe[1]),
        np.uint64(stripe[2]),
        np.uint64(stripe[3]),
    )
    total = np.float32(0)
    for row in range(start, stop):
        p, q, r, s = columns[a, row], columns[b, row], columns[c, row], columns[d, row]
        total += max(max(p, q) + max(r, s), max(p + q, r + s))
    return total


@compiled
def _values_of_two_of_four(columns: Columns, stripes: Stripes, found: Values) -> None:
    rows = columns.shape[1]
    for stripe in range(stripes.shape[0]):
        found[stripe] = 0.0
        for start in range(0, rows, ROWS):
            stop = np.uint64(min(start + ROWS, rows))
            found[stripe] += _two_of_four(columns, stripes[stripe], np.uint64(start), stop)


@compiled
def stripe_values(columns: Columns, stripes: Stripes, n: int, found: Values) -> None:
    """Retained score of each stripe into `found`."""
    rows, m = columns.shape[1], stripes.shape[1]
    if n == 2 and m == 4:
        _values_of_two_of_four(columns, stripes, found)
        return
    block = np.empty((m, ROWS), dtype=np.float32)
    for stripe in range(stripes.shape[0]):
        found[stripe] = 0.0
        for start in range(0, rows, ROWS):
            width = min(ROWS, rows - start)
            for slot in range(m):
                block[slot, :width] = columns[stripes[stripe, slot], start : start + width]
            found[stripe] += top_sum(block, n, width)


@compiled
def _middle_of_three(a: Columns, b: Columns, c: Columns, found: Columns) -> None:
    """The second largest of three, row by row, in one pass: the floors of 2:4."""
    for row in range(found.size):
        low, high = min(a[row], b[row]), max(a[row], b[row])
        found[row] = max(low, min(high, c[row]))


@compiled
def floor(
    columns: Columns, stripe: NDArray[np.int64], slot: int, n: int, block: Columns, found: Columns
) -> None:
    """The n-th largest of a stripe without one slot, in each row, into `found`.

    `block: float32[m - 1, ROWS]` is scratch space.
    """
    m = stripe.size
    if m == 4 and n == 2:
        a, b, c = stripe[(slot + 1) % 4], stripe[(slot + 2) % 4], stripe[(slot + 3) % 4]
        _middle_of_three(columns[a], columns[b], columns[c], found)
        return
    for start in range(0, found.size, ROWS):
        width = min(ROWS, found.size - start)
        for place in range(m - 1):
            source = columns[stripe[(slot + 1 + place) % m]]
            for row in range(width):
                block[place, row] = source[start + row]
        rank(block, n, width)
        for row in range(width):
            found[start + row] = block[n - 1, row]


@compiled
def floors(columns: Columns, stripes: Stripes, n: int, found: Columns) -> None:
    """The n-th largest of the others, for each slot and row, into `found`."""
    m = stripes.shape[1]
    block = np.empty((m - 1, ROWS), dtype=np.float32)
    for stripe in range(stripes.shape[0]):
        for slot in range(m):
            floor(columns, stripes[stripe], slot, n, block, found[stripe * m + slot])
