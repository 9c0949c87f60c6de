"""Compiled: swap annealing on a table of the gains of all swaps.

The gains of all swaps of some hundred channels fit the cache, and most swaps at low heat
are refused. So a swap that is refused costs one comparison, of whole vectors at a time,
and only one that is made costs new lines of the table, those of its two stripes.
"""

import numpy as np
from numpy.typing import NDArray

from permviz.kernels.compiled import ROWS, compiled, floor
from permviz.kernels.compiled_anneal import draw, high
from permviz.kernels.protocol import Columns

_LUCK = 4096
"""Exponential random numbers of a call; each slot's swaps read them from a random place."""

_NEVER = -1e30

_PAD = 16
"""Added to lines of a power of two, which would all share a few cache lines."""

_TOGETHER = 4
"""Rows that are added to a line at a time."""


def room(channels: int, rows: int) -> tuple[int, int]:
    """Lines and width of what `anneal_table` keeps between calls: scores, values and gains."""
    return -(-rows // _TOGETHER) * _TOGETHER + 2 * channels, channels + _PAD


@compiled
def _line(floor: Columns, held: Columns, found: Columns) -> None:
    """Sum over rows of max(floor, held), for each channel: sums go along the vectors."""
    for at in range(found.size):
        found[at] = 0.0
    for first in range(0, floor.size, _TOGETHER):
        row = np.uint64(first)
        a, b, c, d = floor[row], floor[row + 1], floor[row + 2], floor[row + 3]
        p, q, r, s = held[row], held[row + 1], held[row + 2], held[row + 3]
        for at in range(found.size):
            found[at] += (max(a, p[at]) + max(b, q[at])) + (max(c, r[at]) + max(d, s[at]))


@compiled
def _renew(
    columns: Columns, order: NDArray[np.int64], slot: int, n: int, m: int, kept: int,
    held: Columns, values: Columns, block: Columns, lowest: Columns,
) -> None:  # fmt: skip
    """Values of all channels in the slots of a stripe, but for slot `kept`."""
    start, rows = slot // m * m, columns.shape[1]
    for place in range(m):
        if start + place != kept:
            floor(columns, order[start : start + m], place, n, block, lowest[:rows])
            _line(lowest, held, values[start + place])


@compiled
def _gains(values: Columns, gains: Columns, start: int, m: int) -> None:
    """Gains of all swaps with one stripe, in the lines and in the columns of its slots."""
    for name in range(values.shape[0]):
        other = np.uint64(name)
        own = values[other, other]
        for place in range(start, start + m):
            slot = np.uint64(place)
            gain = (values[slot, other] - values[slot, slot]) + (values[other, slot] - own)
            gains[slot, other] = gains[other, slot] = gain
    for slot in range(start, start + m):
        gains[slot, start : start + m] = np.float32(_NEVER)


@compiled
def _exchange(lines: Columns, i: int, j: int) -> None:
    """Exchange two columns."""
    for name in range(lines.shape[0]):
        line, a, b = np.uint64(name), np.uint64(i), np.uint64(j)
        lines[line, a], lines[line, b] = lines[line, b], lines[line, a]


@compiled
def _luckiest(gains: Columns, luck: Columns, heat: np.float32) -> int:
    """The swap with the most gain and luck together; -1 where none has any."""
    hits = np.int32(0)
    # Counting is what the compiler makes vectors of.
    for other in range(luck.size):
        hits += np.int32(gains[other] + heat * luck[other] > 0)
    if hits == 0:
        return -1
    best, swap = np.float32(0), -1
    for other in range(luck.size):
        lucky = gains[other] + heat * luck[other]
        if lucky > best:
            best, swap = lucky, other
    return swap


@compiled
def fill_table(
    columns: Columns, order: NDArray[np.int64], n: int, m: int, table: Columns
) -> None:  # fmt: skip
    """The whole table of an order, into zeros that have the `room`."""
    channels = order.size
    rows = table.shape[0] - 2 * channels
    block, lowest = np.empty((m - 1, ROWS), dtype=np.float32), np.zeros(rows, dtype=np.float32)
    held, values, gains = table[:rows], table[rows : rows + channels], table[rows + channels :]
    for slot in range(channels):
        for row in range(columns.shape[1]):
            held[row, slot] = columns[order[slot], row]
    for start in range(0, channels, m):
        _renew(columns, order, start, n, m, -1, held, values, block, lowest)
    for start in range(0, channels, m):
        _gains(values, gains, start, m)


@compiled
def anneal_table(
    columns: Columns, order: NDArray[np.int64], n: int, m: int, temperature: float, sweeps: int,
    most: int, state: NDArray[np.uint64], table: Columns,
) -> None:  # fmt: skip
    """Try all swaps of `order` some times by Metropolis' rule, in place, until `most` are made.

    `table` is that of the order, before and after.
    """
    channels = order.size
    rows = table.shape[0] - 2 * channels
    block, lowest = np.empty((m - 1, ROWS), dtype=np.float32), np.zeros(rows, dtype=np.float32)
    held, values, gains = table[:rows], table[rows : rows + channels], table[rows + channels :]
    luck = np.empty(_LUCK + channels, dtype=np.float32)
    for at in range(luck.size):
        luck[at] = -np.log(((draw(state) >> np.uint64(11)) + 0.5) * 2.0**-53)
    heat = np.float32(temperature)
    for _ in range(sweeps):
        for i in range(channels):
            first = high(draw(state), _LUCK)
            j = _luckiest(gains[i], luck[first : first + channels], heat)
            if j < 0:
                continue
            order[i], order[j] = order[j], order[i]
            _exchange(held, i, j)
            _exchange(values, i, j)
            for slot in (i, j):
                _renew(columns, order, slot, n, m, slot, held, values, block, lowest)
            for slot in (i, j):
                _gains(values, gains, slot // m * m, m)
            most -= 1
            if most <= 0:
                return
