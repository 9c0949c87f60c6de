"""Compiled: all ways to cut a few channels into stripes, by sets of channels as bits.

Both functions build every partition once by the same rule: the next stripe holds the
lowest channel that is still free. Stripes come sorted by their lowest channel, those of
channel c at `first[c]` .. `first[c + 1]`.
"""

import numpy as np
from numpy.typing import NDArray

from permviz.kernels.compiled import compiled
from permviz.kernels.protocol import Values

Bits = NDArray[np.int64]


@compiled
def _lowest_free(used: int) -> int:
    channel = 0
    while used >> channel & 1:
        channel += 1
    return channel


@compiled
def extend(best: Values, stripes: Bits, values: Values, first: Bits, start: int, stop: int) -> None:
    """Pass the best value of every reachable set in `start` .. `stop` on to larger sets.

    `best: float64[2 ** channels]` holds the best value of each set of channels cut into
    whole stripes, negative where none is known yet. Sets are passed on in ascending order.
    """
    for used in range(start, min(stop, best.size - 1)):
        if best[used] < 0:
            continue
        lowest = _lowest_free(used)
        for number in range(first[lowest], first[lowest + 1]):
            if stripes[number] & used == 0:
                more = best[used] + values[number]
                best[used | stripes[number]] = max(best[used | stripes[number]], more)


@compiled
def enumerate_some(
    stripes: Bits, values: Values, first: Bits, path: Bits, best_path: Bits, best: Values,
    count: int,
) -> int:  # fmt: skip
    """Visit up to `count` more partitions, depth first, and keep the best.

    `path: int64[stripes + 1]` is where the walk stands: the stripe chosen at each depth,
    and the depth itself last. `best: float64[1]` and `best_path` are the best so far.

    Returns:
        How many partitions were visited; fewer than `count` when the walk is through.
    """
    depths, visited = path.size - 1, 0
    depth = path[depths]
    used, total = 0, 0.0
    for level in range(depth):
        used |= stripes[path[level]]
        total += values[path[level]]
    while depth >= 0 and visited < count:
        lowest = _lowest_free(used)
        if path[depth] < first[lowest]:
            path[depth] = first[lowest] - 1
        path[depth] += 1
        while path[depth] < first[lowest + 1] and stripes[path[depth]] & used:
            path[depth] += 1
        if path[depth] == first[lowest + 1]:
            path[depth] = -1
            depth -= 1
            if depth >= 0:
                used ^= stripes[path[depth]]
                total -= values[path[depth]]
        elif depth == depths - 1:
            visited += 1
            if total + values[path[depth]] > best[0]:
                best[0] = total + values[path[depth]]
                best_path[:] = path[:depths]
        else:
            used |= stripes[path[depth]]
            total += values[path[depth]]
            depth += 1
            path[depth] = -1
    path[depths] = depth
    return visited
