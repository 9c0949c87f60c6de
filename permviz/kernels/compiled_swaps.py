"""Compiled: the swap table, and one greedy round of swaps read from it."""

import numpy as np
from numpy.typing import NDArray

from permviz.kernels.compiled import ROWS, compiled
from permviz.kernels.protocol import Columns, Stripes, Values

_CHANNELS = 64
"""Channels whose row block stays in the second-level cache."""


@compiled
def _tile(
    b0: Columns, b1: Columns, b2: Columns, b3: Columns,
    x0: Columns, x1: Columns, x2: Columns, x3: Columns, sums: Columns,
) -> None:  # fmt: skip
    """Sixteen max-sums at once: each loaded value is used four times from a register."""
    zero = np.float32(0)
    s00 = s01 = s02 = s03 = s10 = s11 = s12 = s13 = zero
    s20 = s21 = s22 = s23 = s30 = s31 = s32 = s33 = zero
    for row in range(b0.size):
        p0, p1, p2, p3 = x0[row], x1[row], x2[row], x3[row]
        b = b0[row]
        s00, s01, s02, s03 = s00 + max(b, p0), s01 + max(b, p1), s02 + max(b, p2), s03 + max(b, p3)
        b = b1[row]
        s10, s11, s12, s13 = s10 + max(b, p0), s11 + max(b, p1), s12 + max(b, p2), s13 + max(b, p3)
        b = b2[row]
        s20, s21, s22, s23 = s20 + max(b, p0), s21 + max(b, p1), s22 + max(b, p2), s23 + max(b, p3)
        b = b3[row]
        s30, s31, s32, s33 = s30 + max(b, p0), s31 + max(b, p1), s32 + max(b, p2), s33 + max(b, p3)
    sums[0, 0], sums[0, 1], sums[0, 2], sums[0, 3] = s00, s01, s02, s03
    sums[1, 0], sums[1, 1], sums[1, 2], sums[1, 3] = s10, s11, s12, s13
    sums[2, 0], sums[2, 1], sums[2, 2], sums[2, 3] = s20, s21, s22, s23
    sums[3, 0], sums[3, 1], sums[3, 2], sums[3, 3] = s30, s31, s32, s33


@compiled
def slot_values(floors: Columns, columns: Columns, found: Values) -> None:
    """K[i, x], the sum over rows of max(floors[i], columns[x]), into `found`."""
    slots, channels, rows = floors.shape[0], columns.shape[0], columns.shape[1]
    sums = np.empty((4, 4), dtype=np.float32)
    found[:] = 0.0
    for start in range(0, rows, ROWS):
        stop = min(start + ROWS, rows)
        for first in range(0, channels, _CHANNELS):
            for i in range(0, slots, 4):
                # At the edges a tile repeats its last line instead of shrinking.
                i1, i2, i3 = min(i + 1, slots - 1), min(i + 2, slots - 1), min(i + 3, slots - 1)
                b0, b1 = floors[i, start:stop], floors[i1, start:stop]
                b2, b3 = floors[i2, start:stop], floors[i3, start:stop]
                for x in range(first, min(first + _CHANNELS, channels), 4):
                    last = channels - 1
                    x1, x2, x3 = min(x + 1, last), min(x + 2, last), min(x + 3, last)
                    p0, p1 = columns[x, start:stop], columns[x1, start:stop]
                    p2, p3 = columns[x2, start:stop], columns[x3, start:stop]
                    _tile(b0, b1, b2, b3, p0, p1, p2, p3, sums)
                    for down in range(min(4, slots - i)):
                        for right in range(min(4, channels - x)):
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
