from dataclasses import replace

import numpy as np
import pytest

from permviz.figures.curves import UNBEGUN
from permviz.figures.heatmap import Window
from permviz.figures.pair import stripe_info
from permviz.session.replay import Replay
from permviz.views.heatmaps import HeatmapPair, kind_sentence, visible_window
from permviz.views.layer import CurvesView, LayerView, stripes_view


def titles(figures, root):
    return [figure.title.text for figure in figures(root) if figure.title.text]


def test_heatmaps_share_their_axes_and_end_at_the_matrix(pair, figures):
    root = HeatmapPair(pair=pair()).__panel__().get_root()
    before, after = (figure for figure in figures(root) if figure.title.text)
    assert before.x_range is after.x_range
    assert before.y_range is after.y_range
    assert (before.x_range.start, before.x_range.end) == (-0.5, 31.5)
    assert (before.y_range.start, before.y_range.end) == (63.5, -0.5)


def test_found_order_follows_and_the_given_one_stays(pair, sources):
    view = HeatmapPair(pair=pair(seed=0))
    root = view.__panel__().get_root()
    new = pair(seed=5)
    view.pair = new
    originals = {tuple(data["original"][0][0]) for data in sources(root, "original")}
    assert originals == {tuple(range(32)), tuple(new.order)}


def test_values_on_the_heatmap_are_the_weights(pair, sources):
    shown = pair()
    root = HeatmapPair(pair=shown).__panel__().get_root()
    for data in sources(root, "original"):
        order = np.asarray(data["original"][0])[0]
        np.testing.assert_array_equal(np.asarray(data["value"][0]), shown.scores[:, order])


def test_kind_changes_both_heatmaps(pair):
    view = HeatmapPair(pair=pair())
    view.__panel__().get_root()
    view.kind = "pruned"
    assert [part.chart.info.kind for part in view.parts[:2]] == ["pruned", "pruned"]


def test_difference_is_shown_in_both_orders_and_follows_the_found_one(pair, figures):
    view = HeatmapPair(pair=pair(seed=0))
    root = view.__panel__().get_root()
    view.kind = "difference"
    for figure in (one for one in figures(root) if one.title.text):
        (bar,) = (one for one in figure.right if type(one).__name__ == "ColorBar")
        assert bar.major_label_overrides[0].startswith("-")
    view.pair = pair(seed=5)
    given, found = (part.chart.data for part in view.parts[:2])
    assert (given.pair.order == found.pair.order).all()
    assert (found.order == view.pair.order).all()
    assert (given.order == np.arange(32)).all()


def test_other_layer_replaces_both_heatmaps_at_once(pair, figures):
    view = LayerView(pair=pair("body"), tracks={})
    root = view.__panel__().get_root()
    assert titles(figures, root) == ["body: order as given", "body: permuted"]
    view.pair = pair("head", channels=16)
    assert titles(figures, root) == ["head: order as given", "head: permuted"]
    view.pair = None
    assert titles(figures, root) == []


def test_layer_of_another_shape_is_shown_whole_in_the_same_figures(pair, figures):
    view = HeatmapPair(pair=pair("body"))
    root = view.__panel__().get_root()
    drawn = figures(root)
    axis = drawn[0].x_range
    axis.update(start=3.5, end=7.5)
    view.parts[0].chart._zoom.stream.event(x_range=(3.5, 7.5), y_range=(-0.5, 9.5))
    assert view.parts[0].chart.info.window == Window((0, 10), (4, 8))
    view.pair = pair("head", channels=16)
    assert figures(root) == drawn
    assert (axis.start, axis.end, axis.reset_end) == (-0.5, 15.5, 15.5)
    assert view.parts[0].chart.info.window == Window((0, 64), (0, 16))


def test_zoom_stays_while_the_layer_keeps_its_shape(pair, figures):
    view = HeatmapPair(pair=pair("body"))
    axis = figures(view.__panel__().get_root())[0].x_range
    axis.update(start=3.5, end=7.5)
    view.pair = pair("body", seed=4)
    view.kind = "sign"
    assert (axis.start, axis.end) == (3.5, 7.5)


def test_figures_that_come_into_sight_one_after_the_other_share_their_axis(pair, figures):
    view = HeatmapPair(pair=pair(), seen=False)
    root = view.__panel__().get_root()
    assert figures(root) == []
    for part in view.parts:
        part.seen = True
    drawn = figures(root)
    assert len(drawn) == 4
    assert len({figure.x_range.id for figure in drawn}) == 1


def test_colours_and_their_scale_follow_the_kind(pair, figures):
    view = HeatmapPair(pair=pair())
    root = view.__panel__().get_root()
    (bar, *_) = (one for one in figures(root)[0].right if type(one).__name__ == "ColorBar")
    looks = {}
    for kind in ("magnitude", "sign", "mask"):
        view.kind = kind
        labels = bar.major_label_overrides
        looks[kind] = (bar.title, labels[0], labels[255], bar.color_mapper.palette[0])
    assert looks["mask"][:3] == ("% kept", "0", "100")
    assert looks["sign"][1].startswith("-")
    assert len(set(looks.values())) == 3


