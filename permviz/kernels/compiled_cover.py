"""Compiled: stripes that lose nothing, and covers of all channels by such stripes.

Rows and channels are sets of bits, 64 a word. Both searches are complete, work until an
allowance is spent, and go on where they stood when called again.
"""

import numpy as np
from numpy.typing import NDArray

from permviz.kernels.compiled import compiled

Words = NDArray[np.uint64]
Numbers = NDArray[np.int64]

NONE = 0
COVERED = 1
UNFINISHED = 2


@compiled
def _add(
    bits: Words, must: Words, levels: NDArray[np.uint64], depth: int, channel: int, left: int
) -> bool:
    """Put a channel into the stripe at `depth`; tells whether nothing is lost for it.

    `levels[depth, k]` are the rows in which the stripe's first channels hold more than k
    non-zeros; `must[k]` those that need more than k of them in every stripe, with `left`
    channels still to come.
    """
    n, words = must.shape
    for word in range(words):
        if levels[depth, n - 1, word] & bits[channel, word]:
            return False
    for word in range(words):
        column = bits[channel, word]
        levels[depth + 1, 0, word] = levels[depth, 0, word] | column
        for k in range(1, n):
            levels[depth + 1, k, word] = levels[depth, k, word] | (
                levels[depth, k - 1, word] & column
            )
        for k in range(left, n):
            if must[k, word] & ~levels[depth + 1, k - left, word]:
                return False
    return True


@compiled
def list_stripes(
    bits: Words, must: Words, levels: NDArray[np.uint64], path: Numbers,
    found: NDArray[np.int32], count: int, work: int,
) -> int:  # fmt: skip
    """Go on listing the stripes in which no row loses anything, in lexicographic order.

    Args:
        bits: uint64[channels, words], the rows in which each channel is not zero.
        must: uint64[n, words], rows with more than k non-zeros in every stripe.
        levels: uint64[m + 1, n, words], scratch space that is kept between calls.
        path: int64[m + 1], the next channel to try at each depth, and the depth itself
            last; the depth is negative when the listing is through.
        found: int32[limit, m], filled from `count` on.
        count: how many stripes were found before.
        work: how many words may be looked at.

    Returns:
        How many stripes are found by now.
    """
    channels, m, cost = bits.shape[0], path.size - 1, bits.shape[1] * must.shape[0]
    depth = path[m]
    while depth >= 0 and work > 0 and count < found.shape[0]:
        channel = path[depth]
        if channel > channels - (m - depth):
            depth -= 1
            continue
        path[depth] += 1
        work -= 2
        if not _add(bits, must, levels, depth, channel, m - 1 - depth):
            continue
        work -= cost
        if depth < m - 1:
            depth += 1
            path[depth] = channel + 1
            continue
        for slot in range(m):
            found[count, slot] = path[slot] - 1
        count += 1
    path[m] = depth
    return count


@compiled
def _scarcest(
    stripes: NDArray[np.int32], active: Numbers, size: int, covered: NDArray[np.bool_],
    counts: Numbers,
) -> int:  # fmt: skip
    """The free channel that the fewest stripes still hold; `counts` are left behind."""
    counts[:] = 0
    for place in range(size):
        for slot in range(stripes.shape[1]):
            counts[stripes[active[place], slot]] += 1
    scarcest = -1
    for channel in range(covered.size):
        if not covered[channel] and (scarcest < 0 or counts[channel] < counts[scarcest]):
            scarcest = channel
    return scarcest


@compiled
def _first_with(stripes: NDArray[np.int32], active: Numbers, size: int, channel: int) -> int:
    for place in range(size):
        for slot in range(stripes.shape[1]):
            if stripes[active[place], slot] == channel:
                return active[place]
    return -1


@compiled
def _keep_disjoint(
    stripes: NDArray[np.int32], active: Numbers, size: int, covered: NDArray[np.bool_]
) -> int:
    """Bring the stripes without a covered channel to the front; returns how many."""
    kept = 0
    for place in range(size):
        free = True
        for slot in range(stripes.shape[1]):
            free = free and not covered[stripes[active[place], slot]]
        if free:
            active[kept], active[place] = active[place], active[kept]
            kept += 1
    return kept


@compiled
def _exclude(active: Numbers, size: int, stripe: int) -> None:
    """Move a stripe that was tried behind the others."""
    for place in range(size):
        if active[place] == stripe:
            active[place], active[size - 1] = active[size - 1], active[place]
            return


@compiled
def cover(
    stripes: NDArray[np.int32], active: Numbers, sizes: Numbers, chosen: Numbers,
    covered: NDArray[np.bool_], work: int,
) -> int:  # fmt: skip
    """Go on looking for disjoint stripes that hold every channel.

    Take the channel with the fewest stripes left and one of its stripes; when that fails,
    strike the stripe out and choose again. All stripes that are still possible at a depth
    stand at the front of `active`; deeper levels only reorder that front.

    Args:
        stripes: int32[count, m]
        active: int64[count], the numbers of all stripes.
        sizes: int64[depths + 2], how many are possible at each depth; the depth last.
        chosen: int64[depths], the stripes taken so far.
        covered: bool[channels], the channels that they hold.
        work: how many table entries may be looked at.

    Returns:
        COVERED, with the stripes in `chosen`, NONE, or UNFINISHED.
    """
    depths, m = chosen.size, stripes.shape[1]
    counts = np.empty(covered.size, dtype=np.int64)
    depth = sizes[depths + 1]
    while depth < depths and work > 0:
        size = sizes[depth]
        work -= 3 * m * size + 2 * covered.size
        channel = _scarcest(stripes, active, size, covered, counts)
        if counts[channel] > 0:
            taken = _first_with(stripes, active, size, channel)
            chosen[depth] = taken
            for slot in range(m):
                covered[stripes[taken, slot]] = True
            depth += 1
            sizes[depth] = _keep_disjoint(stripes, active, size, covered)
            continue
        depth -= 1
        if depth < 0:
            return NONE
        for slot in range(m):
            covered[stripes[chosen[depth], slot]] = False
        _exclude(active, sizes[depth], chosen[depth])
        sizes[depth] -= 1
    sizes[depths + 1] = depth
    return COVERED if depth == depths else UNFINISHED
