"""Reassignment: open one slot in every stripe and fill all of them again, optimally.

With one open slot a stripe, channels do not interact, so the best way to put the opened
channels back is a linear assignment problem on the table of their values: an exact answer
for a neighbourhood of (C/M)! orders.
"""

from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from permviz.kernels.protocol import Columns, Kernels, Values
from permviz.search.ledger import StripeLedger
from permviz.search.restarts import restarted
from permviz.search.strategy import Block, Order, Steps, at_least

_BATCH_WORK = 100_000_000
"""Max-adds between two looks at the clock: some 5 to 10 ms on one core."""

_COPY_WORK = 2_000_000
"""Scores copied between two looks at the clock."""

_MOST_OPENED = 256
"""Stripes whose assignment takes some 7 ms; time grows with the third power, gains do not."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """Open a random slot in each stripe, or in 256 of them, reassign, and repeat while that gains.

    Attributes:
        patience: how many rounds in a row may gain nothing before the search ends; as many
            times more as all stripes are times those of a round.
        restarts: how many more times all this is done, from random orders.
    """

    patience: int = 20
    restarts: int = 0
    name: ClassVar[str] = "assignment"

    def __post_init__(self) -> None:
        at_least(self.name, "patience", self.patience, 1)
        at_least(self.name, "restarts", self.restarts, 0)

    def steps(self, block: Block, rng: np.random.Generator, kernels: Kernels) -> Steps:
        """Propose the order after every round that gains."""
        yield from restarted(block, self.restarts, rng, partial(self._once, kernels=kernels))

    def _once(self, block: Block, rng: np.random.Generator, kernels: Kernels) -> Steps:
        yield from self.rounds(np.arange(block.channels), block, rng, kernels)

    def rounds(
        self,
        order: Order,
        block: Block,
        rng: np.random.Generator,
        kernels: Kernels,
    ) -> Generator[Order | None, float | None, Order]:
        """Reassign from an order on, and return the order that the rounds led to."""
        from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - takes half a second

        if block.stripes < 2:
            return order
        ledger = StripeLedger(block, kernels)
        reached, idle = ledger.value(order), 0
        while idle < self.patience * -(-block.stripes // _MOST_OPENED):
            slots = _opened(block, rng)
            values = yield from _values(order, slots, block, kernels)
            moved = order.copy()
            moved[slots] = order[slots][linear_sum_assignment(values, maximize=True)[1]]
            value = ledger.value(moved)
            if value <= reached:
                idle += 1
                continue
            order, reached, idle = moved, value, 0
            yield order.copy()
        return order


def seconds(stripes: int, rows: int) -> float:
    """Rough time in which every stripe is reassigned once, on one core."""
    opened = min(stripes, _MOST_OPENED)
    return stripes * (opened**2 * 4e-10 + opened * rows / 25e9)


def _opened(block: Block, rng: np.random.Generator) -> Order:
    """A random slot in each stripe, or in some of them where they are too many to assign."""
    stripes = np.arange(block.stripes)
    if block.stripes > _MOST_OPENED:
        stripes = rng.permutation(block.stripes)[:_MOST_OPENED]
    return stripes * block.pattern.m + rng.integers(0, block.pattern.m, stripes.size)


def _values(
    order: Order, slots: Order, block: Block, kernels: Kernels
) -> Generator[None, float | None, Values]:
    """Value of every opened channel in every opened slot, one slot a stripe."""
    m, n = block.pattern.m, block.pattern.n
    values = np.empty((slots.size, slots.size))
    batch = max(1, _BATCH_WORK * kernels.speed // (slots.size * block.columns.shape[1]))
    lifted = yield from _lifted(order[slots], block)
    for start in range(0, slots.size, batch):
        some = slots[start : start + batch]
        floors = kernels.floors(block.columns, order.reshape(-1, m)[some // m], n)
        open_slots = np.arange(some.size) * m + some % m
        values[start : start + batch] = kernels.slot_values(floors[open_slots], lifted)
        yield None
    return values


def _lifted(channels: Order, block: Block) -> Generator[None, float | None, Columns]:
    """The columns of some channels, side by side."""
    lifted = np.empty((channels.size, block.columns.shape[1]), dtype=np.float32)
    batch = max(1, _COPY_WORK // block.columns.shape[1])
    for start in range(0, channels.size, batch):
        lifted[start : start + batch] = block.columns[channels[start : start + batch]]
        if start + batch < channels.size:
            yield None
    return lifted
