"""Greedy channel swaps, with escapes from local optima.

The table K of `permviz.kernels` holds the value of every channel in every slot, so the
gain of each of the C^2 / 2 swaps is four look-ups. After a round only the slots of the
touched stripes get new lines in K; the rest of the table stays true.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from permviz.kernels.protocol import Kernels, Values
from permviz.search.escape import climb_and_escape
from permviz.search.ledger import StripeLedger
from permviz.search.strategy import Block, Order, Steps, at_least

_LINE_WORK = 400_000_000
"""Max-adds between two looks at the clock: some 20 to 50 ms on one core."""


@dataclass(frozen=True, slots=True)
class ChannelSwap:
    """Swap the best pairs of channels, best first and one a stripe a round, until none gains.

    Attributes:
        escapes: how many times a local optimum is left by one random swap, a bounded
            regression. An escape that ends below the best is taken back.

    Source: Pool & Yu 2021, Section 4.2 and Algorithm 1.
    """

    escapes: int = 0
    name: ClassVar[str] = "channel_swap"

    def __post_init__(self) -> None:
        at_least(self.name, "escapes", self.escapes, 0)

    def steps(self, block: Block, rng: np.random.Generator, kernels: Kernels) -> Steps:
        """Climb, escape, climb again."""
        yield from climb_and_escape(SwapClimber(block, kernels), self.escapes, rng)


class SwapClimber:
    """The swap table of one order, kept true while the order changes."""

    def __init__(self, block: Block, kernels: Kernels) -> None:
        self.block = block
        self.kernels = kernels
        self.ledger = StripeLedger(block, kernels)
        self.order: Order = np.arange(block.channels)
        self._values: Values = np.empty((block.channels, block.channels))
        self._tabled = np.full(block.channels, -1, dtype=np.int64)

    def improved(self) -> Order:
        """The order after one round of swaps, best first and one a stripe."""
        swaps = self.kernels.swap_round(self._values, self.order, self.block.pattern.m)
        left, right = swaps.T
        moved = self.order.copy()
        moved[left], moved[right] = moved[right], moved[left]
        return moved

    def retable(self) -> Steps:
        """Bring the lines of K up to date whose stripe is not what it was."""
        m = self.block.pattern.m
        stale = (self._tabled != self.order).reshape(-1, m).any(axis=1)
        stripes = np.flatnonzero(stale)
        rows = self.block.columns.shape[1]
        batch = max(1, _LINE_WORK // (m * rows * self.block.channels))
        for start in range(0, len(stripes), batch):
            some = stripes[start : start + batch]
            held = self.order.reshape(-1, m)[some]
            floors = self.kernels.floors(self.block.columns, held, self.block.pattern.n)
            lines = (some[:, None] * m + np.arange(m)).ravel()
            self._values[lines] = self.kernels.slot_values(floors, self.block.columns)
            self._tabled[lines] = self.order[lines]
            yield None
