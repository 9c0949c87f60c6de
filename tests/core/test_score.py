from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from permviz.core.pattern import NMPattern
from permviz.core.permutation import Permutation
from permviz.core.score import (
    _compared,
    _ranked,
    checked_scores,
    efficacy,
    efficacy_percent,
    mask,
    retained,
    row_optimum,
)
from permviz.errors import PermutationError, ScoresError

patterns = st.sampled_from(
    [NMPattern(*p) for p in ((2, 4), (1, 4), (1, 2), (3, 4), (4, 8), (2, 3))]
)
matrices = st.tuples(st.integers(1, 5), st.integers(1, 19)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.floats(0, 100, width=32))
)


def retained_by_definition(scores, pattern):
    total = 0.0
    for row in scores:
        for start in range(0, len(row), pattern.m):
            stripe = row[start : start + pattern.m]
            kept = pattern.n if len(stripe) == pattern.m else len(stripe)
            total += max(sum(choice) for choice in combinations(stripe, kept))
    return total


@settings(deadline=None)
@given(matrices, patterns)
def test_retained_is_its_definition(scores, pattern):
    assert retained(scores, pattern) == pytest.approx(retained_by_definition(scores, pattern))


@given(matrices, patterns)
def test_the_mask_keeps_exactly_the_pattern_and_the_retained_score(scores, pattern):
    kept = mask(scores, pattern)
    whole = scores.shape[1] // pattern.m * pattern.m
    counts = kept[:, :whole].reshape(len(scores), -1, pattern.m).sum(axis=2)
    assert (counts == pattern.n).all()
    assert kept[:, whole:].all()
    assert scores[kept].sum() == pytest.approx(retained(scores, pattern))


@given(st.integers(0, 10_000), st.sampled_from([(1, 2), (2, 4), (3, 5), (7, 16), (9, 20)]))
def test_comparing_and_sorting_keep_the_same_entries_ties_included(seed, pattern):
    n, m = pattern
    scores = np.random.default_rng(seed).integers(0, 4, (3, 3 * m)).astype(np.float32)
    slow = _ranked(scores, NMPattern(n, m))
    assert (_compared(scores, NMPattern(n, m)) == slow).all()
    assert (mask(scores, NMPattern(n, m)) == slow).all()


@given(matrices, patterns, st.integers(0, 2**32 - 1))
def test_no_order_exceeds_the_row_optimum(scores, pattern, seed):
    whole = scores.shape[1] // pattern.m * pattern.m
    order = np.arange(scores.shape[1])
    order[:whole] = np.random.default_rng(seed).permutation(whole)
    bound = row_optimum(scores, pattern)
    assert retained(scores[:, order], pattern) <= bound * (1 + 1e-12) + 1e-12
    assert bound <= scores.sum() * (1 + 1e-12) + 1e-12


def test_the_row_optimum_is_reached_when_the_large_ones_are_spread():
    scores = np.array([[9, 8, 0, 1, 7, 6, 1, 0]])
    assert row_optimum(scores, NMPattern(2, 4)) == 30
    assert retained(scores, NMPattern(2, 4)) == 30


def test_ties_keep_the_first_channel():
    assert mask(np.ones((1, 4)), NMPattern(2, 4)).tolist() == [[True, True, False, False]]


def test_efficacy_is_a_share_of_the_possible_gain():
    assert efficacy_percent(10, 15, 20) == 50
    assert efficacy_percent(10, 10, 10) == 100
    assert efficacy_percent(0, 0, 0) == 100


def test_efficacy_of_an_order():
    scores = np.array([[4, 4, 4, 4, 0, 0, 0, 0]], dtype=np.float32)
    assert efficacy(scores, [0, 1, 4, 5, 2, 3, 6, 7]) == 100
    assert efficacy(scores, Permutation.identity(8)) == 0
    with pytest.raises(PermutationError, match="4 channels does not fit"):
        efficacy(scores, [0, 1, 2, 3])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.uint8, np.int64, bool])
def test_any_numbers_are_scores(dtype):
    assert checked_scores(np.ones((2, 4), dtype=dtype)).dtype in (np.float32, np.float64)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (np.zeros((0, 4)), "non-empty"),
        (np.zeros((4, 0)), "non-empty"),
        (np.zeros(4), "non-empty"),
        (np.zeros((2, 2, 2)), "non-empty"),
        ([["a", "b"]], "not numbers"),
        ([[1.0, np.nan]], "row 0, channel 1"),
        ([[1.0], [np.inf]], "row 1, channel 0"),
        ([[-1.0, 1.0]], "negative"),
        (np.ones((2, 2), dtype=complex), "not numbers"),
    ],
)
def test_unusable_scores_are_refused(scores, message):
    with pytest.raises(ScoresError, match=message):
        checked_scores(scores)
