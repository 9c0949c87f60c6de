"""Close the gap that the linear program leaves: the optimum, or a lower bound.

All stripes that an order within some limit of the sum of prices can have are few as long
as the limit is small (see `permviz.search.near`). A walk through their partitions, depth
first, either finds the best such order, which is then the best of all, or proves that none
is that good: the bound falls by the limit. The limit grows until one of the two ends the
search. What the walks cannot settle soon is first narrowed from the other side, by
improving the order.

HiGHS's integer programming answers the same question. For the published matrix of 128
rows and 64 channels it takes hundreds of times longer, and it cannot be interrupted.
"""

from collections.abc import Generator

import numpy as np

from permviz.kernels.protocol import Stripes, Values
from permviz.search.near import STEP_WORK, Near, Walk, near_stripes
from permviz.search.pricing import exact_values
from permviz.search.strategy import AtMost, Block, BoundSteps, Order
from permviz.search.windows import improved

_GROWTH = 1.25
_FIRST_STRIPES = 8
"""Stripes that the first walk takes, for each channel."""

_SOON = 60_000_000
"""Visits of stripes after which the order is improved first: some second."""

_MOST_WORK = 1_000_000_000
"""Visits of stripes without a time budget: some 15 s."""

TOLERANCE = 1e-9
"""Share of the retained score that two orders may differ by and still count as equal."""


def closed(block: Block, prices: Values, order: Stripes) -> BoundSteps:
    """Search through the orders near the bound, in widening circles.

    Args:
        block: the channels.
        prices: float64[channels], at which no stripe is worth more than its members, but
            for rounding.
        order: int64[stripes, m], the best order known.

    Returns:
        ``optimal`` where it is proved that no order keeps more than the best one known or
        the one proposed last, else None.
    """
    best = float(exact_values(block, order).sum())
    near = yield from near_stripes(block, prices, max(0.0, float(prices.sum()) - best))
    circles = _Circles(near, block)
    settled = yield from circles.widened(best, _SOON)
    if settled or not near.reach:
        return "optimal" if settled else None
    better = yield from improved(block, near, order)
    best = float(exact_values(block, better).sum())
    budgeted = (yield None) is not None
    settled = yield from circles.widened(best, np.inf if budgeted else _MOST_WORK)
    return "optimal" if settled else None


class _Circles:
    """Walks through all orders within a growing limit of the sum of prices."""

    def __init__(self, near: Near, block: Block) -> None:
        self._near = near
        self._stripes = block.stripes
        first = near.slack[: _FIRST_STRIPES * block.channels].max(initial=0.0)
        self._next = max(float(first), near.reach / 256)
        self._proved = 0.0
        self._walk: Walk | None = None

    def widened(
        self, best: float, work: float
    ) -> Generator[Order | AtMost | None, float | None, bool]:
        """Walk on until all is proved, or as much work is done.

        Returns:
            Whether no order keeps more than `best` or the order proposed.
        """
        near = self._near
        target = near.total - best * (1 + TOLERANCE)
        while self._proved < target:
            walk = self._begun(target)
            if walk is None:
                return False
            while not walk.step():
                work -= STEP_WORK
                yield None
                if work <= 0:
                    return False
            if walk.order is not None:
                yield walk.order
                return True
            self._walk, self._proved = None, self._next
            self._next *= _GROWTH
            yield AtMost(near.total * (1 + TOLERANCE) - self._proved, "linear program and walks")
        return True

    def _begun(self, target: float) -> Walk | None:
        """The walk that is under way or the next; None where stripes are known no farther."""
        if self._walk is None and self._proved < self._near.reach:
            self._next = min(self._next, self._near.reach, target)
            near, below = self._near, self._near.below(self._next)
            self._walk = Walk(near.stripes[:below], near.slack[:below], self._stripes, self._next)
        return self._walk
