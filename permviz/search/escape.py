"""Bounded regressions: leave a local optimum by a random swap or two, and climb again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from permviz.search.ledger import StripeLedger
from permviz.search.strategy import Block, Order, Steps


class Climber(Protocol):
    """A table of gains at one order, from which greedy rounds are read.

    Attributes:
        block: what is searched.
        ledger: values of its orders.
        order: where the climb stands.
        patience: how many rounds in a row that gain nothing end a climb; 1 where the table
            holds every move, more where it holds a random part of them.
    """

    block: Block
    ledger: StripeLedger
    order: Order
    patience: int

    def retable(self) -> Steps:
        """Bring the table up to date with `order`; proposes nothing."""
        ...

    def improved(self) -> Order:
        """The order after one round of the best moves in the table."""
        ...

    def keep(self) -> None:
        """Remember the table of `order`, the best so far, from which escapes begin."""
        ...


def climb(climber: Climber, order: Order) -> Steps:
    """Make rounds from `order` until none gains; proposes the order after each."""
    climber.order = order.copy()
    reached, idle = climber.ledger.value(climber.order), 0
    while idle < climber.patience:
        yield from climber.retable()
        moved = climber.improved()
        value = climber.ledger.value(moved)
        # Rounding may promise gains that are none; strict growth ends every climb.
        if value <= reached:
            idle += 1
            continue
        climber.order, reached, idle = moved, value, 0
        yield moved.copy()


@dataclass(frozen=True, slots=True)
class Escapes:
    """How a local optimum is left.

    Attributes:
        count: how many times.
        doubled: how many in a row may end no higher before the next ones take two swaps; 0
            for any number, as in the paper.
    """

    count: int
    doubled: int


def climb_and_escape(
    climber: Climber, starts: Sequence[Order], escapes: Escapes, rng: np.random.Generator
) -> Steps:
    """Climb from each start, then from random swaps of the best.

    An escape whose climb ends no higher is taken back, so time is never spent far from
    the best order found. After many of these in a row one swap seldom leads anywhere, and
    escapes take two until one ends higher.

    Source: Pool & Yu 2021, Section 4.2 (bounded regressions).
    """
    if climber.block.stripes < 2:
        return
    best, reached = starts[0], -np.inf
    for start in starts:
        yield from climb(climber, start)
        value = climber.ledger.value(climber.order)
        if value > reached:
            best, reached = climber.order.copy(), value
            climber.keep()
    vain = 0
    for _ in range(escapes.count):
        away = _swapped(best, climber.block.pattern.m, rng)
        if 0 < escapes.doubled <= vain:
            away = _swapped(away, climber.block.pattern.m, rng)
        yield from climb(climber, away)
        value, vain = climber.ledger.value(climber.order), vain + 1
        if value > reached:
            best, reached, vain = climber.order.copy(), value, 0
            climber.keep()


def _swapped(order: Order, m: int, rng: np.random.Generator) -> Order:
    """Swap one random slot with one of another stripe."""
    left = int(rng.integers(order.size))
    right = int(rng.integers(order.size - m))
    right += m if right >= left // m * m else 0
    moved = order.copy()
    moved[[left, right]] = moved[[right, left]]
    return moved
