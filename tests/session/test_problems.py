"""Stripes are counted where a layer reads the channels, not where the group lists them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from permviz.core.pattern import NMPattern
from permviz.core.score import retained
from permviz.session.problems import group_problem
from tests.session.written_out import group, place

TWO_OF_FOUR = NMPattern(2, 4)


def weights(shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def test_readers_are_stacked_by_rows_and_kernels_are_rows():
    scores = {"a": weights((5, 8)), "b": weights((3, 8, 2, 2), 1)}
    found = group_problem(
        group("g", 8, [place(t, 1, "consumer", np.arange(8)) for t in "ab"]), scores, TWO_OF_FOUR
    )
    assert found.problem.scores.shape == (5 + 3 * 4, 8)
    assert found.problem.baseline == pytest.approx(
        retained(scores["a"], TWO_OF_FOUR)
        + retained(scores["b"].transpose(0, 2, 3, 1).reshape(-1, 8), TWO_OF_FOUR),
        rel=1e-6,
    )
    assert not found.notes


def test_passengers_and_producers_do_not_count():
    places = [place("a", 1, "consumer", np.arange(8)), place("p", 0, "producer", np.arange(8))]
    found = group_problem(
        group("g", 8, places), {"a": weights((5, 8)), "p": weights((8, 9))}, TWO_OF_FOUR
    )
    assert found.problem.scores.shape == (5, 8)


def test_a_concatenation_off_the_stripes_keeps_shared_channels_in_place():
    # 18 channels at 14..31 of 32: positions 14 and 15 share a stripe with a neighbour.
    found = group_problem(
        group("g", 18, [place("a", 1, "consumer", np.arange(14, 32))]),
        {"a": weights((5, 32))},
        TWO_OF_FOUR,
    )
    assert found.slots.tolist() == list(range(2, 18))
    assert "2 channels share a stripe" in found.notes[0]
    order = np.arange(16)[::-1].copy()
    assert found.group_order(order).order.tolist() == [0, 1, *range(17, 1, -1)]


def test_the_remainder_of_a_width_that_m_does_not_divide_stays_dense_and_is_said():
    found = group_problem(
        group("g", 10, [place("a", 1, "consumer", np.arange(10))]),
        {"a": weights((5, 10))},
        TWO_OF_FOUR,
    )
    assert found.slots.tolist() == list(range(8))
    assert "last 2 channels dense" in found.notes[0]


def test_the_reader_with_the_most_score_leads_and_the_other_is_named():
    scores = {"small": weights((2, 32)), "large": weights((50, 16))}
    places = [
        place("small", 1, "consumer", np.arange(2, 18)),
        place("large", 1, "consumer", np.arange(16)),
    ]
    found = group_problem(group("g", 16, places), scores, TWO_OF_FOUR)
    assert found.problem.scores.shape == (50, 16)
    assert "small reads these channels in other stripes" in found.notes[0]


def test_a_flatten_of_pictures_reads_no_whole_stripes():
    positions = np.arange(16 * 49).reshape(16, 49)
    found = group_problem(
        group("g", 16, [place("fc", 1, "consumer", positions)]),
        {"fc": weights((4, 16 * 49))},
        TWO_OF_FOUR,
    )
    assert found.problem is None
    assert "whole stripes" in found.skipped


def test_a_flatten_with_channels_last_repeats_the_stripes():
    positions = (np.arange(9)[:, None] * 16 + np.arange(16)).T
    scores = {"fc": weights((4, 9 * 16))}
    found = group_problem(
        group("g", 16, [place("fc", 1, "consumer", positions)]), scores, TWO_OF_FOUR
    )
    assert found.problem.scores.shape == (4 * 9, 16)
    assert found.problem.baseline == pytest.approx(retained(scores["fc"], TWO_OF_FOUR), rel=1e-6)


def test_a_grouped_convolution_has_its_groups_side_by_side():
    weight = weights((6, 8, 3, 3))
    places = [
        place("conv", 1, "consumer", np.arange(8), rows=(0, 3), channels=np.arange(8)),
        place("conv", 1, "consumer", np.arange(8), rows=(3, 6), channels=np.arange(8, 16)),
    ]
    blocks = [np.arange(8), np.arange(8, 16)]
    found = group_problem(group("g", 16, places, blocks), {"conv": weight}, TWO_OF_FOUR)
    assert found.problem.scores.shape == (27, 16)
    assert [block.tolist() for block in found.problem.blocks] == [
        list(range(8)),
        list(range(8, 16)),
    ]
    assert found.problem.baseline == pytest.approx(
        retained(weight.transpose(0, 2, 3, 1).reshape(-1, 8), TWO_OF_FOUR), rel=1e-6
    )


def test_a_single_stripe_is_not_searched():
    found = group_problem(
        group("g", 4, [place("a", 1, "consumer", np.arange(4))]),
        {"a": weights((5, 4))},
        TWO_OF_FOUR,
    )
    assert found.problem is None
    assert "one stripe" in found.skipped


def test_nothing_that_is_pruned_reads_the_channels():
    places = [place("gate", 1, "consumer", np.arange(2)), place("p", 0, "producer", np.arange(2))]
    found = group_problem(group("g", 2, places), {"gate": weights((5, 2))}, TWO_OF_FOUR)
    assert found.problem is None
    assert found.cost == 0


@given(st.integers(0, 2**32 - 1), st.integers(0, 9), st.integers(8, 40), st.integers(0, 5))
def test_any_searched_order_gains_in_the_weight_what_it_gains_in_the_problem(
    seed, offset, size, rest
):
    rng = np.random.default_rng(seed)
    weight = rng.random((3, offset + size + rest))
    found = group_problem(
        group("g", size, [place("a", 1, "consumer", np.arange(offset, offset + size))]),
        {"a": weight},
        TWO_OF_FOUR,
    )
    if found.problem is None:
        assert size < 16
        return
    order = rng.permutation(found.problem.channels)
    whole = np.arange(weight.shape[1])
    whole[offset : offset + size] = offset + found.group_order(order).order
    gain = retained(weight[:, whole], TWO_OF_FOUR) - retained(weight, TWO_OF_FOUR)
    assert found.problem.retained(order) - found.problem.baseline == pytest.approx(gain, abs=1e-9)
