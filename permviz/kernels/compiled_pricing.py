"""Compiled: the value of every stripe there is, compared with prices of its channels.

A stripe is built from all but two of its members, the *stem*, then one more member c,
then the last one x; stem < c < x. Per row let t1 >= t2 >= ... be the stem's scores. With
c the n-th largest is b = max(t_n, min(t_{n-1}, c)) and the n-1 largest add up to
t_1 + ... + t_{n-2} + max(t_{n-1}, c). So every stripe costs one max and one add a row:

    value = sum over rows of t_1 + ... + t_{n-2} + max(t_{n-1}, c) + max(b, x)
"""

import numpy as np
from numpy.typing import NDArray

from permviz.kernels.compiled import compiled, rank
from permviz.kernels.protocol import Columns, Stripes, Values

CHUNK = 128
"""Rows that are summed in float32 before they go into float64: rounding is at most
CHUNK * 2**-24 of a sum of non-negative terms, in whatever order they are added."""

_NO_BOUND = np.float32(3e38)


@compiled
def _stem(
    columns: Columns, stem: NDArray[np.int64], n: int, upper: Columns, lower: Columns
) -> float:
    """t_{n-1} and t_n of each row into `upper` and `lower`; the sum of what lies above."""
    rows, total = columns.shape[1], 0.0
    block = np.zeros((max(n, stem.size), CHUNK), dtype=np.float32)
    for start in range(0, rows, CHUNK):
        width = min(CHUNK, rows - start)
        for place in range(stem.size):
            source = columns[stem[place]]
            for row in range(width):
                block[place, row] = source[start + row]
        rank(block[: stem.size], min(n, stem.size), width)
        above = np.float32(0)
        for place in range(n - 2):
            for row in range(width):
                above += block[place, row]
        total += float(above)
        for row in range(width):
            upper[start + row] = block[n - 2, row] if n > 1 else _NO_BOUND
            lower[start + row] = block[n - 1, row]
    return total


@compiled
def _open(upper: Columns, lower: Columns, column: Columns, n: int, floor: Columns) -> float:
    """Add one member to a stem: its n-th largest into `floor`; the sum of max(t_{n-1}, c)."""
    total = 0.0
    for start in range(0, floor.size, CHUNK):
        kept = np.float32(0)
        for row in range(start, min(start + CHUNK, floor.size)):
            floor[row] = max(lower[row], min(upper[row], column[row]))
            kept += max(upper[row], column[row])
        total += float(kept)
    return total if n > 1 else 0.0


@compiled
def _tile(
    floors: Columns, columns: Columns, x0: np.uint64, x1: np.uint64, place: np.uint64,
    start: np.uint64, stop: np.uint64, one: np.float32, found: Values,
) -> None:  # fmt: skip
    """Eight max-sums at once: each loaded value is used two or four times from a register.

    Times `one`, which the compiler cannot know, additions become fused multiply-adds, in
    units that maxima do not need.
    """
    zero = np.float32(0)
    s00 = s01 = s10 = s11 = s20 = s21 = s30 = s31 = zero
    i0, i1, i2, i3 = np.uint64(0), np.uint64(1), np.uint64(2), np.uint64(3)
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
    after = place + i1
    found[i0, place], found[i0, after] = found[i0, place] + s00, found[i0, after] + s01
    found[i1, place], found[i1, after] = found[i1, place] + s10, found[i1, after] + s11
    found[i2, place], found[i2, after] = found[i2, place] + s20, found[i2, after] + s21
    found[i3, place], found[i3, after] = found[i3, place] + s30, found[i3, after] + s31


@compiled
def _last_values(columns: Columns, floors: Columns, first: int, found: Values) -> None:
    """Sum of max(b, x) for four opened stems and every channel from `first` on.

    `found` has a column to spare, for the second half of a last, half-filled tile.
    """
    channels, rows = columns.shape
    one = np.float32(min(rows, 1))
    found[:, first:] = 0.0
    # Indices without a sign need no look for negative ones, which would block vectors.
    for begin in range(0, rows, CHUNK):
        start, stop = np.uint64(begin), np.uint64(min(begin + CHUNK, rows))
        for x in range(first, channels, 2):
            x1 = np.uint64(min(x + 1, channels - 1))
            _tile(floors, columns, np.uint64(x), x1, np.uint64(x), start, stop, one, found)


@compiled
def _next_stem(stem: NDArray[np.int64], fixed: int, channels: int) -> bool:
    """Go on to the next ascending stem with the same first `fixed` members."""
    place = stem.size - 1
    while place >= fixed and stem[place] == channels - 2 - stem.size + place:
        place -= 1
    if place < fixed:
        return False
    stem[place] += 1
    for later in range(place + 1, stem.size):
        stem[later] = stem[later - 1] + 1
    return True


