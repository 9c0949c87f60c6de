"""How the kernels for the CPU are compiled, and the arithmetic of single stripes.

Each compiled function is serial and runs without the interpreter lock.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

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
def stripe_values(columns: Columns, stripes: Stripes, n: int, found: Values) -> None:
    """Retained score of each stripe into `found`."""
    rows, m = columns.shape[1], stripes.shape[1]
    block = np.empty((m, ROWS), dtype=np.float32)
    for stripe in range(stripes.shape[0]):
        found[stripe] = 0.0
        for start in range(0, rows, ROWS):
            width = min(ROWS, rows - start)
            for slot in range(m):
                block[slot, :width] = columns[stripes[stripe, slot], start : start + width]
            found[stripe] += top_sum(block, n, width)


@compiled
def floors(columns: Columns, stripes: Stripes, n: int, found: Columns) -> None:
    """The n-th largest of the others, for each slot and row, into `found`."""
    rows, m = columns.shape[1], stripes.shape[1]
    block = np.empty((m - 1, ROWS), dtype=np.float32)
    for stripe in range(stripes.shape[0]):
        for slot in range(m):
            for start in range(0, rows, ROWS):
                width = min(ROWS, rows - start)
                place = 0
                for other in range(m):
                    if other != slot:
                        source = columns[stripes[stripe, other], start : start + width]
                        block[place, :width] = source
                        place += 1
                rank(block, n, width)
                found[stripe * m + slot, start : start + width] = block[n - 1, :width]
