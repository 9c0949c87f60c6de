from itertools import permutations
from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from permviz.core.pattern import NMPattern
from permviz.core.permutation import Permutation
from permviz.core.score import retained
from permviz.errors import StrategyError
from permviz.search import exact
from permviz.search.partitions import count
from permviz.search.run import search

# Efficacies of the exact optimum, uniform scores of 32 rows and 16 channels by numpy
# RandomState seed.
OPTIMA = {0: 57.734213, 1: 68.931748, 2: 65.849934, 3: 60.6545, 4: 58.321422, 5: 74.758661}


@pytest.mark.parametrize("seed", OPTIMA)
def test_the_known_optima_are_found(seed):
    scores = np.random.RandomState(seed).rand(32, 16)
    assert search(scores, "exact").efficacy == pytest.approx(OPTIMA[seed], abs=1e-4)


@settings(deadline=None, max_examples=20)
@given(
    st.sampled_from([(2, 4, 8), (1, 4, 8), (1, 2, 8), (2, 3, 6), (3, 4, 8)]), st.integers(0, 2**31)
)
def test_exact_and_enumerate_equal_brute_force(shape, seed):
    n, m, channels = shape
    pattern = NMPattern(n, m)
    scores = np.random.default_rng(seed).random((3, channels))
    orders = (np.array(order) for order in permutations(range(channels)) if order[0] == 0)
    best = max(retained(scores[:, order], pattern) for order in orders)
    for text in ("exact", "enumerate"):
        assert search(scores, text, pattern=pattern).retained == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize(("channels", "pattern"), [(12, "2:4"), (12, "1:3"), (10, "1:2")])
def test_exact_and_enumerate_agree(channels, pattern):
    for seed in range(3):
        scores = np.random.default_rng(seed).random((5, channels))
        found = [search(scores, text, pattern=pattern).retained for text in ("exact", "enumerate")]
        assert found[0] == pytest.approx(found[1], rel=1e-9)


@pytest.mark.parametrize(("channels", "m"), [(4, 2), (6, 2), (6, 3), (8, 4)])
def test_the_count_is_the_number_of_canonical_orders(channels, m):
    pattern = NMPattern(1, m)
    different = {
        Permutation.of(order).canonical(pattern) for order in permutations(range(channels))
    }
    assert count(channels, m) == len(different)
    assert count(16, 4) == factorial(16) // (24**4 * 24) == 2_627_625


def test_too_many_channels_are_refused_with_a_way_out():
    with pytest.raises(StrategyError, match="choose anneal"):
        search(np.ones((1, 28)), "exact")
    with pytest.raises(StrategyError, match="choose exact"):
        search(np.ones((1, 20)), "enumerate")


def test_too_little_memory_is_noticed_before_it_is_taken(monkeypatch):
    monkeypatch.setattr(exact, "_free_bytes", lambda: 1000)
    with pytest.raises(StrategyError, match="MiB"):
        search(np.ones((1, 16)), "exact")
