"""Compiled: the cheapest way to cut all channels into listed stripes, depth first.

Each stripe has a slack of zero or more: what its members' prices exceed its value by. A
partition keeps the sum of all prices less its slacks, so the best one has the least slack.
In a node of the search every free channel owes at least 1/m of the least slack that is
left for it; a node whose debt reaches the limit is cut, and so is a stripe that would
raise the debt to it. The channel with the fewest stripes left is placed next.
"""

import numpy as np
from numpy.typing import NDArray

from permviz.kernels.compiled import compiled
from permviz.kernels.protocol import Stripes, Values

Numbers = NDArray[np.int32]
Counts = NDArray[np.int64]
Flags = NDArray[np.bool_]

_ROUNDS = 3
"""How often a node's stripes are thinned before it branches; more hardly cuts."""


@compiled
def _debt(
    stripes: Stripes, slack: Values, active: Numbers, used: Flags, shares: Values, choices: Counts
) -> float:
    """Least slack that the free channels still cost; their shares and choices on the way."""
    m, total = stripes.shape[1], 0.0
    shares[:], choices[:] = 1e300, 0
    for place in range(active.size):
        number = active[place]
        share = slack[number] / m
        for slot in range(m):
            member = stripes[number, slot]
            choices[member] += 1
            shares[member] = min(shares[member], share)
    for channel in range(used.size):
        if not used[channel]:
            total += shares[channel]
    return total


@compiled
def _thin(stripes: Stripes, slack: Values, active: Numbers, shares: Values, room: float) -> int:
    """Keep the stripes, in place, that cost less than `room` above their members' shares."""
    kept = 0
    for place in range(active.size):
        number = active[place]
        more = slack[number]
        for slot in range(stripes.shape[1]):
            more -= shares[stripes[number, slot]]
        if more < room:
            active[kept] = number
            kept += 1
    return kept


@compiled
def _candidates(
    stripes: Stripes, active: Numbers, used: Flags, choices: Counts, candidates: Numbers
) -> int:
    """The stripes of the free channel that has fewest into `candidates`; how many."""
    target, fewest, count = 0, active.size + 1, 0
    for channel in range(used.size):
        if not used[channel] and choices[channel] < fewest:
            target, fewest = channel, choices[channel]
    for place in range(active.size):
        for slot in range(stripes.shape[1]):
            if stripes[active[place], slot] == target:
                candidates[count] = active[place]
                count += 1
    return count


@compiled
def _choose(
    stripes: Stripes, chosen: int, active: Numbers, used: Flags, below: Numbers, used_below: Flags
) -> int:
    """What is left when a stripe is chosen: its channels used, the stripes apart from it."""
    used_below[:] = used
    for slot in range(stripes.shape[1]):
        used_below[stripes[chosen, slot]] = True
    kept = 0
    for place in range(active.size):
        apart = True
        for slot in range(stripes.shape[1]):
            apart = apart and not used_below[stripes[active[place], slot]]
        if apart:
            below[kept] = active[place]
            kept += 1
    return kept


@compiled
def _open(
    stripes: Stripes, slack: Values, active: Numbers, used: Flags, candidates: Numbers,
    room: float, shares: Values, choices: Counts,
) -> tuple[int, int]:  # fmt: skip
    """Thin a node's stripes and choose where to branch: how many stripes and candidates."""
    count = active.size
    for _ in range(_ROUNDS):
        debt = _debt(stripes, slack, active[:count], used, shares, choices)
        if debt >= room:
            return 0, 0
        kept = _thin(stripes, slack, active[:count], shares, room - debt)
        if kept == count:
            break
        count = kept
    _debt(stripes, slack, active[:count], used, shares, choices)
    return count, _candidates(stripes, active[:count], used, choices, candidates)


@compiled
def partition(
    stripes: Stripes, slack: Values, active: Numbers, candidates: Numbers, marks: Counts,
    used: Flags, spent: Values, best: Counts, limit: Values, work: int,
) -> bool:  # fmt: skip
    """Go on looking for partitions with less slack than `limit`, for about `work` visits.

    Args:
        stripes: int64[listed, m]
        slack: float64[listed], none negative.
        active: int32[depths + 1, listed], what is left at each depth.
        candidates: int32[depths + 1, listed], what to choose from at each depth.
        marks: int64[4, depths + 1]: at each depth how many are active, which candidate is
            next, how many candidates there are (-1: the node is new) and what was chosen;
            the depth itself last in the fourth line.
        used: bool[depths + 1, channels]
        spent: float64[depths + 1], slack of what was chosen above each depth.
        best: int64[depths], the best partition found, -1 where there is none.
        limit: float64[1], lowered to the best partition's slack.
        work: how many stripes may be looked at.

    Returns:
        Whether the search is through.
    """
    depths, depth = best.size, marks[3, best.size]
    shares, choices = np.empty(used.shape[1]), np.empty(used.shape[1], dtype=np.int64)
    while depth >= 0 and work > 0:
        left = active[depth, : marks[0, depth]]
        if marks[2, depth] < 0:
            work -= left.size + used.shape[1]
            marks[1, depth] = 0
            marks[0, depth], marks[2, depth] = _open(
                stripes, slack, left, used[depth], candidates[depth], limit[0] - spent[depth],
                shares, choices,
            )  # fmt: skip
            left = active[depth, : marks[0, depth]]
        if marks[1, depth] >= marks[2, depth]:
            depth -= 1
            continue
        number = candidates[depth, marks[1, depth]]
        marks[1, depth] += 1
        total = spent[depth] + slack[number]
        if total >= limit[0]:
            continue
        marks[3, depth] = number
        if depth == depths - 1:
            limit[0], best[:] = total, marks[3, :depths]
            continue
        work -= left.size
        depth += 1
        spent[depth], marks[2, depth] = total, -1
        marks[0, depth] = _choose(
            stripes, number, left, used[depth - 1], active[depth], used[depth]
        )
    marks[3, depths] = depth
    return depth < 0
