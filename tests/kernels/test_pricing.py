"""Pricing and partitions against the obvious."""

from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from permviz.core.pattern import NMPattern
from permviz.kernels.reference import ReferenceKernels
from permviz.kernels.reference_pricing import channel_excess, priced
from permviz.search.pricing import ROUNDING, exact_values, price
from permviz.search.strategy import Block


def passed(block, prices, cutoff, room):
    steps = price(block, prices, cutoff, room)
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            return ended.value


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from([(2, 4), (1, 4), (3, 4), (1, 2), (2, 3), (1, 3), (4, 8), (3, 5), (1, 6)]),
    st.sampled_from([1, 7, 128, 300]),
    st.integers(0, 2**32 - 1),
)
def test_a_pass_is_what_listing_all_stripes_gives(shape, rows, seed):
    n, m = shape
    rng = np.random.default_rng(seed)
    channels = 2 * m if m > 4 else 11
    block = Block.of(rng.random((rows, channels)), NMPattern(n, m))
    prices = rng.random(channels) * rows * n / m
    stripes, excess = priced(block.columns, prices, n, m)
    cutoff = float(np.quantile(excess, 0.9))
    found = passed(block, prices, cutoff, len(stripes))
    error = ROUNDING * rows * n
    assert np.abs(found.by_channel - channel_excess(stripes, excess, channels)).max() <= error
    sure = {tuple(s) for s in stripes[excess > cutoff + error]}
    possible = {tuple(s) for s in stripes[excess > cutoff - error]}
    assert sure <= {tuple(s) for s in found.listed} <= possible
    assert found.count == len(found.listed)
    assert found.excess.max() == found.by_channel.max()
    own = exact_values(block, found.winners) - prices[found.winners].sum(axis=1)
    assert np.abs(own - found.excess).max() <= error


def test_what_has_no_room_is_counted():
    block = Block.of(np.random.default_rng(0).random((5, 10)), NMPattern(2, 4))
    found = passed(block, np.zeros(10), 0.0, 7)
    assert found.count == 210
    assert len(found.listed) == 0


def test_exact_values_are_those_of_the_obvious_kernel():
    block = Block.of(np.random.default_rng(1).random((400, 8)), NMPattern(2, 4))
    stripes = np.array(list(combinations(range(8), 4)))
    obvious = ReferenceKernels().stripe_values(block.columns, stripes, 2)
    assert np.allclose(exact_values(block, stripes), obvious, rtol=1e-13)
