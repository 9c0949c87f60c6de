"""From one order to another in steps of equal efficacy."""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from permviz.core.pattern import NMPattern
from permviz.core.permutation import Permutation
from permviz.core.problem import SearchProblem
from permviz.core.score import retained
from permviz.errors import PermutationError, StrategyError

Orders = NDArray[np.int64]


def interpolate(
    permutation: Permutation | Sequence[int],
    steps: int,
    scores: object,
    *,
    pattern: NMPattern | str = "2:4",
    start: Permutation | Sequence[int] | None = None,
    blocks: Sequence[Sequence[int]] | None = None,
) -> tuple[Permutation, ...]:
    """Permutations from `start` to `permutation` whose efficacies divide the range evenly.

    The path puts one channel after the other where it belongs, by swaps. Of the orders on
    it, the one is taken for each level that comes closest where the path first crosses it,
    so every step is as even as single swaps allow.

    Args:
        permutation: where to end.
        steps: into how many parts the range is divided; `steps + 1` permutations come back.
        scores: float[rows, channels], by which efficacy is measured.
        pattern: the N:M pattern.
        start: where to begin, the order as given by default.
        blocks: sets of channels that channels do not leave, as for `search`.

    Raises:
        StrategyError: fewer than one step.
        PermutationError: the permutations do not fit the scores.
        ScoresError: the scores or blocks are unusable.

    Source: Pool & Yu 2021, Figure 3.
    """
    if steps < 1:
        raise StrategyError(f"{steps} steps lead nowhere; ask for at least 1.")
    problem = SearchProblem.of(scores, pattern, blocks)
    end = _fitting(permutation, problem.channels)
    begin = _fitting(np.arange(problem.channels) if start is None else start, problem.channels)
    swaps = _swaps(begin.order, end.order)
    values = _values(problem, begin.order, swaps)
    shares: NDArray[np.float64] = np.arange(steps + 1) / steps
    chosen = _closest(values, values[0] + shares * (values[-1] - values[0]))
    orders = _replayed(begin.order, swaps, chosen)
    return (begin, *(Permutation(order) for order in orders[1:-1]), end)


def _fitting(permutation: Permutation | Sequence[int] | Orders, channels: int) -> Permutation:
    fitting = permutation if isinstance(permutation, Permutation) else Permutation.of(permutation)
    if len(fitting) != channels:
        raise PermutationError(
            f"A permutation of {len(fitting)} channels does not fit scores with "
            f"{channels} channels."
        )
    return fitting


def _swaps(begin: Orders, end: Orders) -> Orders:
    """Pairs of slots whose swaps, one after the other, lead from one order to the other."""
    order = begin.copy()
    slot_of = np.argsort(order)
    swaps: list[tuple[int, int]] = []
    for slot, channel in enumerate(end):
        other = int(slot_of[channel])
        if other == slot:
            continue
        swaps.append((slot, other))
        order[other], slot_of[order[slot]] = order[slot], other
        order[slot], slot_of[channel] = channel, slot
    return np.array(swaps, dtype=np.int64).reshape(-1, 2)


def _values(problem: SearchProblem, begin: Orders, swaps: Orders) -> NDArray[np.float64]:
    """Retained score at the beginning and after every swap."""
    m, order = problem.pattern.m, begin.copy()
    stripes = [block.reshape(-1, m) for block in problem.movable]
    slots = np.concatenate(stripes) if stripes else np.empty((0, m), dtype=np.int64)
    stripe_of = np.full(problem.channels, -1)
    stripe_of[slots] = np.arange(len(slots))[:, None]
    dense = np.zeros(problem.channels, dtype=bool)
    dense[problem.remainder] = True
    sums = problem.scores.sum(axis=0, dtype=np.float64)
    values = [problem.retained(order)]
    for pair in swaps:
        touched = np.unique(stripe_of[pair])
        touched = slots[touched[touched >= 0]].ravel()
        rest = pair[dense[pair]]
        before = _kept(problem, order[touched]) + float(sums[order[rest]].sum())
        order[pair] = order[pair[::-1]]
        after = _kept(problem, order[touched]) + float(sums[order[rest]].sum())
        values.append(values[-1] + after - before)
    return np.array(values)


def _kept(problem: SearchProblem, channels: Orders) -> float:
    return retained(problem.scores, problem.pattern, channels)


def _closest(values: NDArray[np.float64], levels: NDArray[np.float64]) -> list[int]:
    """For each level the index before or at which the values first reach it."""
    rising = values if levels[-1] >= levels[0] else -values
    reached: NDArray[np.float64] = np.maximum.accumulate(rising)
    wanted = levels if levels[-1] >= levels[0] else -levels
    chosen: list[int] = []
    for level in wanted.tolist():
        after = min(int(np.count_nonzero(reached < level)), values.size - 1)
        before = max(after - 1, 0)
        nearer = abs(rising[before] - level) < abs(rising[after] - level)
        chosen.append(before if nearer else after)
    return list(accumulate(chosen, max))


def _replayed(begin: Orders, swaps: Orders, chosen: list[int]) -> list[Orders]:
    """The orders after so many swaps; `chosen` ascends."""
    order, done = begin.copy(), 0
    found: list[Orders] = []
    for until in chosen:
        for pair in swaps[done:until]:
            order[pair] = order[pair[::-1]]
        done = until
        found.append(order.copy())
    return found
