"""Optimised stripe groups: share the channels of a few stripes out again, optimally.

Each m-subset of the channels of a group of stripes is valued once (70 subsets for two
stripes of 2:4, 495 for three, 1,820 for four), and the best of all partitions (35, 5,775
and 2,627,625) is read from that table. Where all groups are too many, rounds share out
random groups instead, each stripe in one.
"""

from dataclasses import dataclass
from functools import partial
from itertools import chain, combinations
from math import comb, inf
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from permviz.errors import StrategyError
from permviz.kernels import subsets
from permviz.kernels.protocol import Kernels, Places, Stripes, Values
from permviz.search.escape import Escapes, climb, climb_and_escape
from permviz.search.ledger import StripeLedger
from permviz.search.restarts import restarted
from permviz.search.strategy import Block, Order, Steps, at_least

_STEP_WORK = 30_000_000
"""Sums between two looks at the clock: some 10 ms on one core."""

_TABLE_WORK = 10_000_000_000
"""Sums that the table of all groups may take: some seconds on one core."""

_MOST_GROUPS = 200_000


@dataclass(frozen=True, slots=True)
class StripeGroups:
    """Share out the best groups of stripes, best first and each stripe once a round.

    Attributes:
        stripes: how many stripes are shared out together, 2 to 4. With 3 there are three
            climbs, two of them from optima of pairs (many at a time, or the best alone),
            and the best one counts; groups of 4 are drawn at random.
        escapes: how many times a local optimum is left by a random swap.
        doubled: how many escapes in a row may end no higher before the next ones take two
            swaps, for re-sharing undoes one at once; 0 for any number, as in the paper.
        restarts: how many more times all this is done, from random orders.

    Source: Pool & Yu 2021, Section 4.1 and Algorithm 2.
    """

    stripes: int = 2
    escapes: int = 0
    doubled: int = 25
    restarts: int = 0
    name: ClassVar[str] = "osg"

    def __post_init__(self) -> None:
        at_least(self.name, "escapes", self.escapes, 0)
        at_least(self.name, "doubled", self.doubled, 0)
        at_least(self.name, "restarts", self.restarts, 0)
        at_least(self.name, "stripes", self.stripes, 2)
        if self.stripes > 4:
            raise StrategyError(
                f"osg(stripes={self.stripes!r}) is not available: groups of 2, 3 or 4 stripes "
                "are; write for example osg(stripes=2)."
            )

    def steps(self, block: Block, rng: np.random.Generator, kernels: Kernels) -> Steps:
        """Climb, escape, climb again.

        Raises:
            StrategyError: the pattern's M is so large that a group has too many subsets.
        """
        m = block.pattern.m
        if not subsets.feasible(m, self.stripes):
            raise StrategyError(
                f"osg(stripes={self.stripes}) would value {subsets.count(m, self.stripes):,} "
                f"subsets for every group of stripes of {block.pattern}; choose fewer stripes "
                "or channel_swap for this pattern."
            )
        yield from restarted(block, self.restarts, rng, partial(self._climb, kernels=kernels))

    def _climb(self, block: Block, rng: np.random.Generator, kernels: Kernels) -> Steps:
        if block.stripes < 2:
            return
        size = min(self.stripes, block.stripes)
        if size < 4 and table_work(block, size) <= _TABLE_WORK:
            climber = AllGroups(block, kernels, size)
        else:
            climber = RandomGroups(block, kernels, size, rng)
        starts = [np.arange(block.channels)]
        if size == 3 and isinstance(climber, AllGroups):
            for other in (AllGroups(block, kernels, 2), AllGroups(block, kernels, 2, most=1)):
                yield from climb(other, np.arange(block.channels))
                starts.append(other.order)
        yield from climb_and_escape(climber, starts, Escapes(self.escapes, self.doubled), rng)


def table_work(block: Block, size: int) -> float:
    """Sums that the table of all groups takes; infinite where it has too many lines."""
    groups = comb(block.stripes, size)
    bytes_each = 16 + size * (8 + block.pattern.m)
    if groups > _MOST_GROUPS or groups * bytes_each > block.memory:
        return inf
    return groups * _work(block, size)


