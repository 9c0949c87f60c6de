import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from permviz.core.pattern import NMPattern
from permviz.core.score import mask, retained
from permviz.figures.gains import MOST_BARS, gains_info, gains_plot
from permviz.figures.pair import OrderPair

TWO_FOUR = NMPattern(2, 4)


def made(rows, channels, seed=0, pattern=TWO_FOUR):
    rng = np.random.default_rng(seed)
    return OrderPair("a", rng.random((rows, channels)), rng.permutation(channels), pattern)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(8, 40), st.sampled_from([(2, 4), (1, 4), (4, 8)]))
def test_bars_of_columns_and_stripes_add_up_to_what_the_layer_gains(seed, channels, pattern):
    pair = made(5, channels, seed, NMPattern(*pattern))
    gain = retained(pair.scores[:, pair.order], pair.pattern) - retained(pair.scores, pair.pattern)
    expected = 100 * gain / pair.scores.sum()
    for order in (pair.given, pair.order):
        info = gains_info(pair, order)
        whole = channels // pair.pattern.m * pair.pattern.m
        columns = info.columns_shown.gains
        assert info.total == pytest.approx(expected, abs=1e-9)
        assert columns.sum() == pytest.approx(expected, abs=1e-9)
        assert info.stripes_shown.gains.sum() == pytest.approx(columns[:whole].sum(), abs=1e-9)


def test_a_column_gains_what_is_kept_of_its_channel_wherever_it_stands():
    pair = made(6, 12)
    before = np.where(mask(pair.scores, TWO_FOUR), pair.scores, 0).sum(axis=0)
    there = pair.scores[:, pair.order]
    after = np.where(mask(there, TWO_FOUR), there, 0).sum(axis=0)
    expected = 100 * (after - before[pair.order]) / pair.scores.sum()
    info = gains_info(pair, pair.order)
    np.testing.assert_allclose(info.columns_shown.gains, expected, atol=1e-12)
    np.testing.assert_array_equal(info.original, pair.order)
    np.testing.assert_allclose(
        gains_info(pair, pair.given).columns_shown.gains[pair.order], expected
    )


def test_window_is_widened_to_stripes_and_shows_the_same_bars():
    pair = made(6, 16)
    whole, part = gains_info(pair, pair.order), gains_info(pair, pair.order, (5, 7))
    assert part.window == (4, 8)
    assert part.columns_shown.first.tolist() == [4, 5, 6, 7]
    assert part.columns_shown.gains.tolist() == whole.columns_shown.gains[4:8].tolist()
    assert (part.stripes.tolist(), part.stripes_shown.last.tolist()) == ([1], [7])
    assert part.reach == whole.reach


def test_many_columns_are_shown_by_the_strongest_of_each_few():
    pair = made(2, 4 * MOST_BARS)
    info = gains_info(pair, pair.given)
    gains = pair.gains.reshape(-1, 4)
    strongest = gains[np.arange(len(gains)), np.abs(gains).argmax(axis=1)]
    assert info.columns_shown.gains.size == MOST_BARS
    assert np.abs(info.columns_shown.gains).tolist() == np.abs(strongest).tolist()
    assert info.columns_shown.last[-1] == pair.order.size - 1
    near = gains_info(pair, pair.given, (0, 40))
    assert near.columns_shown.gains.tolist() == pair.gains[:40].tolist()


def test_plot_has_a_bar_each_from_zero_to_the_gain():
    info = gains_info(made(6, 16), made(6, 16).order)
    stripes, columns = gains_plot(info)
    assert (len(stripes), len(columns)) == (4, 16)
    heights = columns.dimension_values("top") + columns.dimension_values("zero")
    np.testing.assert_allclose(heights, info.columns_shown.gains, rtol=1e-6)
    assert columns.dimension_values("channel").tolist() == info.original.tolist()
    assert stripes.dimension_values("position").tolist() == [-0.5, 3.5, 7.5, 11.5]


def test_same_order_gains_nothing_and_is_drawn():
    pair = made(3, 8)
    same = OrderPair("a", pair.scores, pair.given, TWO_FOUR)
    info = gains_info(same, same.given)
    assert (info.total, info.reach) == (0.0, (0.0, 0.0))
    gains_plot(info)
