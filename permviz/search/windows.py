"""Improve an order window by window: some of its stripes at a time, rearranged optimally.

The stripes of a window have a slack together, and a better arrangement of their channels
has less. That limit is low, so a walk through the stripes near the bound (see
`permviz.search.near`) is complete within milliseconds for some fifty channels at 2:4,
where tables of all their subsets end at twenty-four.
"""

from collections.abc import Generator

import numpy as np

from permviz.kernels.protocol import Stripes, Values
from permviz.search.near import Near, Walk
from permviz.search.pricing import exact_values
from permviz.search.strategy import Block, Order

_WINDOWS = 300
"""Windows that are opened without a time budget."""

_SHARE = 0.5
"""Share of the time that is left which windows may take."""

_STEPS = 8
"""Steps of a walk, some 30 ms each, after which its window is given up as too wide."""

_FIRST_SIZE = 6.0
_WIDER, _NARROWER = 1.03, 0.9


def improved(
    block: Block, near: Near, order: Stripes
) -> Generator[Order | None, float | None, Stripes]:
    """Open windows of an order; propose it whenever it got better, and return the best.

    Windows widen while walks are complete within some steps, and narrow where they are not.
    They are drawn from random numbers of their own, the same in every run.
    """
    rng = np.random.default_rng(0)
    size, opened = _FIRST_SIZE, 0
    slack = _slack(block, near, order)
    spent = yield None
    end = 1.0 if spent is None else spent + _SHARE * (1.0 - spent)
    while opened < _WINDOWS if spent is None else spent < end:
        opened += 1
        chosen = _drawn(slack, min(round(size), block.stripes), rng, opened)
        walk, channels = _walk(near, order[chosen], float(slack[chosen].sum()))
        complete = yield from _walked(walk)
        size = min(max(2.0, size * (_WIDER if complete else _NARROWER)), float(block.stripes))
        if walk.order is None:
            spent = yield None
            continue
        order = order.copy()
        order[chosen] = channels[walk.order].reshape(len(chosen), -1)
        slack = _slack(block, near, order)
        spent = yield order.ravel()
    return order


def _walked(walk: Walk) -> Generator[None, float | None, bool]:
    """Whether a walk is through within some steps."""
    for _ in range(_STEPS):
        if walk.step():
            return True
        yield None
    return False


def _slack(block: Block, near: Near, order: Stripes) -> Values:
    return near.prices[order].sum(axis=1) - exact_values(block, order)


def _drawn(slack: Values, count: int, rng: np.random.Generator, turn: int) -> Order:
    """Some stripes of an order: every other time those of much slack more often."""
    weights = np.maximum(slack, 1e-300) if turn % 2 else np.ones(slack.size)
    # The largest keys u ** (1 / w) are a draw by weight (Efraimidis & Spirakis 2006).
    keys = np.log(rng.random(slack.size)) / (weights / weights.max())
    return np.argsort(-keys, kind="stable")[:count]


def _walk(near: Near, held: Stripes, limit: float) -> tuple[Walk, Order]:
    """A walk through the arrangements of the channels that some stripes hold."""
    channels = np.sort(held.ravel())
    inside = np.full(near.prices.size, -1)
    inside[channels] = np.arange(channels.size)
    below = near.below(limit)
    numbered = inside[near.stripes[:below]]
    whole = (numbered >= 0).all(axis=1)
    # Strictly better, beyond rounding: else equal arrangements would take turns.
    enough = limit * (1 - 1e-6) - 1e-12 * near.total
    return Walk(numbered[whole], near.slack[:below][whole], len(held), enough), channels
