import holoviews as hv
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from permviz.core.pattern import NMPattern
from permviz.core.score import mask
from permviz.errors import PermutationError
from permviz.figures import heatmap
from permviz.figures.heatmap import NEAR_CELLS, SIDE, Window, clipped
from permviz.figures.heatmap_plot import MARKED_SIDE, bar_title, heatmap_plot
from permviz.figures.pair import OrderPair
from permviz.figures.shading import color_limit

TWO_FOUR = NMPattern(2, 4)


def heatmap_info(matrix, order, pattern, window=None, kind="magnitude", **more):
    pair = OrderPair("a", matrix, order, pattern, more.get("weights"))
    return heatmap.heatmap_info(pair, order, window, kind, more.get("limit"))


def scores(rows, channels, seed=0):
    rng = np.random.default_rng(seed)
    return np.abs(rng.standard_normal((rows, channels))).astype(np.float32)


def test_small_matrix_is_shown_entry_by_entry():
    matrix = np.array([[1, 2, 3, 4], [8, 7, 6, 5]], dtype=np.float32)
    info = heatmap_info(matrix, np.array([3, 2, 1, 0]), TWO_FOUR, limit=8.0)
    assert info.block == (1, 1)
    assert info.extents == (-0.5, -0.5, 3.5, 1.5)
    assert info.shade.tolist() == [[128, 96, 64, 32], [159, 191, 223, 255]]
    assert info.cells is not None
    assert info.cells.values.tolist() == [[4, 3, 2, 1], [5, 6, 7, 8]]
    assert info.cells.original.tolist() == [[3, 2, 1, 0]] * 2
    assert info.cells.kept.tolist() == [[1, 1, 0, 0], [0, 0, 1, 1]]
    assert info.cells.borders.tolist() == [-0.5, 3.5]


def test_large_matrix_is_pooled_by_maximum_to_one_byte_a_pixel():
    matrix = scores(2048, 2048)
    info = heatmap_info(matrix, np.arange(2048), TWO_FOUR)
    assert info.block == (5, 5)
    assert info.shade.shape == (410, 410)
    assert info.shade.nbytes <= SIDE * SIDE
    first = matrix[:5, :5].max() / info.limit
    assert info.shade[0, 0] == round(min(first, 1.0) * 255)
    last = matrix[2045:, 2045:].max() / info.limit
    assert info.shade[-1, -1] == round(min(last, 1.0) * 255)
    assert info.cells is None
    assert info.extents == (-0.5, -0.5, 2049.5, 2049.5)


def test_pooled_image_ends_past_the_matrix_but_the_axes_end_at_it():
    plot = heatmap_plot(heatmap_info(scores(2048, 2047), np.arange(2047), TWO_FOUR))
    options = hv.Store.lookup_options("bokeh", plot, "plot").kwargs
    assert options["xlim"] == (-0.5, 2046.5)
    assert options["ylim"] == (-0.5, 2047.5)
    assert options["invert_yaxis"] is True