def _work(block: Block, size: int) -> int:
    """Sums that one group takes: its table, by the rank network of N:M, and its partitions."""
    n, m = block.pattern.n, block.pattern.m
    ranking = 1 if (n, m) == (2, 4) else max(1, n * (2 * m - n - 1) // 2)
    valued = subsets.count(m, size) * block.columns.shape[1] * ranking
    return valued + subsets.splits(m, size)


class _Groups:
    """What both climbers share: valuing groups of stripes, and sharing their channels out."""

    def __init__(self, block: Block, kernels: Kernels, size: int) -> None:
        self.block = block
        self.ledger = StripeLedger(block, kernels)
        self.order: Order = np.arange(block.channels)
        self._kernels = kernels
        self._size = size
        self._batch = max(1, _STEP_WORK // _work(block, size))

    def _value(self, groups: Stripes, gains: Values, places: Places, which: Order) -> Steps:
        """Bring gains and places of some groups up to date."""
        held = self.order.reshape(-1, self.block.pattern.m)
        for start in range(0, which.size, self._batch):
            some = which[start : start + self._batch]
            gains[some], places[some] = self._kernels.group_gains(
                self.block.columns, held, groups[some], self.block.pattern.n
            )
            yield None

    def _share(self, groups: Stripes, places: Places) -> Order:
        """The order after some disjoint groups are shared out."""
        moved = self.order.reshape(-1, self.block.pattern.m).copy()
        for group, taken in zip(groups, places, strict=True):
            moved[group] = moved[group].reshape(-1)[taken].reshape(len(group), -1)
        return moved.reshape(-1)


class AllGroups(_Groups):
    """The gain of every group of stripes, kept true while the order changes.

    A round shares out at most `most` groups, all that gain by default.
    """

    patience = 1

    def __init__(self, block: Block, kernels: Kernels, size: int, most: int | None = None) -> None:
        super().__init__(block, kernels, size)
        self._most = most
        every = chain.from_iterable(combinations(range(block.stripes), size))
        self._groups = np.fromiter(every, dtype=np.int64).reshape(-1, size)
        self._gains = np.zeros(len(self._groups))
        self._places = np.zeros((len(self._groups), size * block.pattern.m), dtype=np.uint8)
        self._tabled: Order = np.full(block.channels, -1, dtype=np.int64)
        self._kept: tuple[Order, Values, Places] | None = None

    def retable(self) -> Steps:
        """Value again every group with a stripe that is not what it was.

        A stripe counts as tabled only when all are, so a climb that is left half way
        through a table never reads it.
        """
        stale = self._stale(self._tabled)
        if self._kept is not None and self._stale(self._kept[0]).sum() < stale.sum():
            tabled, gains, places = self._kept
            self._tabled, self._gains, self._places = tabled.copy(), gains.copy(), places.copy()
            stale = self._stale(self._tabled)
        which = np.flatnonzero(stale[self._groups].any(axis=1))
        yield from self._value(self._groups, self._gains, self._places, which)
        self._tabled = self.order.copy()

    def improved(self) -> Order:
        """The order after one round of sharing, best first and each stripe once."""
        chosen = self._best_groups()[: self._most]
        return self._share(self._groups[chosen], self._places[chosen])

    def keep(self) -> None:
        """Remember the table; that of an escape is far from it when it is taken back."""
        self._kept = (self._tabled.copy(), self._gains.copy(), self._places.copy())

    def _stale(self, tabled: Order) -> NDArray[np.bool_]:
        """The stripes that are not what they were in a table."""
        return (tabled != self.order).reshape(-1, self.block.pattern.m).any(axis=1)

    def _best_groups(self) -> NDArray[np.int64]:
        """Groups that gain, best first, no two with a common stripe."""
        candidates = np.flatnonzero(self._gains > 0)
        ranked = candidates[np.argsort(-self._gains[candidates], kind="stable")]
        used = np.zeros(self.block.stripes, dtype=bool)
        chosen: list[int] = []
        while ranked.size:
            chosen.append(int(ranked[0]))
            used[self._groups[ranked[0]]] = True
            ranked = ranked[~used[self._groups[ranked]].any(axis=1)]
        return np.array(chosen, dtype=np.int64)


class RandomGroups(_Groups):
    """The gains of random groups that hold every stripe at most once, drawn anew each round."""

    def __init__(self, block: Block, kernels: Kernels, size: int, rng: np.random.Generator) -> None:
        super().__init__(block, kernels, size)
        # All groups would take too long; so many rounds without a gain are convincing.
        self.patience = min(4 * block.stripes, comb(block.stripes, size))
        self._rng = rng
        self._groups = np.empty((0, size), dtype=np.int64)
        self._gains = np.empty(0)
        self._places = np.empty((0, size * block.pattern.m), dtype=np.uint8)

    def retable(self) -> Steps:
        """Draw groups and value them."""
        count = self.block.stripes // self._size
        drawn = self._rng.permutation(self.block.stripes)[: count * self._size]
        self._groups = np.sort(drawn.reshape(count, self._size), axis=1)
        self._gains = np.zeros(count)
        self._places = np.zeros((count, self._size * self.block.pattern.m), dtype=np.uint8)
        yield from self._value(self._groups, self._gains, self._places, np.arange(count))

    def improved(self) -> Order:
        """The order after all groups that gain are shared out."""
        chosen = self._gains > 0
        return self._share(self._groups[chosen], self._places[chosen])

    def keep(self) -> None:
        """Nothing: other groups are drawn for every round."""
