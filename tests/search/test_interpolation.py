import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import permviz as pv
from permviz.errors import PermutationError, StrategyError


def test_efficacies_divide_the_range_evenly():
    scores = np.random.RandomState(0).rand(64, 128)
    best = pv.search(scores, "channel_swap").permutation
    found = [pv.efficacy(scores, step) for step in pv.interpolate(best, 5, scores)]
    assert found == pytest.approx(np.linspace(0, pv.efficacy(scores, best), 6), abs=1.5)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 26), st.integers(1, 6), st.integers(0, 2**31))
def test_the_ends_are_what_was_asked_for(channels, steps, seed):
    rng = np.random.default_rng(seed)
    scores = rng.random((3, channels))
    start, end = pv.Permutation.random(channels, rng), pv.Permutation.random(channels, rng)
    found = pv.interpolate(end, steps, scores, start=start)
    assert len(found) == steps + 1
    assert (found[0], found[-1]) == (start, end)


def test_channels_stay_in_their_blocks_on_the_way():
    scores = np.random.default_rng(0).random((8, 30))
    blocks = [range(14), range(14, 30)]
    best = pv.search(scores, "osg", blocks=blocks)
    for step in pv.interpolate(best.permutation, 3, scores, blocks=blocks):
        assert set(step.order[:14]) == set(range(14))


def test_what_does_not_fit_is_refused():
    with pytest.raises(PermutationError, match="4 channels"):
        pv.interpolate([0, 1], 2, np.ones((2, 4)))
    with pytest.raises(StrategyError, match="at least 1"):
        pv.interpolate([0, 1, 2, 3], 0, np.ones((2, 4)))
