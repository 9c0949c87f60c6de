"""Compiled: tables over the subsets of two stripes, and the best way to share them."""

import numpy as np
from numpy.typing import NDArray

from permviz.kernels.compiled import compiled, top_sum
from permviz.kernels.protocol import Columns, Stripes, Values

_WIDTH = 128
"""Rows whose sorted pairs stay in the first-level cache."""


@compiled
def _table(
    columns: Columns, members: NDArray[np.int64], listed: Stripes, n: int, found: Values
) -> None:
    """Value of every listed subset of `members`, for any N:M."""
    rows, m = columns.shape[1], listed.shape[1]
    block = np.empty((m, _WIDTH), dtype=np.float32)
    found[:] = 0.0
    for start in range(0, rows, _WIDTH):
        width = min(_WIDTH, rows - start)
        for subset in range(listed.shape[0]):
            for slot in range(m):
                source = columns[members[listed[subset, slot]]]
                for row in range(width):
                    block[slot, row] = source[start + row]
            found[subset] += top_sum(block, n, width)


@compiled
def _two_of_four(h0: Columns, l0: Columns, h1: Columns, l1: Columns) -> np.float32:
    """Sum over rows of the two largest of two pairs, each given as higher and lower."""
    total = np.float32(0)
    for row in range(h0.size):
        a, b = h0[row], h1[row]
        total += max(a, b) + max(min(a, b), max(l0[row], l1[row]))
    return total


@compiled
def _table_two_of_four(
    columns: Columns, members: NDArray[np.int64], listed: Stripes, found: Values
) -> None:
    """The same table for 2:4, from the 28 pairs of the 8 channels sorted once."""
    rows = columns.shape[1]
    high = np.empty((8, 8, _WIDTH), dtype=np.float32)
    low = np.empty((8, 8, _WIDTH), dtype=np.float32)
    found[:] = 0.0
    for start in range(0, rows, _WIDTH):
        width = min(_WIDTH, rows - start)
        for a in range(8):
            left = columns[members[a], start : start + width]
            for b in range(a + 1, 8):
                right = columns[members[b], start : start + width]
                for row in range(width):
                    high[a, b, row] = max(left[row], right[row])
                    low[a, b, row] = min(left[row], right[row])
        for subset in range(listed.shape[0]):
            a, b, c, d = listed[subset]
            found[subset] += _two_of_four(
                high[a, b, :width], low[a, b, :width], high[c, d, :width], low[c, d, :width]
            )


@compiled
def pair_gains(
    columns: Columns, stripes: Stripes, pairs: Stripes, n: int, listed: Stripes,
    gains: Values, choices: NDArray[np.int64],
) -> None:  # fmt: skip
    """Gain of the best sharing of each pair, and the number of the subset that reaches it."""
    m, count = stripes.shape[1], listed.shape[0]
    values, members = np.empty(count), np.empty(2 * m, dtype=np.int64)
    for pair in range(pairs.shape[0]):
        members[:m], members[m:] = stripes[pairs[pair, 0]], stripes[pairs[pair, 1]]
        if m == 4 and n == 2:
            _table_two_of_four(columns, members, listed, values)
        else:
            _table(columns, members, listed, n, values)
        present = values[0] + values[count - 1]
        best, choice = present, 0
        for subset in range(1, count // 2):
            shared = values[subset] + values[count - 1 - subset]
            if shared > best:
                best, choice = shared, subset
        gains[pair], choices[pair] = best - present, choice
