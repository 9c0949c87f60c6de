import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from permviz.core.pattern import NMPattern
from permviz.core.score import mask, retained
from permviz.figures.heatmap import Window, heatmap_info
from permviz.figures.heatmap_plot import heatmap_plot
from permviz.figures.pair import OrderPair


def difference_info(pair, order, window=None, limit=None):
    return heatmap_info(pair, order, window, "difference", limit)


@given(st.integers(0, 10_000), st.sampled_from([(2, 4), (1, 4), (4, 8)]), st.integers(4, 21))
def test_what_is_kept_is_the_mask_of_the_reordered_matrix(seed, pattern, channels):
    rng = np.random.default_rng(seed)
    # Few values, so that ties are frequent.
    matrix = rng.integers(0, 4, (5, channels)).astype(np.float32)
    order, nm = rng.permutation(channels), NMPattern(*pattern)
    pair = OrderPair("a", matrix, order, nm)
    assert (pair.kept_found[:, order] == mask(matrix[:, order], nm)).all()
    assert (pair.kept_given == mask(matrix, nm)).all()


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    return OrderPair("a", rng.random((12, 16)), rng.permutation(16), NMPattern(2, 4))


def test_rescued_minus_given_up_is_what_the_order_gains(pair):
    gain = (pair.scores * pair.kept_found).sum() - (pair.scores * pair.kept_given).sum()
    expected = retained(pair.scores[:, pair.order], pair.pattern)
    assert gain == pytest.approx(expected - retained(pair.scores, pair.pattern))
    assert pair.gains.sum() == pytest.approx(100 * gain / pair.scores.sum())


def test_image_is_bright_where_rescued_and_dark_where_given_up(pair):
    info = difference_info(pair, pair.order, limit=1.0)
    before, after = pair.kept_given[:, pair.order], pair.kept_found[:, pair.order]
    assert info.kind == "difference"
    assert ((info.shade > 128) == (after & ~before & (info.cells.values > 1 / 254))).all()
    assert ((info.shade < 128) == (before & ~after & (info.cells.values > 1 / 254))).all()
    heatmap_plot(info)


def test_window_shows_the_same_as_the_whole(pair):
    whole = difference_info(pair, pair.given, limit=1.0)
    part = difference_info(pair, pair.given, Window((2, 7), (4, 12)), limit=1.0)
    assert (part.shade == whole.shade[2:7, 4:12]).all()


def test_same_order_has_no_difference(pair):
    same = OrderPair("a", pair.scores, pair.given, pair.pattern)
    assert (difference_info(same, same.given).shade == 128).all()


def test_pooled_pixels_show_their_strongest_entry():
    rng = np.random.default_rng(1)
    wide = OrderPair(
        "w", rng.random((4, 1024)).astype(np.float32), rng.permutation(1024), NMPattern(2, 4)
    )
    info = difference_info(wide, wide.order, limit=1.0)
    assert info.block[1] > 1
    assert info.shade.max() > 200
    assert info.shade.min() < 60
