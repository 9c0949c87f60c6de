import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from permviz.core.pattern import NMPattern
from permviz.core.problem import SearchProblem
from permviz.core.score import retained, row_optimum
from permviz.errors import ScoresError


@given(st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_one_block_is_the_plain_matrix(channels, seed):
    scores = np.random.default_rng(seed).random((3, channels))
    problem = SearchProblem.of(scores)
    assert problem.baseline == pytest.approx(retained(scores, NMPattern(2, 4)))
    assert problem.row_optimum == pytest.approx(row_optimum(scores, NMPattern(2, 4)))
    assert problem.remainder.tolist() == list(range(channels // 4 * 4, channels))


def test_blocks_are_valued_apart_and_the_rest_counts_for_nothing():
    scores = np.arange(24, dtype=float).reshape(2, 12)
    problem = SearchProblem.of(scores, "1:2", [[0, 1, 2, 3], [8, 10, 11]])
    assert problem.baseline == retained(scores[:, :4], NMPattern(1, 2)) + retained(
        scores[:, [8, 10, 11]], NMPattern(1, 2)
    )
    assert [slots.tolist() for slots in problem.movable] == [[0, 1, 2, 3], [8, 10]]
    assert problem.remainder.tolist() == [11]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8), st.integers(0, 2**32 - 1))
def test_blocks_of_any_size_are_worth_what_each_is_worth_alone(sizes, seed):
    rng = np.random.default_rng(seed)
    scores, order = rng.random((3, sum(sizes))), np.arange(sum(sizes))
    blocks = np.split(rng.permutation(sum(sizes)), np.cumsum(sizes)[:-1])
    for block in map(np.sort, blocks):
        order[block] = rng.permutation(block)
    problem = SearchProblem.of(scores, "2:4", blocks)
    alone = [(scores[:, np.sort(block)], order[np.sort(block)]) for block in blocks]
    pattern = NMPattern(2, 4)
    assert problem.baseline == pytest.approx(sum(retained(one, pattern) for one, _ in alone))
    assert problem.row_optimum == pytest.approx(sum(row_optimum(one, pattern) for one, _ in alone))
    moved = sum(retained(scores[:, channels], pattern) for _, channels in alone)
    assert problem.retained(order) == pytest.approx(moved)


def test_the_scores_cannot_be_changed_through_the_problem():
    with pytest.raises(ValueError, match="read-only"):
        SearchProblem.of(np.ones((1, 4))).scores[0, 0] = 2


@pytest.mark.parametrize(
    ("blocks", "message"),
    [([[0, 1], [1, 2]], "two blocks"), ([[0, 9]], "channel 9"), ([[-1]], "-1")],
)
def test_impossible_blocks_are_refused(blocks, message):
    with pytest.raises(ScoresError, match=message):
        SearchProblem.of(np.ones((1, 4)), blocks=blocks)
