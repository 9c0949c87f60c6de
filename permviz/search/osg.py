"""Optimised stripe groups: share the channels of two stripes out again, optimally.

Each m-subset of the 2m channels of a pair of stripes is valued once (70 subsets for 2:4)
and the best of the 35 partitions is read from that table.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from permviz.errors import StrategyError
from permviz.kernels import subsets
from permviz.kernels.protocol import Kernels
from permviz.search.escape import climb_and_escape
from permviz.search.ledger import StripeLedger
from permviz.search.strategy import Block, Order, Steps, at_least

_PAIR_WORK = 100_000_000
"""Subset-rows valued between two looks at the clock: some 20 to 50 ms on one core."""


@dataclass(frozen=True, slots=True)
class StripeGroups:
    """Re-share the best pairs of stripes, best first and each stripe once a round.

    Attributes:
        stripes: how many stripes are shared out together; 2.
        escapes: how many times a local optimum is left by one random swap.

    Source: Pool & Yu 2021, Section 4.1 and Algorithm 2.
    """

    stripes: int = 2
    escapes: int = 0
    name: ClassVar[str] = "osg"

    def __post_init__(self) -> None:
        at_least(self.name, "escapes", self.escapes, 0)
        if self.stripes != 2:
            raise StrategyError(
                f"osg(stripes={self.stripes!r}) is not available: groups of 2 stripes are; "
                "write osg(stripes=2)."
            )

    def steps(self, block: Block, rng: np.random.Generator, kernels: Kernels) -> Steps:
        """Climb, escape, climb again.

        Raises:
            StrategyError: the pattern's M is so large that a pair has too many subsets.
        """
        if not feasible(block.pattern.m):
            raise StrategyError(
                f"osg(stripes=2) would value {subsets.count(block.pattern.m):,} subsets for every "
                f"pair of stripes of {block.pattern}; choose channel_swap for this pattern."
            )
        yield from climb_and_escape(PairClimber(block, kernels), self.escapes, rng)


def feasible(m: int) -> bool:
    """Whether the subset table of two stripes of M channels is of a sane size."""
    return subsets.count(m) <= subsets.LIMIT


class PairClimber:
    """The gain of every pair of stripes of one order, kept true while the order changes."""

    def __init__(self, block: Block, kernels: Kernels) -> None:
        self.block = block
        self.kernels = kernels
        self.ledger = StripeLedger(block, kernels)
        self.order: Order = np.arange(block.channels)
        self._gains = np.zeros((block.stripes, block.stripes))
        self._choices = np.zeros((block.stripes, block.stripes), dtype=np.int32)
        self._tabled = np.full(block.channels, -1, dtype=np.int64)

    def retable(self) -> Steps:
        """Value again every pair with a stripe that is not what it was."""
        m = self.block.pattern.m
        held = self.order.reshape(-1, m)
        stale = (self._tabled != self.order).reshape(-1, m).any(axis=1)
        touched = np.triu(stale[:, None] | stale[None, :], k=1)
        pairs = np.argwhere(touched)
        batch = max(1, _PAIR_WORK // (subsets.count(m) * self.block.columns.shape[1]))
        for start in range(0, len(pairs), batch):
            some = pairs[start : start + batch]
            gains, choices = self.kernels.pair_gains(
                self.block.columns, held, some, self.block.pattern.n
            )
            self._gains[some[:, 0], some[:, 1]] = gains
            self._choices[some[:, 0], some[:, 1]] = choices
            yield None
        self._tabled = self.order.copy()

    def improved(self) -> Order:
        """The order after one round of re-sharing, best first and each stripe once."""
        moved = self.order.reshape(-1, self.block.pattern.m).copy()
        for first, second in self._best_pairs():
            together = np.concatenate([moved[first], moved[second]])
            one, other = subsets.halves(self.block.pattern.m, int(self._choices[first, second]))
            moved[first], moved[second] = together[one], together[other]
        return moved.ravel()

    def _best_pairs(self) -> NDArray[np.int64]:
        """Pairs that gain, best first, each stripe at most once: int64[pairs, 2]."""
        candidates = np.argwhere(self._gains > 0)
        gains = self._gains[candidates[:, 0], candidates[:, 1]]
        used = np.zeros(self.block.stripes, dtype=bool)
        chosen: list[NDArray[np.int64]] = []
        for pair in candidates[np.argsort(-gains, kind="stable")]:
            if not used[pair].any():
                used[pair] = True
                chosen.append(pair)
        return np.array(chosen, dtype=np.int64).reshape(-1, 2)
