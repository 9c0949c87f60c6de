from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from permviz.core.pattern import NMPattern
from permviz.core.score import retained
from permviz.search import perfect
from permviz.search.run import search


def planted(rows, channels, pattern, seed):
    """Scores with exactly N non-zeros in each stripe of a hidden order."""
    rng, parsed = np.random.default_rng(seed), NMPattern.parse(pattern)
    ranks = rng.random((rows, channels // parsed.m, parsed.m)).argsort(axis=2)
    scores = np.where(ranks < parsed.n, rng.random(ranks.shape) + 0.01, 0)
    return scores.reshape(rows, channels)[:, rng.permutation(channels)]


@pytest.mark.parametrize(
    ("rows", "channels", "pattern"),
    [(8, 16, "2:4"), (32, 128, "2:4"), (64, 512, "1:4"), (128, 256, "2:4"), (64, 64, "1:2")],
)
def test_planted_orders_are_found(rows, channels, pattern):
    scores = planted(rows, channels, pattern, 1)
    result = search(scores, "perfect", pattern=pattern)
    assert result.trace.finished.reason == "perfect"
    assert result.retained == pytest.approx(scores.sum(), rel=1e-12)


def test_a_row_that_is_too_full_settles_it_at_once():
    result = search(np.random.default_rng(0).random((64, 512)), "perfect")
    assert result.trace.finished.reason == "impossible"
    assert result.permutation.is_identity


def test_one_block_without_a_perfect_order_settles_the_whole():
    scores = np.concatenate([planted(16, 16, "2:4", 0), np.ones((16, 8))], axis=1)
    blocks = [range(16), range(16, 24)]
    assert search(scores, "perfect", blocks=blocks).trace.finished.reason == "impossible"
    found = search(scores[:, :16], "perfect", blocks=[range(8), range(8, 16)])
    assert found.trace.finished.reason in ("perfect", "impossible")


@settings(deadline=None, max_examples=25)
@given(st.sampled_from([(1, 2, 6), (2, 3, 6), (1, 3, 6), (2, 4, 8)]), st.integers(0, 2**31))
def test_verdicts_are_those_of_brute_force(shape, seed):
    n, m, channels = shape
    rng = np.random.default_rng(seed)
    scores = rng.random((4, channels)) * (rng.random((4, channels)) < n / m)
    orders = (np.array(order) for order in permutations(range(channels)) if order[0] == 0)
    lossless = any(
        retained(scores[:, order], NMPattern(n, m)) == pytest.approx(scores.sum(), rel=1e-12)
        for order in orders
    )
    reason = search(scores, "perfect", pattern=NMPattern(n, m)).trace.finished.reason
    assert reason == ("perfect" if lossless else "impossible")


def test_giving_up_is_told_from_a_proof(monkeypatch):
    # Nothing can be listed, so only annealing is left, and one sweep does not get there.
    monkeypatch.setattr(perfect, "_MOST_STRIPES", 1)
    result = search(planted(32, 64, "2:4", 3), "perfect", sweeps=1)
    assert result.trace.finished.reason == "converged"
