"""An upper bound from linear programming, by column generation.

Let x say which stripes are used. Keeping most is

    maximise sum of value[s] x[s],   where the stripes with channel c have sum of x = 1,

and leaving out that x is whole makes it a linear program. Its dual asks for prices of the
channels, as low as possible in sum, at which no stripe is worth more than its members:

    minimise sum of price[c],        where the members of s cost at least value[s].

Any prices give a bound: let e[c] be the largest excess of a stripe with channel c, its
value less its price. Then price[c] + e[c] / m are prices at which no stripe is worth more,
since each member of s adds at least excess[s] / m; their sum is a bound, at every step.

Prices come from the program over the stripes met so far, inside a box around the best
ones, which grows and shrinks with what it brings (a trust region); without it the first
programs, which know few stripes, throw prices about.

Source: Luebbecke & Desrosiers 2005 for column generation; the correction by channel is
derived above.
"""

from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Waiting
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from permviz.kernels.protocol import Stripes, Values
from permviz.search.pricing import ROUNDING, Excesses, exact_values, price
from permviz.search.strategy import Block

_ITERATIONS = 60
_NEW_STRIPES = 24
"""Stripes that a pass adds to the program, for each channel."""

_KEPT_STRIPES = 64
"""Stripes that the program has at most, for each channel."""

_ENOUGH = 1e-5
"""Share of the bound that a program must promise for another pass."""


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """Prices of channels at which no stripe is worth more than its members, but for rounding.

    Attributes:
        prices: float64[channels], in units of the block's columns.
        bound: no order of the block keeps more; rounding is accounted for.
    """

    prices: Values = field(repr=False)
    bound: float


class _Program:
    """The stripes met so far, and the linear program over them."""

    def __init__(self, block: Block, order: Stripes) -> None:
        self._block = block
        self._stripes = order
        self._values = exact_values(block, order)

    def add(self, excesses: Excesses, prices: Values) -> None:
        """Take the stripes of largest excess; let go of those far below the prices."""
        channels = self._block.channels
        best = np.argsort(-excesses.excess, kind="stable")[: _NEW_STRIPES * channels]
        new = excesses.winners[best]
        stripes, first = np.unique(np.concatenate([self._stripes, new]), axis=0, return_index=True)
        values = np.concatenate([self._values, exact_values(self._block, new)])[first]
        slack = prices[stripes].sum(axis=1) - values
        near = np.argsort(slack, kind="stable")[: _KEPT_STRIPES * channels]
        self._stripes, self._values = stripes[near], values[near]

    def solve(self, centre: Values, radius: float) -> tuple[Values, float] | None:
        """The cheapest prices inside the box and their sum; None where HiGHS finds none."""
        from scipy.optimize import linprog  # noqa: PLC0415 - takes half a second

        count, m = len(self._stripes), self._block.pattern.m
        ends = np.arange(count + 1) * m
        # The stubs of scipy do not know that HiGHS takes a sparse matrix.
        members: Any = csr_array(
            (np.full(count * m, -1.0), self._stripes.ravel(), ends), shape=(count, centre.size)
        )
        box = [(float(price) - radius, float(price) + radius) for price in centre]
        found: Any = linprog(
            np.ones(centre.size), A_ub=members, b_ub=-self._values, bounds=box, method="highs-ds"
        )
        return None if found.x is None else (found.x, float(found.fun))


def bound_by_prices(
    block: Block, order: Stripes, ceiling: float
) -> Generator[Prices | None, float | None, Prices]:
    """Lower a bound on what any order of a block keeps, until the program has no more to give.

    HiGHS cannot be interrupted; it runs in a thread of its own, without the interpreter
    lock, and is left behind if the generator is closed, to end by itself some seconds later.

    Args:
        block: the channels.
        order: int64[stripes, m], a good order, for prices to begin with.
        ceiling: the row optimum, in units of the block; rounding is measured by it.

    Yields:
        Better prices as they are found, and None in between, after some 20 ms each.
    """
    slack = ROUNDING * ceiling
    m = block.pattern.m
    prices = _first_prices(block, order)
    program = _Program(block, order)
    excesses = yield from price(block, prices)
    centre = prices + excesses.by_channel / m
    best = Prices(centre, float(centre.sum()) + slack)
    yield best
    radius = 0.5 * float(np.abs(excesses.by_channel).mean()) / m + ROUNDING * ceiling
    for _ in range(_ITERATIONS):
        program.add(excesses, best.prices)
        solved = yield from _wait(_pool().submit(program.solve, best.prices, radius))
        if solved is None:
            break
        prices, promise = solved
        promised = best.bound - slack - promise
        if promised <= _ENOUGH * ceiling:
            break
        excesses = yield from price(block, prices)
        centre = prices + excesses.by_channel / m
        won = best.bound - slack - float(centre.sum())
        if won > 0:
            best = Prices(centre, float(centre.sum()) + slack)
            yield best
        radius *= 1.5 if won > 0.5 * promised else 0.6 if won < 0 else 1.0
    return best


def _first_prices(block: Block, order: Stripes) -> Values:
    """What each channel adds to its stripe in an order: the kept part of its scores."""
    columns = block.columns[order]
    rank = np.argsort(np.argsort(-columns, axis=1, kind="stable"), axis=1, kind="stable")
    prices = np.empty(block.channels)
    prices[order.ravel()] = (
        np.where(rank < block.pattern.n, columns, 0).sum(axis=2, dtype=np.float64).ravel()
    )
    return prices


def _wait(
    future: Future[tuple[Values, float] | None],
) -> Generator[None, float | None, tuple[Values, float] | None]:
    while True:
        try:
            return future.result(timeout=0.01)
        except Waiting:
            yield None


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(2, thread_name_prefix="highs")
