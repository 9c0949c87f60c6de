from itertools import permutations

import numpy as np
import pytest

from permviz.core.pattern import NMPattern
from permviz.core.score import retained
from permviz.errors import StrategyError
from permviz.search.run import search

# Efficacies of the reference implementation with groups of three stripes, uniform scores of
# 64 rows and 128 channels by numpy RandomState seed.
THREE = {0: 51.2535, 1: 54.541, 2: 50.5296, 3: 49.2032, 4: 50.3407, 5: 54.9674}


def test_groups_of_three_are_as_good_as_the_reference():
    found = [
        search(np.random.RandomState(seed).rand(64, 128), "osg(stripes=3)").efficacy
        for seed in THREE
    ]
    assert np.mean(found) > np.mean(list(THREE.values())) - 0.5


@pytest.mark.parametrize(("size", "pattern"), [(3, "1:2"), (4, "1:2"), (3, "2:3")])
def test_one_group_is_solved_exactly(size, pattern):
    parsed = NMPattern.parse(pattern)
    scores = np.random.default_rng(size).random((5, min(size * parsed.m, 9)))
    orders = (np.array(order) for order in permutations(range(scores.shape[1])) if order[0] == 0)
    best = max(retained(scores[:, order], parsed) for order in orders)
    found = search(scores, "osg", stripes=size, pattern=parsed)
    assert found.retained == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize(("size", "channels"), [(3, 12), (4, 16)])
def test_three_and_four_stripes_of_two_of_four_are_solved_exactly(size, channels):
    for seed in range(3):
        scores = np.random.default_rng(seed).random((20, channels))
        best = search(scores, "exact").retained
        assert search(scores, "osg", stripes=size).retained == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize("size", [2, 3])
def test_too_many_groups_are_drawn_at_random(size):
    scores = np.random.default_rng(0).random((8, 128))
    whole = search(scores, "osg", stripes=size)
    drawn = search(scores, "osg", stripes=size, memory=1 << 20, blocks=[range(128)])
    few = search(np.tile(scores, (1, 24 // size)), "osg", stripes=size, budget=0.3)
    assert drawn.efficacy > 0.8 * whole.efficacy
    assert few.retained > few.baseline


@pytest.mark.parametrize("size", [3, 4])
def test_tables_that_are_too_large_are_refused_with_a_way_out(size):
    with pytest.raises(StrategyError, match="channel_swap"):
        search(np.ones((2, 64)), "osg", stripes=size, pattern="4:8")


@pytest.mark.parametrize(("rows", "channels", "reference"), [(64, 32, 53.1152), (128, 64, 37.4822)])
def test_groups_of_three_come_near_the_reference_implementation(rows, channels, reference):
    scores = np.random.RandomState(1).rand(rows, channels)
    assert search(scores, "osg(stripes=3)").efficacy > reference - 0.5
