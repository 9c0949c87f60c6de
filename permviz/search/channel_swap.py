"""Greedy channel swaps, with escapes from local optima.

The table K of `permviz.kernels` holds the value of every channel in every slot, so the
gain of each of the C^2 / 2 swaps is four look-ups. After a round only the slots of the
touched stripes get new lines in K; the rest of the table stays true. Where K is too large
for the memory limit, or would take too long before the first swap, the climb goes on
among the channels of some random stripes at a time.
"""

from dataclasses import dataclass
from functools import partial
from math import isqrt
from typing import ClassVar

import numpy as np

from permviz.kernels.protocol import Kernels, Values
from permviz.search.escape import Escapes, climb_and_escape
from permviz.search.ledger import StripeLedger
from permviz.search.restarts import restarted
from permviz.search.strategy import Block, Order, Steps, at_least

_STEP_WORK = 200_000_000
"""Max-adds between two looks at the clock: some 10 to 20 ms on one core."""

_TABLE_WORK = 40_000_000_000
"""Max-adds that a whole table may take: some seconds on one core."""

_COPY_WORK = 2_000_000
"""Values copied between two looks at the clock."""

_MOST_CHANNELS = 1024
"""Beyond it, reading one round of swaps from the table would hold up the clock."""

_BYTES = 16
"""Of the table, for each slot and channel: the value, and its share of what a step makes."""


@dataclass(frozen=True, slots=True)
class ChannelSwap:
    """Swap the best pairs of channels, best first and one a stripe a round, until none gains.

    Attributes:
        escapes: how many times a local optimum is left by a random swap, a bounded
            regression. An escape that ends below the best is taken back.
        doubled: how many escapes in a row may end no higher before the next ones take two
            swaps; 0 for any number, as in the paper.
        restarts: how many more times all this is done, from random orders.

    Source: Pool & Yu 2021, Section 4.2 and Algorithm 1.
    """

    escapes: int = 0
    doubled: int = 50
    restarts: int = 0
    name: ClassVar[str] = "channel_swap"

    def __post_init__(self) -> None:
        at_least(self.name, "escapes", self.escapes, 0)
        at_least(self.name, "doubled", self.doubled, 0)
        at_least(self.name, "restarts", self.restarts, 0)

    def steps(self, block: Block, rng: np.random.Generator, kernels: Kernels) -> Steps:
        """Climb, escape, climb again."""
        yield from restarted(block, self.restarts, rng, partial(self._climb, kernels=kernels))

    def _climb(self, block: Block, rng: np.random.Generator, kernels: Kernels) -> Steps:
        width = stripes_at_a_time(block)
        if width >= block.stripes:
            climber = SwapClimber(block, kernels)
        else:
            climber = WindowClimber(block, kernels, width, rng)
        escapes = Escapes(self.escapes, self.doubled)
        yield from climb_and_escape(climber, [np.arange(block.channels)], escapes, rng)


def stripes_at_a_time(block: Block) -> int:
    """How many stripes the table may span, at least two."""
    rows = block.columns.shape[1]
    channels = min(isqrt(block.memory // _BYTES), isqrt(_TABLE_WORK // rows), _MOST_CHANNELS)
    return max(2, channels // block.pattern.m)


class SwapClimber:
    """The swap table of one order, kept true while the order changes."""

    patience = 1

    def __init__(self, block: Block, kernels: Kernels) -> None:
        self.block = block
        self.ledger = StripeLedger(block, kernels)
        self.order: Order = np.arange(block.channels)
        self._kernels = kernels
        self._values: Values = np.empty((block.channels, block.channels))
        self._tabled = np.full(block.channels, -1, dtype=np.int64)

    def improved(self) -> Order:
        """The order after one round of swaps, best first and one a stripe."""
        swaps = self._kernels.swap_round(self._values, self.order, self.block.pattern.m)
        left, right = swaps.T
        moved = self.order.copy()
        moved[left], moved[right] = moved[right], moved[left]
        return moved

    def retable(self) -> Steps:
        """Bring the lines of K up to date whose stripe is not what it was."""
        m = self.block.pattern.m
        stale = (self._tabled != self.order).reshape(-1, m).any(axis=1)
        stripes = np.flatnonzero(stale)
        batch = max(1, _STEP_WORK * self._kernels.speed // (m * self.block.columns.size))
        for start in range(0, len(stripes), batch):
            some = stripes[start : start + batch]
            held = self.order.reshape(-1, m)[some]
            floors = self._kernels.floors(self.block.columns, held, self.block.pattern.n)
            lines = (some[:, None] * m + np.arange(m)).ravel()
            self._values[lines] = self._kernels.slot_values(floors, self.block.columns)
            self._tabled[lines] = self.order[lines]
            yield None

    def keep(self) -> None:
        """Nothing: making the lines of a few stripes anew costs less than a copy of all."""


class WindowClimber:
    """Climbs among random stripes, and among others once these gain nothing more."""

    def __init__(
        self, block: Block, kernels: Kernels, width: int, rng: np.random.Generator
    ) -> None:
        self.block = block
        self.ledger = StripeLedger(block, kernels)
        self.order: Order = np.arange(block.channels)
        # As many windows as it takes for most pairs of stripes to meet once.
        self.patience = 2 * (-(-block.stripes // width)) ** 2
        self._kernels = kernels
        self._width = width
        self._rng = rng
        self._slots = self._held = np.empty(0, dtype=np.int64)
        self._inner: SwapClimber | None = None
        self._proposed: Order = self.order

    def retable(self) -> Steps:
        """Go on in the window where it gained, else in a new one."""
        if self._inner is None or not np.array_equal(self._proposed, self.order):
            yield from self._open()
        if self._inner is not None:
            yield from self._inner.retable()

    def improved(self) -> Order:
        """The order after one round of swaps inside the window."""
        if self._inner is None:
            return self.order
        inside = self._inner.improved()
        if np.array_equal(inside, self._inner.order):
            self._inner = None
            return self.order
        self._inner.order = inside
        self._proposed = self.order.copy()
        self._proposed[self._slots] = self._held[inside]
        return self._proposed

    def keep(self) -> None:
        """Nothing: an escape begins in a window of its own."""

    def _open(self) -> Steps:
        """Choose stripes, and lay their channels out for a table of their own."""
        m, columns = self.block.pattern.m, self.block.columns
        stripes = np.sort(self._rng.permutation(self.block.stripes)[: self._width])
        self._slots = (stripes[:, None] * m + np.arange(m)).ravel()
        self._held = self.order[self._slots]
        part = np.empty((self._held.size, columns.shape[1]), dtype=np.float32)
        batch = max(1, _COPY_WORK // columns.shape[1])
        for start in range(0, self._held.size, batch):
            part[start : start + batch] = columns[self._held[start : start + batch]]
            yield None
        self._inner = SwapClimber(self.block.of_columns(part), self._kernels)
        self._proposed = self.order
