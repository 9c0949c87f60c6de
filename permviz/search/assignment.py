"""Reassignment: open one slot in every stripe and fill all of them again, optimally.

With one open slot a stripe, channels do not interact, so the best way to put the opened
channels back is a linear assignment problem on the table of their values: an exact answer
for a neighbourhood of (C/M)! orders.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.optimize import linear_sum_assignment

from permviz.kernels.protocol import Kernels, Values
from permviz.search.ledger import StripeLedger
from permviz.search.strategy import Block, Order, Steps, at_least

_BATCH_WORK = 200_000_000
"""Max-adds between two looks at the clock: some 10 to 20 ms on one core."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """Open a random slot in each stripe, reassign, and repeat until nothing gains.

    Attributes:
        patience: how many rounds in a row may gain nothing before the search ends.
    """

    patience: int = 20
    name: ClassVar[str] = "assignment"

    def __post_init__(self) -> None:
        at_least(self.name, "patience", self.patience, 1)

    def steps(self, block: Block, rng: np.random.Generator, kernels: Kernels) -> Steps:
        """Propose the order after every round that gains."""
        yield from self.rounds(np.arange(block.channels), block, rng, kernels)

    def rounds(
        self,
        order: Order,
        block: Block,
        rng: np.random.Generator,
        kernels: Kernels,
        flat: float = 0.0,
    ) -> Generator[Order | None, float | None, Order]:
        """Reassign from an order on, and return the order that the rounds led to.

        Args:
            order: where to begin.
            block: what is searched.
            rng: draws the open slots.
            kernels: where to compute.
            flat: end, too, when `patience` rounds that gain add less than this share to
                what was gained before; 0 for never.
        """
        if block.stripes < 2:
            return order
        ledger = StripeLedger(block, kernels)
        reached, idle = [ledger.value(order)], 0
        while idle < self.patience and not _is_flat(reached, self.patience, flat):
            slots = np.arange(block.stripes) * block.pattern.m
            slots += rng.integers(0, block.pattern.m, block.stripes)
            values = yield from _values(order, slots, block, kernels)
            moved = order.copy()
            moved[slots] = order[slots][linear_sum_assignment(values, maximize=True)[1]]
            value = ledger.value(moved)
            if value <= reached[-1]:
                idle += 1
                continue
            order, idle = moved, 0
            reached.append(value)
            yield order.copy()
        return order


def _values(
    order: Order, slots: Order, block: Block, kernels: Kernels
) -> Generator[None, float | None, Values]:
    """Value of every opened channel in every opened slot, one slot a stripe."""
    m, n = block.pattern.m, block.pattern.n
    values = np.empty((slots.size, slots.size))
    batch = max(1, _BATCH_WORK // (slots.size * block.columns.shape[1]))
    lifted = block.columns[order[slots]]
    for start in range(0, slots.size, batch):
        some = slots[start : start + batch]
        floors = kernels.floors(block.columns, order.reshape(-1, m)[some // m], n)
        open_slots = np.arange(some.size) * m + some % m
        values[start : start + batch] = kernels.slot_values(floors[open_slots], lifted)
        yield None
    return values


def _is_flat(reached: list[float], rounds: int, flat: float) -> bool:
    """Whether the last rounds added less than a share of all that was gained."""
    if len(reached) <= rounds:
        return False
    return reached[-1] - reached[-1 - rounds] < flat * (reached[-1] - reached[0])
