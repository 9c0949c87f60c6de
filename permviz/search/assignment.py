"""Reassignment: open one slot in every stripe and fill all of them again, optimally.

With one open slot a stripe, channels do not interact, so the best way to put the opened
channels back is a linear assignment problem on the table of their values: an exact answer
for a neighbourhood of (C/M)! orders.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.optimize import linear_sum_assignment

from permviz.kernels.protocol import Kernels
from permviz.search.ledger import StripeLedger
from permviz.search.strategy import Block, Steps, at_least

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
        if block.stripes < 2:
            return
        m, n = block.pattern.m, block.pattern.n
        ledger = StripeLedger(block, kernels)
        order = np.arange(block.channels)
        reached, idle = ledger.value(order), 0
        while idle < self.patience:
            slots = np.arange(block.stripes) * m + rng.integers(0, m, block.stripes)
            held = order[slots]
            values = np.empty((slots.size, slots.size))
            batch = max(1, _BATCH_WORK // (slots.size * block.columns.shape[1]))
            lifted = block.columns[held]
            for start in range(0, slots.size, batch):
                some = slots[start : start + batch]
                floors = kernels.floors(block.columns, order.reshape(-1, m)[some // m], n)
                open_slots = np.arange(some.size) * m + some % m
                values[start : start + batch] = kernels.slot_values(floors[open_slots], lifted)
                yield None
            moved = order.copy()
            moved[slots] = held[linear_sum_assignment(values, maximize=True)[1]]
            value = ledger.value(moved)
            if value <= reached:
                idle += 1
                continue
            order, reached, idle = moved, value, 0
            yield order.copy()