@settings(deadline=None, max_examples=60)
@given(
    rows=st.integers(1, 40),
    channels=st.integers(4, 60),
    m=st.sampled_from([2, 4, 8]),
    seed=st.integers(0, 1000),
    data=st.data(),
)
def test_near_cells_equal_the_weights_and_the_mask_of_the_whole(rows, channels, m, seed, data):
    pattern = NMPattern(m // 2, m)
    matrix = scores(rows, channels, seed)
    order = np.random.default_rng(seed).permutation(channels)
    top = data.draw(st.integers(0, rows - 1))
    left = data.draw(st.integers(0, channels - 1))
    window = Window((top, top + data.draw(st.integers(1, 30))), (left, left + 7))
    info = heatmap_info(matrix, order, pattern, window)
    r, c = slice(*info.window.rows), slice(*info.window.channels)
    assert info.cells is not None
    np.testing.assert_array_equal(info.cells.values, matrix[:, order][r, c])
    np.testing.assert_array_equal(info.cells.kept, mask(matrix[:, order], pattern)[r, c])
    np.testing.assert_array_equal(info.cells.original[0], order[c])
    assert info.window.channels[0] <= left
    assert info.window.channels[1] >= min(left + 7, channels)


def test_window_becomes_true_values_where_it_is_small_enough():
    matrix = scores(1000, 1000)
    far = heatmap_info(matrix, np.arange(1000), TWO_FOUR, Window((0, 97), (0, 100)))
    near = heatmap_info(matrix, np.arange(1000), TWO_FOUR, Window((0, 92), (0, 100)))
    assert 97 * 100 > NEAR_CELLS >= 92 * 100
    assert far.cells is None
    assert far.block == (1, 1)
    assert near.cells is not None


def test_colors_depend_on_the_matrix_alone():
    matrix = scores(100, 64)
    order = np.random.default_rng(1).permutation(64)
    whole = heatmap_info(matrix, np.arange(64), TWO_FOUR)
    part = heatmap_info(matrix, order, TWO_FOUR, Window((0, 3), (0, 4)))
    assert part.limit == whole.limit == color_limit(matrix)
    assert whole.limit == pytest.approx(np.quantile(matrix, 0.999))
    assert color_limit(np.zeros((3, 4), dtype=np.float32)) == 1.0


def test_kinds_split_the_matrix_into_what_is_kept_and_what_is_pruned():
    matrix = np.array([[1.0, 2.0, 3.0, 4.0]], dtype=np.float32)
    shades = {
        kind: heatmap_info(matrix, np.arange(4), TWO_FOUR, kind=kind, limit=4.0).shade.tolist()
        for kind in ("magnitude", "kept", "pruned")
    }
    assert shades == {
        "magnitude": [[64, 128, 191, 255]],
        "kept": [[0, 0, 191, 255]],
        "pruned": [[64, 128, 0, 0]],
    }


def test_signs_are_shown_with_the_strongest_weight_of_each_pixel():
    weights = np.array([[-4.0, 1.0, 2.0, 0.0]], dtype=np.float32)
    info = heatmap_info(
        np.abs(weights), np.arange(4), TWO_FOUR, kind="sign", limit=4.0, weights=weights
    )
    assert info.shade.tolist() == [[1, 160, 192, 128]]
    np.testing.assert_allclose(info.value(info.shade), weights, atol=4 / 127)
    assert info.cells.values.tolist() == weights.tolist()
    wide = np.zeros((1, 2 * SIDE), dtype=np.float32)
    wide[0, :4] = 1.0, -3.0, 2.0, -1.0
    far = heatmap_info(
        np.abs(wide), np.arange(2 * SIDE), TWO_FOUR, kind="sign", limit=3.0, weights=wide
    )
    assert far.shade[0, :2].tolist() == [1, 213]


def test_mask_is_exact_when_near_and_the_share_of_the_magnitude_when_far():
    matrix = scores(5, 24)
    near = heatmap_info(matrix, np.arange(24), TWO_FOUR, kind="mask")
    assert ((near.shade == 255) == mask(matrix, TWO_FOUR)).all()
    assert set(near.shade.ravel().tolist()) == {0, 255}
    wide = scores(3, 4 * SIDE)
    far = heatmap_info(wide, np.arange(4 * SIDE), TWO_FOUR, kind="mask")
    kept = np.where(mask(wide, TWO_FOUR), wide, 0).reshape(3, -1, 4).sum(axis=2)
    share = kept / wide.reshape(3, -1, 4).sum(axis=2)
    np.testing.assert_allclose(far.value(far.shade), 100 * share, atol=0.2)


def test_mask_of_nothing_but_zeros_counts_entries():
    nothing = np.zeros((1, 4 * SIDE), dtype=np.float32)
    far = heatmap_info(nothing, np.arange(4 * SIDE), TWO_FOUR, kind="mask")
    np.testing.assert_allclose(far.value(far.shade), 50.0, atol=0.2)


def test_cells_tell_the_stripe_and_that_a_remainder_has_none():
    info = heatmap_info(scores(2, 10), np.arange(10)[::-1], TWO_FOUR)
    assert info.cells.stripe[0].tolist() == [0, 0, 0, 0, 1, 1, 1, 1, -1, -1]
    assert info.cells.original[1].tolist() == list(range(9, -1, -1))


def test_entries_too_narrow_to_be_seen_are_not_marked():
    wide = MARKED_SIDE + 4
    _, veil, borders = heatmap_plot(heatmap_info(scores(4, wide), np.arange(wide), TWO_FOUR))
    assert not veil.dimension_values("veiled").any()
    assert np.isfinite(veil.dimension_values("value")).all()
    assert len(borders) == 0


def test_what_the_colours_stand_for_is_written_beside_them():
    assert {
        kind: bar_title(heatmap_info(scores(2, 4), np.arange(4), TWO_FOUR, kind=kind))
        for kind in ("magnitude", "sign", "mask")
    } == {"magnitude": "|w|", "sign": "w", "mask": "% kept"}


def test_wrong_order_is_refused():
    with pytest.raises(PermutationError, match="4 channels"):
        heatmap_info(scores(2, 4), np.arange(5), TWO_FOUR)


def test_windows_are_cut_to_the_matrix_and_widened_to_stripes():
    assert clipped(None, (5, 9), TWO_FOUR) == Window((0, 5), (0, 9))
    assert clipped(Window((-3, 99), (5, 6)), (5, 9), TWO_FOUR) == Window((0, 5), (4, 8))
    assert clipped(Window((7, 9), (20, 30)), (5, 9), TWO_FOUR) == Window((4, 5), (8, 9))


def test_plot_veils_exactly_the_pruned_entries():
    matrix = np.array([[1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0]], dtype=np.float32)
    image, veil, borders = heatmap_plot(heatmap_info(matrix, np.arange(4), TWO_FOUR))
    # Arrays of an image start at the lower end of the y axis, which is row 0 here.
    np.testing.assert_array_equal(veil.dimension_values("value", flat=False), matrix)
    np.testing.assert_array_equal(
        veil.dimension_values("veiled", flat=False), [[1, 1, 0, 0], [0, 0, 1, 1]]
    )
    assert image.dimension_values("shade", flat=False).dtype == np.uint8
    assert borders.dimension_values("position").tolist() == [-0.5, 3.5]


def test_plot_from_far_has_no_cells_and_spans_the_matrix():
    _, veil, borders = heatmap_plot(heatmap_info(scores(500, 500), np.arange(500), TWO_FOUR))
    assert veil.dimension_values("veiled", flat=False).tolist() == [[0]]
    assert veil.bounds.lbrt() == (-0.5, -0.5, 499.5, 499.5)
    assert len(borders) == 0
