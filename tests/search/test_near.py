"""Walks through the stripes near a bound, and windows of an order."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from permviz.core.pattern import NMPattern
from permviz.core.score import row_optimum
from permviz.kernels.numba_cpu import NumbaKernels
from permviz.search.column_generation import bound_by_prices
from permviz.search.exact import Exact
from permviz.search.near import Walk, near_stripes
from permviz.search.pricing import exact_values
from permviz.search.strategy import Block
from permviz.search.windows import improved


def drained(steps):
    """What a generator yields beside None, and what it returns."""
    told = []
    while True:
        try:
            item = next(steps)
        except StopIteration as ended:
            return told, ended.value
        if item is not None:
            told.append(item)


def cheapest(stripes, slack, channels):
    """Least slack of a partition by plain recursion, or infinity."""
    if not channels:
        return 0.0
    first = min(channels)
    return min(
        (
            cost + cheapest(stripes, slack, channels - set(stripe))
            for stripe, cost in zip(stripes, slack, strict=True)
            if first in stripe and set(stripe) <= channels
        ),
        default=np.inf,
    )


@settings(deadline=None, max_examples=80)
@given(
    st.sampled_from([(2, 4), (3, 3), (4, 2)]),
    st.sampled_from([0.2, 0.5, 1.0]),
    st.sampled_from([0.5, 1.0, 9.0]),
    st.integers(0, 2**32 - 1),
)
def test_a_walk_finds_the_cheapest_partition_below_its_limit(shape, share, limit, seed):
    m, depths = shape
    rng = np.random.default_rng(seed)
    stripes = np.array(list(combinations(range(m * depths), m)))
    stripes = stripes[rng.random(len(stripes)) < share]
    slack = np.sort(rng.integers(0, 9, len(stripes)) / 8)  # sums without rounding
    walk = Walk(stripes, slack, depths, limit)
    while not walk.step():
        pass
    least = cheapest([tuple(s) for s in stripes], slack, set(range(m * depths)))
    if least < limit:
        assert sorted(walk.order) == list(range(m * depths))
        chosen = {tuple(s) for s in walk.order.reshape(-1, m)}
        cost = sum(c for s, c in zip(stripes, slack, strict=True) if tuple(s) in chosen)
        assert cost == pytest.approx(least)
    else:
        assert walk.order is None


def near_an_order(rows, channels, seed):
    block = Block.of(np.random.default_rng(seed).random((rows, channels)), NMPattern(2, 4))
    order = np.arange(channels).reshape(-1, 4)
    ceiling = row_optimum(block.columns.T, block.pattern)
    _, prices = drained(bound_by_prices(block, order, ceiling))
    reach = float(prices.prices.sum() - exact_values(block, order).sum())
    return block, order, prices, drained(near_stripes(block, prices.prices, reach))[1]


def test_what_is_not_near_has_slack_beyond_the_reach():
    block, _, _, near = near_an_order(20, 20, 1)
    stripes = np.array(list(combinations(range(20), 4)))
    slack = near.prices[stripes].sum(axis=1) - exact_values(block, stripes)
    assert near.slack.min() >= 0
    assert {tuple(s) for s in stripes[slack < near.reach]} <= {tuple(s) for s in near.stripes}
    assert near.below(near.reach / 2) == (slack < near.reach / 2).sum()


@pytest.mark.parametrize("seed", range(3))
def test_bounds_by_prices_fall_to_near_the_optimum(seed):
    block, order, prices, _ = near_an_order(16, 16, seed)
    orders, _ = drained(Exact().steps(block, np.random.default_rng(0), NumbaKernels()))
    best = exact_values(block, orders[-1].reshape(-1, 4)).sum()
    start = exact_values(block, order).sum()
    assert best <= prices.bound <= best + 0.2 * (best - start)


def test_windows_improve_an_order_and_propose_what_is_better():
    block, order, prices, near = near_an_order(32, 32, 2)
    proposed, best = drained(improved(block, near, order))
    values = [exact_values(block, o.reshape(-1, 4)).sum() for o in [order.ravel(), *proposed]]
    assert values == sorted(values)
    assert sorted(best.ravel()) == list(range(32))
    assert values[-1] == exact_values(block, best).sum() <= prices.bound
    assert prices.bound - values[-1] < 0.05 * (prices.bound - values[0])
