import numpy as np

from permviz.figures.heatmap import Window
from permviz.views.heatmaps import HeatmapPair, visible_window
from permviz.views.layer import CurvesView, LayerView, StripesView


def titles(figures, root):
    return [figure.title.text for figure in figures(root) if figure.title.text]


def test_heatmaps_share_their_axes_and_end_at_the_matrix(pair, figures):
    before, after = figures(HeatmapPair(pair=pair()).__panel__().get_root())
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
    view.kind = "pruned"
    assert view._given.data.kind == view._found.data.kind == "pruned"


def test_difference_is_shown_in_both_orders_and_follows_the_found_one(pair, figures):
    view = HeatmapPair(pair=pair(seed=0))
    root = view.__panel__().get_root()
    view.kind = "difference"
    for figure in figures(root):
        (bar,) = (one for one in figure.right if type(one).__name__ == "ColorBar")
        assert bar.major_label_overrides[0].startswith("-")
    view.pair = pair(seed=5)
    for pipe in (view._given, view._found):
        assert (pipe.data.pair.order == view.pair.order).all()
    assert (view._given.data.order == np.arange(32)).all()


def test_other_layer_replaces_both_heatmaps_at_once(pair, figures):
    view = LayerView(pair=pair("body"), tracks={})
    root = view.__panel__().get_root()
    assert titles(figures, root) == ["body: order as given", "body: permuted"]
    view.pair = pair("head", channels=16)
    assert titles(figures, root) == ["head: order as given", "head: permuted"]
    view.pair = None
    assert titles(figures, root) == []


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


def test_axes_of_curves_and_stripes_follow_what_they_show(tracks, pair, figures):
    curves, stripes = CurvesView(tracks=tracks(3)), StripesView(pair=pair())
    (axes,) = figures(curves.__panel__().get_root())
    (losses,) = figures(stripes.__panel__().get_root())
    most = losses.y_range.end
    curves.tracks = tracks(9)
    assert axes.x_range.end >= 9
    assert axes.y_range.end >= 9
    uneven = pair()
    uneven.scores[:, uneven.order[:2]] *= 100
    stripes.pair = uneven
    assert losses.y_range.end < most / 2


def test_curves_change_their_clock(tracks, figures):
    view = CurvesView(tracks=tracks(3))
    root = view.__panel__().get_root()
    view.clock = "iterations"
    (figure,) = figures(root)
    assert figure.xaxis.axis_label == "iterations"


def test_stripes_are_told_for_both_orders(pair, sources):
    root = StripesView(pair=pair()).__panel__().get_root()
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
