"""A figure that follows its data looks as one that is drawn for them."""

import holoviews as hv
import numpy as np
import pytest
from bokeh.models import ColorBar, ColumnDataSource, Range1d
from hypothesis import event, given, settings
from hypothesis import strategies as st

from permviz.core.pattern import NMPattern
from permviz.figures.gains import follow_gains, gains_info, gains_plot
from permviz.figures.heatmap import KINDS, Window, heatmap_info
from permviz.figures.heatmap_plot import follow_heatmap, heatmap_plot
from permviz.figures.moves import MOST_LINES, MOST_POINTS, follow_moves, moves_info, moves_plot
from permviz.figures.pair import OrderPair
from permviz.figures.sources import fit, renew, renew_all

hv.extension("bokeh")

SIDES = st.sampled_from(["given", "order"])
ROUNDS = settings(deadline=None, max_examples=12)


@st.composite
def pairs(draw, channels):
    """The same layer in two orders, each the one as given or one that was found."""
    size, rows = draw(channels), draw(st.integers(1, 12))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    scores = rng.random((rows, size)).astype(np.float32) * (rng.random((rows, size)) > 0.3)
    pattern = NMPattern(*draw(st.sampled_from([(2, 4), (1, 4), (4, 8)])))
    orders = [rng.permutation(size) if draw(st.booleans()) else np.arange(size) for _ in "ab"]
    return [OrderPair("a", scores, order, pattern) for order in orders]


def drawn(plot):
    return hv.renderer("bokeh").get_plot(plot).state


def seen(figure):
    def column(values):
        (values,) = values if isinstance(values, list) and len(values) == 1 else (values,)
        return np.asarray(values).dtype, np.asarray(values).tolist()

    sources = [
        {name: column(values) for name, values in one.data_source.data.items()}
        for one in figure.renderers
    ]
    mappers = [getattr(one.glyph, "color_mapper", None) for one in figure.renderers]
    scales = [(one.low, one.high) for one in mappers if one is not None]
    ranges = [(one.start, one.end, one.reset_end) for one in (figure.x_range, figure.y_range)]
    axes = [(one.axis_label, getattr(one.ticker, "ticks", None)) for one in figure.axis]
    return sources, scales, ranges, axes


def check(plot, follow, first, second):
    figure, expected = drawn(plot(first)), seen(drawn(plot(second)))
    assert follow(figure, second)
    assert seen(figure) == expected


@ROUNDS
@given(pairs(st.integers(4, 40)), st.sampled_from([*KINDS.values()]), SIDES, st.booleans())
def test_heatmaps(pair, kind, side, near):
    window = Window((0, 3), (1, 6)) if near else None
    first, second = (heatmap_info(one, getattr(one, side), window, kind) for one in pair)
    check(heatmap_plot, follow_heatmap, first, second)


def test_heatmaps_of_which_single_entries_are_too_small_to_be_seen():
    rng = np.random.default_rng(0)
    scores = rng.random((500, 900)).astype(np.float32)
    pair = [OrderPair("a", scores, rng.permutation(900), NMPattern(2, 4)) for _ in range(2)]
    first, second = (heatmap_info(one, one.order) for one in pair)
    assert first.shade.tolist() != second.shade.tolist()
    check(heatmap_plot, follow_heatmap, first, second)


@ROUNDS
@given(pairs(st.integers(4, 40)), SIDES, st.sampled_from([None, (3, 9)]))
def test_gains(pair, side, window):
    first, second = (gains_info(one, getattr(one, side), window) for one in pair)
    check(gains_plot, follow_gains, first, second)


@ROUNDS
@given(pairs(st.sampled_from([8, 30, MOST_LINES + 8, MOST_POINTS + 8])))
def test_moves(pair):
    first, second = map(moves_info, pair)
    if all(map(many_colours, (first, second))):
        check(moves_plot, follow_moves, first, second)
    else:
        event("of one colour")
        assert not follow_moves(drawn(moves_plot(first)), second)


def many_colours(info):
    stripes = info.new.size // info.pattern.m
    return info.style != "lines" or stripes > 1


def test_points_have_their_colours_before_anything_has_moved():
    given = OrderPair("a", np.ones((2, 200)), np.arange(200), NMPattern(2, 4))
    figure = drawn(moves_plot(moves_info(given)))
    assert figure.renderers[1].data_source.data["color"].tolist() == [0] * 200
    assert figure.select_one(ColorBar).title == "moved by"


def test_only_what_differs_is_set():
    source = ColumnDataSource({"a": np.zeros(1), "b": [np.ones((2, 2))], "c": ["red"]})
    before = source.data
    renew(source, {"a": np.zeros(1), "b": [np.ones((2, 2))], "c": np.array(["red"])})
    assert source.data is before
    renew(source, {"a": np.ones(1)})
    assert source.data is not before
    assert (source.data["a"].tolist(), source.data["c"]) == ([1], ["red"])


def test_figure_of_other_parts_is_not_brought_up_to_anything():
    figure = drawn(hv.Curve([1, 2, 3]))
    before = figure.renderers[0].data_source.data
    assert not renew_all(figure, [{"x": np.arange(3)}, {"x": np.arange(3)}])
    assert figure.renderers[0].data_source.data is before


@pytest.mark.parametrize(("ends", "expected"), [((0, 8), (2, 3)), ((0, 9), (0, 9))])
def test_zoom_stays_as_long_as_the_ends_of_the_axis_do(ends, expected):
    axis = Range1d()
    fit(axis, 0, 8)
    assert (axis.start, axis.end) == (0, 8)
    axis.update(start=2, end=3)
    fit(axis, *ends)
    assert (axis.start, axis.end) == expected
