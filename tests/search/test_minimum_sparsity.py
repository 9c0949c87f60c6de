import numpy as np
import pytest

import permviz as pv
from permviz.errors import StrategyError


def thinned(weights, sparsity):
    smallest = np.argsort(np.abs(weights).ravel(), kind="stable")
    kept = weights.ravel().copy()
    kept[smallest[: round(sparsity * weights.size)]] = 0
    return kept.reshape(weights.shape)


@pytest.mark.parametrize("strategy", ["perfect", "channel_swap"])
def test_the_permutation_loses_nothing_there_and_not_much_earlier(strategy):
    weights = np.random.default_rng(0).standard_normal((16, 32))
    found = pv.minimum_sparsity(weights, strategy, resolution=0.01)
    kept = np.abs(thinned(weights, found.sparsity))
    assert pv.efficacy(kept, found.permutation) == pytest.approx(100)
    order = found.permutation.order
    stripes = (kept[:, order] > 0).reshape(16, -1, 4)
    assert stripes.sum(axis=2).max() <= 2
    denser = (thinned(weights, found.sparsity - 1 / weights.size)[:, order] != 0).reshape(16, -1, 4)
    assert denser.sum(axis=2).max() > 2
    assert found.impossible <= found.sparsity < 0.8
    assert (thinned(weights, found.impossible - 1 / weights.size) != 0).sum(axis=1).max() > 16


def test_a_search_that_sees_magnitudes_only_needs_more_zeros():
    weights = np.random.default_rng(1).standard_normal((32, 64))
    perfect = pv.minimum_sparsity(weights, tries=2)
    assert perfect.sparsity < pv.minimum_sparsity(weights, "random(count=5)").sparsity


def test_what_already_fits_needs_nothing():
    found = pv.minimum_sparsity(np.tile([1.0, -1.0, 0.0, 0.0], (3, 2)))
    assert found.sparsity == 0.5
    assert found.searches == 0


@pytest.mark.parametrize("bad", [{"tries": 0}, {"resolution": 0.0}, {"strategy": "none"}])
def test_impossible_settings_are_refused(bad):
    weights = np.random.default_rng(0).standard_normal((8, 16))
    with pytest.raises(StrategyError):
        pv.minimum_sparsity(weights, **bad)
