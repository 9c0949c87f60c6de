"""Kernels for the CPU, compiled by numba without the interpreter lock.

Each compiled function is serial; `NumbaKernels` spreads tiles over Python threads. Not
`prange`: numba's fallback threading layer aborts the process when two threads enter it,
and every element must come from one thread for results to be the same on any number.
Row blocks are summed in float32 and added up in float64, or small gains would drown in
the rounding of sums over 10^5 rows.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from permviz.kernels.protocol import Columns, Stripes, Values
from permviz.kernels.subsets import subsets

# No NaN and no infinity passes the checks on scores, so the compiler may reorder sums.
_FAST = {"reassoc", "nnan", "ninf", "nsz", "contract"}
_ROWS = 512
_CHANNELS = 64
_SMALL_ROWS = 128
_WORTH_THREADS = 4_000_000


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    return njit(nogil=True, cache=True, fastmath=_FAST, boundscheck=False)(function)


@_compiled
def _rank(block: Columns, n: int, width: int) -> None:
    """Bring the n largest of each column of `block` to its first rows, descending."""
    for place in range(n):
        for other in range(block.shape[0] - 1, place, -1):
            upper, lower = block[other - 1], block[other]
            for row in range(width):
                above, below = upper[row], lower[row]
                upper[row] = max(above, below)
                lower[row] = min(above, below)


@_compiled
def _top_sum(block: Columns, n: int, width: int) -> np.float32:
    """Rank a block in place and add up its n largest."""
    _rank(block, n, width)
    total = np.float32(0)
    for place in range(n):
        for row in range(width):
            total += block[place, row]
    return total


@_compiled
def _stripe_values(columns: Columns, stripes: Stripes, n: int, found: Values) -> None:
    rows, m = columns.shape[1], stripes.shape[1]
    block = np.empty((m, _ROWS), dtype=np.float32)
    for stripe in range(stripes.shape[0]):
        found[stripe] = 0.0
        for start in range(0, rows, _ROWS):
            width = min(_ROWS, rows - start)
            for slot in range(m):
                block[slot, :width] = columns[stripes[stripe, slot], start : start + width]
            found[stripe] += _top_sum(block, n, width)


@_compiled
def _floors(columns: Columns, stripes: Stripes, n: int, found: Columns) -> None:
    rows, m = columns.shape[1], stripes.shape[1]
    block = np.empty((m - 1, _ROWS), dtype=np.float32)
    for stripe in range(stripes.shape[0]):
        for slot in range(m):
            for start in range(0, rows, _ROWS):
                width = min(_ROWS, rows - start)
                place = 0
                for other in range(m):
                    if other != slot:
                        source = columns[stripes[stripe, other], start : start + width]
                        block[place, :width] = source
                        place += 1
                _rank(block, n, width)
                found[stripe * m + slot, start : start + width] = block[n - 1, :width]


@_compiled
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


@_compiled
def _slot_values(floors: Columns, columns: Columns, found: Values) -> None:
    slots, channels, rows = floors.shape[0], columns.shape[0], columns.shape[1]
    sums = np.empty((4, 4), dtype=np.float32)
    found[:] = 0.0
    for start in range(0, rows, _ROWS):
        stop = min(start + _ROWS, rows)
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


@_compiled
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


@_compiled
def _best_swaps(
    values: Values, order: NDArray[np.int64], own: Values, first: int, partners: NDArray[np.int64],
    gains: Values, m: int,
) -> None:  # fmt: skip
    """Best partners of the slots from `first` on, as many as `partners` holds."""
    free = np.zeros(order.size // m, dtype=np.bool_)
    for line in range(partners.size):
        partners[line], gains[line] = _best_swap(values, order, own, free, first + line, m)


@_compiled
def _swap_round(
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


@_compiled
def _table(
    columns: Columns, members: NDArray[np.int64], listed: Stripes, n: int, found: Values
) -> None:
    """Value of every listed subset of `members`, for any N:M."""
    rows, m = columns.shape[1], listed.shape[1]
    block = np.empty((m, _SMALL_ROWS), dtype=np.float32)
    found[:] = 0.0
    for start in range(0, rows, _SMALL_ROWS):
        width = min(_SMALL_ROWS, rows - start)
        for subset in range(listed.shape[0]):
            for slot in range(m):
                source = columns[members[listed[subset, slot]]]
                for row in range(width):
                    block[slot, row] = source[start + row]
            found[subset] += _top_sum(block, n, width)


@_compiled
def _two_of_four(h0: Columns, l0: Columns, h1: Columns, l1: Columns) -> np.float32:
    """Sum over rows of the two largest of two pairs, each given as higher and lower."""
    total = np.float32(0)
    for row in range(h0.size):
        a, b = h0[row], h1[row]
        total += max(a, b) + max(min(a, b), max(l0[row], l1[row]))
    return total


@_compiled
def _table_two_of_four(
    columns: Columns, members: NDArray[np.int64], listed: Stripes, found: Values
) -> None:
    """The same table for 2:4, from the 28 pairs of the 8 channels sorted once."""
    rows = columns.shape[1]
    high = np.empty((8, 8, _SMALL_ROWS), dtype=np.float32)
    low = np.empty((8, 8, _SMALL_ROWS), dtype=np.float32)
    found[:] = 0.0
    for start in range(0, rows, _SMALL_ROWS):
        width = min(_SMALL_ROWS, rows - start)
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


@_compiled
def _pair_gains(
    columns: Columns, stripes: Stripes, pairs: Stripes, n: int, listed: Stripes,
    gains: Values, choices: NDArray[np.int64],
) -> None:  # fmt: skip
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


class NumbaKernels:
    """The compiled kernels, over `threads` threads; answers are the same for any number."""

    def __init__(self, threads: int = 1) -> None:
        self.threads = max(1, threads)
        self._pool = ThreadPoolExecutor(self.threads) if self.threads > 1 else None

    def stripe_values(self, columns: Columns, stripes: Stripes, n: int) -> Values:
        """Retained score of each stripe: float64[stripes]."""
        found = np.empty(len(stripes))
        _stripe_values(columns, stripes, n, found)
        return found

    def floors(self, columns: Columns, stripes: Stripes, n: int) -> Columns:
        """n-th largest of the others, for each slot and row: float32[slots, rows]."""
        found = np.empty((stripes.size, columns.shape[1]), dtype=np.float32)
        _floors(columns, stripes, n, found)
        return found

    def slot_values(self, floors: Columns, columns: Columns) -> Values:
        """K[i, x], the sum over rows of max(floors[i], columns[x]): float64[slots, channels]."""
        found = np.empty((len(floors), len(columns)))
        self._spread(
            len(floors),
            floors.size * len(columns),
            lambda at, to: _slot_values(floors[at:to], columns, found[at:to]),
        )
        return found

    def swap_round(self, values: Values, order: NDArray[np.int64], m: int) -> Stripes:
        """One round of greedy swaps, best first: int64[swaps, 2]."""
        partners, gains = np.empty(order.size, dtype=np.int64), np.empty(order.size)
        own = values[np.arange(order.size), order]
        self._spread(
            order.size,
            order.size**2,
            lambda at, to: _best_swaps(values, order, own, at, partners[at:to], gains[at:to], m),
        )
        return _swap_round(values, order, own, partners, gains, m)

    def pair_gains(
        self, columns: Columns, stripes: Stripes, pairs: NDArray[np.int64], n: int
    ) -> tuple[Values, NDArray[np.int64]]:
        """Best sharing of the channels of each pair of stripes: gains and subset numbers."""
        listed = subsets(stripes.shape[1])
        gains, choices = np.empty(len(pairs)), np.empty(len(pairs), dtype=np.int64)
        self._spread(
            len(pairs),
            len(pairs) * len(listed) * columns.shape[1],
            lambda at, to: _pair_gains(
                columns, stripes, pairs[at:to], n, listed, gains[at:to], choices[at:to]
            ),
        )
        return gains, choices

    def _spread(self, items: int, work: int, part: Callable[[int, int], None]) -> None:
        """Run `part(start, stop)` over all items, on the threads where that pays."""
        if self._pool is None or work < _WORTH_THREADS or items < self.threads:
            part(0, items)
            return
        edges = np.linspace(0, items, self.threads + 1).astype(int)
        list(self._pool.map(part, edges[:-1], edges[1:]))
