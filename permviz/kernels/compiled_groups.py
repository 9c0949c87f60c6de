"""Compiled: tables over the subsets of some stripes, and the best way to share them out.

Groups are taken eight at a time with their tables side by side, so that reading the best
partition, which would be a gather for one group, is plain vector arithmetic for eight.
"""

import numpy as np
from numpy.typing import NDArray

from permviz.kernels.compiled import compiled, top_sum
from permviz.kernels.protocol import Columns, Stripes, Values

_WIDTH = 128
"""Rows whose sorted pairs stay in the cache."""

_LANES = 8

Numbers = NDArray[np.uint16]  # unsigned, or every look-up tests for indices from the end


@compiled
def _table_of_any(
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
def _two_of_four(
    high: Columns, both: Columns, first: np.uintp, second: np.uintp, width: int
) -> np.float32:
    """Sum over rows of the two largest of two pairs, each given as its maximum and sum.

    The two largest are one of each pair or both of one pair. Whole arrays and unsigned
    lines, since taking a view and testing a sign cost as much as the sum itself.
    """
    total = np.float32(0)
    for row in range(width):
        apart = high[first, row] + high[second, row]
        total += max(apart, max(both[first, row], both[second, row]))
    return total


@compiled
def _sorted_pairs(
    columns: Columns, members: NDArray[np.int64], start: int, width: int, high: Columns,
    both: Columns,
) -> None:  # fmt: skip
    """Maximum and sum of every pair of members; pair (a, b) in line a * places + b."""
    for a in range(members.size):
        left = columns[members[a], start : start + width]
        for b in range(a + 1, members.size):
            right = columns[members[b], start : start + width]
            line = np.uintp(a * members.size + b)
            for row in range(width):
                high[line, row] = max(left[row], right[row])
                both[line, row] = left[row] + right[row]


@compiled
def _table_of_two_of_four(
    columns: Columns, members: NDArray[np.int64], listed: Stripes, found: Values
) -> None:
    """The same table for 2:4, from maximum and sum of every pair of channels."""
    rows, places = columns.shape[1], members.size
    high = np.empty((places * places, _WIDTH), dtype=np.float32)
    both = np.empty((places * places, _WIDTH), dtype=np.float32)
    found[:] = 0.0
    for start in range(0, rows, _WIDTH):
        width = min(_WIDTH, rows - start)
        _sorted_pairs(columns, members, start, width, high, both)
        for subset in range(listed.shape[0]):
            first = np.uintp(listed[subset, 0] * places + listed[subset, 1])
            second = np.uintp(listed[subset, 2] * places + listed[subset, 3])
            found[subset] += _two_of_four(high, both, first, second, width)


@compiled
def table(
    columns: Columns, members: NDArray[np.int64], listed: Stripes, n: int, found: Values
) -> None:
    """Value of every listed subset of `members` into `found`."""
    if listed.shape[1] == 4 and n == 2:
        _table_of_two_of_four(columns, members, listed, found)
    else:
        _table_of_any(columns, members, listed, n, found)


@compiled
def _best_splits(values: Values, halves: Numbers, found: Values) -> None:
    """The best split of each double set in each lane: float64[doubles, 8].

    One accumulator a lane is what the compiler turns into vectors; a loop over lanes it
    leaves in memory.
    """
    low = -np.inf
    for double in range(halves.shape[0]):
        b0 = b1 = b2 = b3 = b4 = b5 = b6 = b7 = low
        for split in range(halves.shape[1]):
            i, j = halves[double, split, 0], halves[double, split, 1]
            b0, b1 = max(b0, values[i, 0] + values[j, 0]), max(b1, values[i, 1] + values[j, 1])
            b2, b3 = max(b2, values[i, 2] + values[j, 2]), max(b3, values[i, 3] + values[j, 3])
            b4, b5 = max(b4, values[i, 4] + values[j, 4]), max(b5, values[i, 5] + values[j, 5])
            b6, b7 = max(b6, values[i, 6] + values[j, 6]), max(b7, values[i, 7] + values[j, 7])
        found[double, 0], found[double, 1], found[double, 2], found[double, 3] = b0, b1, b2, b3
        found[double, 4], found[double, 5], found[double, 6], found[double, 7] = b4, b5, b6, b7


@compiled
def _rest(
    values: Values, doubles: Values, alone: NDArray[np.int64], double: int, lane: int
) -> float:
    """What is kept outside a double set, shared out as well as can be."""
    if alone.size:
        return values[alone[double], lane]
    if doubles.shape[0] == 1:
        return 0.0
    return doubles[doubles.shape[0] - 1 - double, lane]


@compiled
def _best_double(
    values: Values, doubles: Values, alone: NDArray[np.int64], lane: int
) -> tuple[int, float]:
    """The double set of the best partition in one lane, and its value."""
    best, choice = -np.inf, 0
    stop = doubles.shape[0] if doubles.shape[0] == 1 or alone.size else doubles.shape[0] // 2
    for double in range(stop):
        total = doubles[double, lane] + _rest(values, doubles, alone, double, lane)
        if total > best:
            best, choice = total, double
    return choice, best


@compiled
def _write_split(
    values: Values, halves: Numbers, listed: Stripes, lane: int,
    sharing: NDArray[np.uint8],
) -> None:  # fmt: skip
    """The places of the best split of one double set into `sharing: uint8[2m]`."""
    m = listed.shape[1]
    best, choice = -np.inf, 0
    for split in range(halves.shape[0]):
        total = values[halves[split, 0], lane] + values[halves[split, 1], lane]
        if total > best:
            best, choice = total, split
    for slot in range(m):
        sharing[slot] = listed[halves[choice, 0], slot]
        sharing[m + slot] = listed[halves[choice, 1], slot]


@compiled
def group_gains(
    columns: Columns, stripes: Stripes, groups: Stripes, n: int, listed: Stripes,
    halves: Numbers, alone: NDArray[np.int64], present: NDArray[np.int64],
    gains: Values, sharings: NDArray[np.uint8],
) -> None:  # fmt: skip
    """Gain of the best sharing of each group, and the places of its channels."""
    size, m = groups.shape[1], stripes.shape[1]
    values = np.zeros((listed.shape[0], _LANES))
    doubles = np.empty((halves.shape[0], _LANES))
    members, one = np.empty(size * m, dtype=np.int64), np.empty(listed.shape[0])
    for start in range(0, groups.shape[0], _LANES):
        lanes = min(_LANES, groups.shape[0] - start)
        for lane in range(lanes):
            for place in range(size):
                members[place * m : place * m + m] = stripes[groups[start + lane, place]]
            table(columns, members, listed, n, one)
            values[:, lane] = one
        _best_splits(values, halves, doubles)
        for lane in range(lanes):
            double, best = _best_double(values, doubles, alone, lane)
            kept = 0.0
            for stripe in range(size):
                kept += values[present[stripe], lane]
            gains[start + lane] = best - kept
            sharing = sharings[start + lane]
            _write_split(values, halves[double], listed, lane, sharing)
            if size == 3:
                for slot in range(m):
                    sharing[2 * m + slot] = listed[alone[double], slot]
            elif size == 4:
                other = halves[halves.shape[0] - 1 - double]
                _write_split(values, other, listed, lane, sharing[2 * m :])
