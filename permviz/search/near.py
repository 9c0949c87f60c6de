"""Orders near the bound of the linear program: their stripes, and walks through them.

At good prices every stripe has a slack, what its members cost above its value, and an
order keeps the sum of all prices less the slacks of its stripes. So an order within
`limit` of that sum has only stripes of less slack than `limit` (reduced-cost fixing).
"""

from collections.abc import Generator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from permviz.kernels.compiled_partition import partition
from permviz.kernels.protocol import Stripes, Values
from permviz.search.pricing import ROUNDING, exact_values, price
from permviz.search.strategy import Block, Order

STEP_WORK = 2_000_000
"""Visits of stripes between two looks at the clock: some 30 ms."""

_MOST_STRIPES = 200_000
_BYTES = 16
"""Of a walk, for each stripe and depth: what is active, what to choose, and room to spare."""

_VALUE_WORK = 3_000_000
"""Rows of stripes that are summed in float64 between two looks at the clock: some 20 ms."""


@dataclass(frozen=True, slots=True, eq=False)
class Near:
    """The stripes that an order within `reach` of the sum of prices can have.

    Attributes:
        stripes: int64[listed, m], by ascending slack.
        slack: float64[listed], none negative.
        prices: float64[channels], at which they have this slack.
        reach: every stripe that is not listed has at least this slack.
    """

    stripes: Stripes = field(repr=False)
    slack: Values = field(repr=False)
    prices: Values = field(repr=False)
    reach: float

    @property
    def total(self) -> float:
        """Sum of all prices: what an order without slack would keep."""
        return float(self.prices.sum())

    def below(self, limit: float) -> int:
        """How many stripes have less slack than a limit."""
        return int(np.searchsorted(self.slack, limit))


def near_stripes(block: Block, prices: Values, reach: float) -> Generator[None, float | None, Near]:
    """List what lies within reach, or within less where that would be too many stripes."""
    largest = block.pattern.m * float(block.columns.sum(axis=1, dtype=np.float64).max())
    rounding = ROUNDING * largest
    # As much as all prices may rise below: what was within reach must stay there.
    reach += rounding * block.stripes
    room = min(_MOST_STRIPES, block.memory // (_BYTES * (block.stripes + 1)))
    while True:
        found = yield from price(block, prices, -(reach + rounding), room)
        if found.count <= room:
            break
        # Their number grows with about the third power of the reach.
        reach *= max(0.1, 0.9 * (room / found.count) ** (1 / 3))
        if reach < rounding:
            return Near(found.listed[:0], np.empty(0), prices + rounding / block.pattern.m, 0.0)
    values = yield from _exact_values(block, found.listed)
    slack = prices[found.listed].sum(axis=1) - values
    # Prices come from rounded values: a little more of each, and no slack is negative.
    lift = max(0.0, -float(slack.min(initial=0.0)))
    ranked = np.argsort(slack, kind="stable")
    lifted = prices + lift / block.pattern.m
    return Near(found.listed[ranked], slack[ranked] + lift, lifted, reach)


def _exact_values(block: Block, stripes: Stripes) -> Generator[None, float | None, Values]:
    values = np.empty(len(stripes))
    some = max(1, _VALUE_WORK // block.columns.shape[1])
    for start in range(0, len(stripes), some):
        values[start : start + some] = exact_values(block, stripes[start : start + some])
        yield None
    return values


class Walk:
    """One complete search through all partitions of less slack than a limit.

    Args:
        stripes: int64[listed, m], of channels 0 .. m * depths - 1.
        slack: float64[listed], none negative.
        depths: stripes of a partition.
        limit: slack that a partition must stay below.
    """

    def __init__(self, stripes: Stripes, slack: Values, depths: int, limit: float) -> None:
        listed, m = stripes.shape
        self._stripes = stripes
        self._slack = slack
        self._active = np.empty((depths + 1, listed), dtype=np.int32)
        self._active[0] = np.arange(listed)
        self._candidates = np.empty((depths + 1, listed), dtype=np.int32)
        self._marks = np.zeros((4, depths + 1), dtype=np.int64)
        self._marks[0, 0], self._marks[2, 0] = listed, -1
        self._used = np.zeros((depths + 1, m * depths), dtype=np.bool_)
        self._spent = np.zeros(depths + 1)
        self._best: NDArray[np.int64] = np.full(depths, -1)
        self._limit = np.array([limit])

    def step(self) -> bool:
        """Walk on for some 30 ms; tells whether the walk is through."""
        return partition(
            self._stripes, self._slack, self._active, self._candidates, self._marks,
            self._used, self._spent, self._best, self._limit, STEP_WORK,
        )  # fmt: skip

    @property
    def order(self) -> Order | None:
        """The best order found so far."""
        return None if self._best[0] < 0 else self._stripes[self._best].ravel()