@compiled
def _first_stem(head: NDArray[np.int64], stem: NDArray[np.int64], channels: int) -> bool:
    """The lowest stem that begins with `head`; tells whether two channels follow it."""
    for place in range(stem.size):
        stem[place] = head[place] if place < head.size else stem[place - 1] + 1
    return stem.size == 0 or stem[stem.size - 1] < channels - 2


@compiled
def _excess(over: Values, prices: Values, base: float, c: int, excess: Values) -> float:
    """Turn last values into excesses, in place; the largest of them."""
    base -= prices[c]
    top = -np.inf
    for x in range(c + 1, prices.size):
        value = over[x] + (base - prices[x])
        over[x] = value
        excess[x] = max(excess[x], value)
        top = max(top, value)
    excess[c] = max(excess[c], top)
    return top


@compiled
def _write(stem: NDArray[np.int64], c: int, x: int, stripe: NDArray[np.int64]) -> None:
    for place in range(stem.size):
        stripe[place] = stem[place]
    stripe[stem.size], stripe[stem.size + 1] = c, x


@compiled
def _note(
    over: Values, stem: NDArray[np.int64], c: int, cutoff: float, best: float, winner: Stripes,
    found: Stripes, listed: int,
) -> int:  # fmt: skip
    """Remember the stem's best stripe if it beats `best`, and list those above `cutoff`."""
    for x in range(c + 1, over.size - 1):
        if over[x] > best:
            best = over[x]
            _write(stem, c, x, winner)
        if over[x] > cutoff:
            if listed < found.shape[0]:
                _write(stem, c, x, found[listed])
            listed += 1
    return listed


@compiled
def _price_stem(
    columns: Columns, prices: Values, stem: NDArray[np.int64], n: int, cutoff: float,
    excess: Values, best: Values, winners: Stripes, found: Stripes, listed: int,
    lines: Columns, values: Values,
) -> int:  # fmt: skip
    """Price all stripes of one stem; how many are listed by now."""
    upper, lower, floors = lines[4], lines[5], lines[:4]
    channels, kept = columns.shape[0], np.empty(4)
    above = _stem(columns, stem, n, upper, lower)
    for member in stem:
        above -= prices[member]
    for opened in range(stem[-1] + 1 if stem.size else 0, channels - 1, 4):
        for line in range(4):
            column = columns[min(opened + line, channels - 2)]
            kept[line] = _open(upper, lower, column, n, floors[line])
        _last_values(columns, floors, opened + 1, values)
        for line in range(min(4, channels - 1 - opened)):
            c = opened + line
            top = _excess(values[line], prices, above + kept[line], c, excess)
            for member in stem:
                excess[member] = max(excess[member], top)
            unit = c if best.size > 1 else 0
            if top > min(best[unit], cutoff):
                listed = _note(
                    values[line], stem, c, cutoff, best[unit], winners[unit], found, listed
                )
                best[unit] = max(best[unit], top)
    return listed


@compiled
def price(
    columns: Columns, prices: Values, heads: Stripes, n: int, m: int, cutoff: float,
    excess: Values, best: Values, winners: Stripes, found: Stripes,
) -> int:  # fmt: skip
    """Compare all stripes that begin with one of `heads` with the prices of their members.

    The excess of a stripe is its value less its members' prices.

    Args:
        columns: float32[channels, rows]
        prices: float64[channels]
        heads: int64[heads, k], each ascending, with k at most m - 2.
        n: how many channels of a stripe survive.
        m: channels of a stripe.
        cutoff: stripes with more excess are listed in `found`, as long as it has room.
        excess: float64[channels], raised to the largest excess of a stripe with a channel.
        best: float64[heads, units], raised to the largest excess that begins with a head;
            with more than one unit, also by the last member but one.
        winners: int64[heads, units, m], the stripes that have it.
        found: int64[room, m]

    Returns:
        How many stripes have more excess than `cutoff`, listed or not.
    """
    channels, rows = columns.shape
    lines, values = np.empty((6, rows), dtype=np.float32), np.empty((4, channels + 1))
    stem, listed = np.empty(m - 2, dtype=np.int64), 0
    for number in range(heads.shape[0]):
        more = _first_stem(heads[number], stem, channels)
        while more:
            listed = _price_stem(
                columns, prices, stem, n, cutoff, excess, best[number], winners[number],
                found, listed, lines, values,
            )  # fmt: skip
            more = _next_stem(stem, heads.shape[1], channels)
    return listed


@compiled
def exact_values(columns: Columns, stripes: Stripes, n: int, found: Values) -> None:
    """Retained score of each stripe into `found`, every sum in float64."""
    rows, m = columns.shape[1], stripes.shape[1]
    block = np.empty((m, CHUNK), dtype=np.float32)
    for stripe in range(stripes.shape[0]):
        found[stripe] = 0.0
        for start in range(0, rows, CHUNK):
            width = min(CHUNK, rows - start)
            for slot in range(m):
                block[slot, :width] = columns[stripes[stripe, slot], start : start + width]
            rank(block, n, width)
            for place in range(n):
                for row in range(width):
                    found[stripe] += np.float64(block[place, row])
