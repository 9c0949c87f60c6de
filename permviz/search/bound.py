"""How far from the best an order is: a search, then an upper bound for what it found."""

from collections.abc import Generator
from math import comb

import numpy as np

from permviz.core.score import row_optimum
from permviz.kernels.protocol import Kernels
from permviz.search.closing import TOLERANCE, closed
from permviz.search.column_generation import Prices, bound_by_prices
from permviz.search.ledger import StripeLedger
from permviz.search.pricing import MOST_WORK, exact_values, work
from permviz.search.strategy import AtMost, Block, BoundSteps, Order, Steps

METHODS = ("lp",)

_SEARCH_SHARE = 0.3
"""Share of a time budget that the search has, the rest is the bound's."""


def then_bounded(steps: Steps, block: Block, kernels: Kernels) -> BoundSteps:
    """Search, then bound what any order keeps by linear programming, and prove it if possible.

    A cancelled or exhausted run keeps the best order and the lowest bound so far. Every
    step is short; a linear program that HiGHS still solves is left behind, to end by itself.

    Returns:
        ``optimal`` where it is proved that no order keeps more than the best one proposed;
        else what the search returns.
    """
    leader = _Leader(block, kernels)
    verdict = yield from _searched(steps, leader)
    if verdict in ("perfect", "optimal"):
        return verdict
    refused = refusal(block)
    if refused is not None:
        yield AtMost(np.inf, f"row optimum, since {refused}")
        return verdict
    proved = yield from _bounded(block, leader.order.reshape(-1, block.pattern.m))
    if verdict is not None and proved is not None:
        yield AtMost(0.0, "proof")
    return verdict or proved


def refusal(block: Block) -> str | None:
    """Why a block is too large for the linear program, or None."""
    if work(block) <= MOST_WORK:
        return None
    stripes, rows = comb(block.channels, block.pattern.m), block.columns.shape[1]
    return (
        f"{block.channels} channels have {stripes:.3g} stripes of {block.pattern.m}; the linear "
        f"program takes up to {MOST_WORK / rows:.3g} with so many rows"
    )


class _Leader:
    """The best of the orders that a search proposes."""

    def __init__(self, block: Block, kernels: Kernels) -> None:
        self._ledger = StripeLedger(block, kernels)
        self.order: Order = np.arange(block.channels)
        self._value = self._ledger.value(self.order)

    def offer(self, order: Order) -> None:
        value = self._ledger.value(order)
        if value > self._value:
            self.order, self._value = order, value


def _searched(steps: Steps, leader: _Leader) -> Steps:
    """The search, as if its share of the budget were the whole."""
    spent: float | None = None
    begun = False
    while True:
        try:
            share = None if spent is None else min(1.0, spent / _SEARCH_SHARE)
            order = steps.send(share) if begun else next(steps)
        except StopIteration as ended:
            return ended.value
        begun = True
        if order is not None:
            leader.offer(order)
        spent = yield order
        if spent is not None and spent >= _SEARCH_SHARE:
            return None


def _bounded(block: Block, stripes: Order) -> BoundSteps:
    ceiling = row_optimum(block.columns.T, block.pattern)
    best = float(exact_values(block, stripes).sum())
    if block.stripes == 1 or best >= ceiling * (1 - TOLERANCE):
        return "optimal"
    prices = yield from _announced(bound_by_prices(block, stripes, ceiling))
    if prices.bound <= best:
        return "optimal"
    return (yield from closed(block, prices.prices, stripes))


def _announced(
    bounding: Generator[Prices | None, float | None, Prices],
) -> Generator[AtMost | None, float | None, Prices]:
    """Say what each set of prices proves."""
    spent: float | None = None
    begun = False
    while True:
        try:
            prices = bounding.send(spent) if begun else next(bounding)
        except StopIteration as ended:
            return ended.value
        begun = True
        spent = yield None if prices is None else AtMost(prices.bound, "linear program")
