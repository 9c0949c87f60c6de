"""Compiled: the swap table, and one greedy round of swaps read from it."""

import numpy as np
from numpy.typing import NDArray

from permviz.kernels.compiled import compiled
from permviz.kernels.protocol import Columns, Stripes, Values

_CHANNELS = 32
"""Channels whose row block stays in the second-level cache."""

_ROWS = 1024
"""Rows of a block: four floors of it stay in the first-level cache."""


@compiled
def _tile(
    floors: Columns, columns: Columns, i0: np.uint64, i1: np.uint64, i2: np.uint64, i3: np.uint64,
    x0: np.uint64, x1: np.uint64, start: np.uint64, stop: np.uint64, one: np.float32,
    sums: Columns,
) -> None:  # fmt: skip
    """Eight max-sums at once: each loaded value is used two or four times from a register.

    Eight sums leave room in sixteen vector registers. Times `one`, which the compiler
    cannot know, an addition becomes a fused multiply-add: AMD's cores make maxima and
    additions in the same two units, but multiply-adds in two others.
    """
    zero = np.float32(0)
    s00 = s01 = s10 = s11 = s20 = s21 = s30 = s31 = zero
    for row in range(start, stop):
        p0, p1 = columns[x0, row], columns[x1, row]
        b = floors[i0, row]
        s00, s01 = s00 + max(b, p0) * one, s01 + max(b, p1) * one
        b = floors[i1, row]
        s10, s11 = s10 + max(b, p0) * one, s11 + max(b, p1) * one
        b = floors[i2, row]
        s20, s21 = s20 + max(b, p0) * one, s21 + max(b, p1) * one
        b = floors[i3, row]
        s30, s31 = s30 + max(b, p0) * one, s31 + max(b, p1) * one
    sums[0, 0], sums[0, 1], sums[1, 0], sums[1, 1] = s00, s01, s10, s11
    sums[2, 0], sums[2, 1], sums[3, 0], sums[3, 1] = s20, s21, s30, s31


@compiled
def _add_tile(
    found: Values, i0: np.uint64, i1: np.uint64, i2: np.uint64, i3: np.uint64, x0: np.uint64,
    x1: np.uint64, sums: Columns,
) -> None:  # fmt: skip
    """Add a whole tile to the table: a loop over it would cost as much as a short row."""
    found[i0, x0] += sums[0, 0]
    found[i0, x1] += sums[0, 1]
    found[i1, x0] += sums[1, 0]
    found[i1, x1] += sums[1, 1]
    found[i2, x0] += sums[2, 0]
    found[i2, x1] += sums[2, 1]
    found[i3, x0] += sums[3, 0]
    found[i3, x1] += sums[3, 1]


@compiled
def slot_values(floors: Columns, columns: Columns, found: Values) -> None:
    """K[i, x], the sum over rows of max(floors[i], columns[x]), into `found`."""
    slots, channels, rows = floors.shape[0], columns.shape[0], columns.shape[1]
    sums, one = np.empty((4, 2), dtype=np.float32), np.float32(min(rows, 1))
    blocks = max(1, -(-rows // _ROWS))
    width = max(16, -(-rows // (16 * blocks)) * 16)
    found[:] = 0.0
    for begin in range(0, rows, width):
        # Indices without a sign need no look for negative ones, which would block vectors;
        # slices of rows would count references, which costs as much as a short row.
        start, stop = np.uint64(begin), np.uint64(min(begin + width, rows))
        for first in range(0, channels, _CHANNELS):
            for i in range(0, slots, 4):
                # At the edges a tile repeats its last line instead of shrinking.
                i0, i1 = np.uint64(i), np.uint64(min(i + 1, slots - 1))
                i2, i3 = np.uint64(min(i + 2, slots - 1)), np.uint64(min(i + 3, slots - 1))
                for x in range(first, min(first + _CHANNELS, channels), 2):
                    x0, x1 = np.uint64(x), np.uint64(min(x + 1, channels - 1))
                    _tile(floors, columns, i0, i1, i2, i3, x0, x1, start, stop, one, sums)
                    if i + 4 <= slots and x + 2 <= channels:
                        _add_tile(found, i0, i1, i2, i3, x0, x1, sums)
                        continue
                    for down in range(min(4, slots - i)):
                        for right in range(min(2, channels - x)):
                            found[i + down, x + right] += sums[down, right]


@compiled
def _best_swap(
    values: Values, order: NDArray[np.int64], own: Values, used: NDArray[np.bool_], i: int, m: int
) -> tuple[int, float]:
    """The best partner of slot i among the stripes that are free, and the gain."""
    channel, best, partner = order[i], -np.inf, 0
    for stripe in range(used.size):
        if used[stripe] or stripe == i // m:
            continue
        for j in range(stripe * m, stripe * m + m):
            gain = values[i, order[j]] + values[j, channel] - own[i] - own[j]
            if gain > best:
                best, partner = gain, j
    return partner, best


@compiled
def best_swaps(
    values: Values, order: NDArray[np.int64], own: Values, first: int, partners: NDArray[np.int64],
    gains: Values, m: int,
) -> None:  # fmt: skip
    """Best partners of the slots from `first` on, as many as `partners` holds."""
    free = np.zeros(order.size // m, dtype=np.bool_)
    for line in range(partners.size):
        partners[line], gains[line] = _best_swap(values, order, own, free, first + line, m)


@compiled
def swap_round(
    values: Values, order: NDArray[np.int64], own: Values, partners: NDArray[np.int64],
    gains: Values, m: int,
) -> Stripes:  # fmt: skip
    """Take swaps best first; a slot whose partner's stripe is used looks again."""
    used = np.zeros(order.size // m, dtype=np.bool_)
    swaps, count = np.empty((order.size // m // 2, 2), dtype=np.int64), 0
    while count < swaps.shape[0]:
        slot = np.argmax(gains)
        if gains[slot] <= 0:
            break
        partner = partners[slot]
        if used[slot // m]:
            gains[slot] = -np.inf
        elif used[partner // m]:
            partners[slot], gains[slot] = _best_swap(values, order, own, used, slot, m)
        else:
            used[slot // m] = used[partner // m] = True
            swaps[count, 0], swaps[count, 1] = slot, partner
            count += 1
    return swaps[:count]