def test_gains_stand_below_both_heatmaps_and_are_said_in_all(pair, sources):
    shown = pair()
    view = HeatmapPair(pair=shown)
    root = view.__panel__().get_root()
    columns = [data["gain"] for data in sources(root, "channel")]
    assert len(columns) == 2
    for gains in columns:
        assert sum(gains) == pytest.approx(shown.gains.sum(), abs=1e-4)
    assert f"{shown.gains.sum():+.2f} %" in kind_sentence("magnitude", shown)
    assert "does not apply" in kind_sentence("magnitude", None)


def test_moves_follow_the_order_and_the_picture_its_size(pair, sources, figures):
    view = LayerView(pair=pair("body"), tracks={})
    root = view.__panel__().get_root()
    (lines,) = sources(root, "level")
    assert list(lines["position"]) == np.argsort(view.pair.order).tolist()
    before = figures(root)
    view.pair = pair("body", seed=7)
    assert list(sources(root, "level")[0]["position"]) == np.argsort(view.pair.order).tolist()
    assert figures(root) == before
    view.pair = pair("wide", channels=100)
    (points,) = sources(root, "distance")
    assert list(points["new"]) == np.argsort(view.pair.order).tolist()


def test_figure_beside_the_curves_is_chosen(pair, sources):
    view = LayerView(pair=pair("body"), tracks={})
    root = view.__panel__().get_root()
    assert not sources(root, "lost")
    view.aside = "stripes"
    assert len(sources(root, "lost")) == 2
    assert not view._asides["moves"].seen
    view.aside = "moves"
    assert sources(root, "level")


def test_replayed_steps_show_the_weights_with_their_signs(pair):
    given = pair("body")
    view = LayerView(pair=replace(given, weights=-given.scores), tracks={})
    view.replay = Replay(
        "body",
        "osg",
        given.scores,
        given.pattern,
        np.array([given.given, given.order]),
        np.array([0, 1]),
        np.array([0.0, 1.0]),
    )
    assert (view.looked.signed == -given.scores).all()
    assert (view.looked.order == given.given).all()


def test_ranges_become_the_window_of_entries_they_touch():
    assert visible_window(None, (0, 1)) is None
    assert visible_window((None, 1), (0, 1)) is None
    assert visible_window((3.4, 0.6), (9.5, 2.2)) == Window((2, 10), (1, 4))


def test_curves_grow_in_place(tracks, sources, figures):
    view = CurvesView(tracks=tracks(3))
    root = view.__panel__().get_root()
    (figure,) = figures(root)
    assert [len(data["efficacy"]) for data in sources(root, "efficacy")] == [9, 9]
    view.tracks = tracks(6)
    assert [len(data["efficacy"]) for data in sources(root, "efficacy")] == [15, 15]
    assert figures(root) == [figure]


def test_curves_are_drawn_before_their_search_and_grow_in_place(tracks, sources, figures):
    found = tracks(6)
    view = CurvesView(tracks=dict.fromkeys(found, UNBEGUN))
    root = view.__panel__().get_root()
    (figure,) = figures(root)
    told = [text for text in texts(root) if "No search has run" in text]
    assert len(told) == 1
    view.tracks = found
    assert figures(root) == [figure]
    assert [len(data["efficacy"]) for data in sources(root, "efficacy")] == [15, 15]
    assert not [text for text in texts(root) if "No search has run" in text]


def texts(root):
    return [model.text for model in root.select({}) if type(model).__name__ == "HTML"]


def test_axes_of_curves_and_stripes_follow_what_they_show(tracks, pair, figures):
    curves, stripes = CurvesView(tracks=tracks(3)), stripes_view(pair())
    (axes,) = figures(curves.__panel__().get_root())
    (losses,) = figures(stripes.__panel__().get_root())
    most = losses.y_range.end
    curves.tracks = tracks(9)
    assert axes.x_range.end >= 9
    assert axes.y_range.end >= 9
    uneven = pair()
    uneven.scores[:, uneven.order[:2]] *= 100
    stripes.data = stripe_info(uneven)
    assert losses.y_range.end < most / 2


def test_curves_change_their_clock(tracks, figures):
    view = CurvesView(tracks=tracks(3))
    root = view.__panel__().get_root()
    view.clock = "iterations"
    (figure,) = figures(root)
    assert figure.xaxis.axis_label == "iterations"
    view.scale = "log"
    (figure,) = figures(root)
    assert figure.xaxis[0].ticker.ticks == [0.5, 1, 2]
    view.tracks = tracks(300)
    assert figure.xaxis[0].ticker.ticks == [1.0, 10.0, 100.0]


def test_stripes_are_told_for_both_orders(pair, sources):
    root = stripes_view(pair()).__panel__().get_root()
    assert [len(data["lost"]) for data in sources(root, "lost")] == [8, 8]


def test_selectors_offer_and_report_layers_and_orders(rows):
    view = LayerView(rows=rows, orders=["best", "osg"], layer="body", shown="best")
    assert view._layers.options == ["stem", "body", "head"]
    assert (view._layers.value, view._orders.value) == ("body", "best")
    view._layers.value, view._orders.value = "head", "osg"
    assert (view.layer, view.shown) == ("head", "osg")


def test_out_of_sight_the_heatmaps_rest(pair, figures):
    view = LayerView(pair=pair("body"), tracks={})
    root = view.__panel__().get_root()
    view.seen = False
    view.pair = pair("head")
    assert titles(figures, root) == ["body: order as given", "body: permuted"]
    view.seen = True
    assert titles(figures, root) == ["head: order as given", "head: permuted"]
