import csv
from dataclasses import replace

import numpy as np
import pytest
import torch
from bokeh.document import Document
from bokeh.models import SaveTool
from panel.io.state import set_curdoc
from torch import nn

import permviz as pv
from permviz.figures.curves import Track, curve_info, curve_plot, follow_curves
from permviz.figures.heatmap import Window
from permviz.figures.tabular import csv_text
from permviz.views import chart as charts
from permviz.views.chart import Chart, Staged
from permviz.views.compare import Compare
from permviz.views.groups import Groups
from permviz.views.heatmaps import _heatmap_chart, _shown
from permviz.views.layer import LayerView, _curves_chart
from permviz.views.plots import savable


@pytest.fixture
def info(tracks):
    return lambda points: curve_info(tracks(points))


def chart_of(info):
    return Chart(curve_plot, info, name="curves", hooks=[savable], width=300, height=200)


def test_chart_hands_out_the_data_of_what_it_drew_last(info, figures):
    chart = chart_of(info(3))
    assert chart.csv().getvalue() == ""
    assert len(figures(chart.__panel__().get_root())) == 1
    chart.send(info(5))
    read = list(csv.DictReader(chart.csv()))
    assert [float(line["seconds"]) for line in read[:7]] == [0, 1, 2, 3, 4, 5, 5]
    assert read[0]["curve"] == "osg"


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("bound", [100.0, 60.0])
def test_lines_that_are_moved_are_as_those_that_are_drawn(tracks, figures, monkeypatch, log, bound):
    def now(points):
        found = {name: replace(one, bound=bound) for name, one in tracks(points).items()}
        return curve_info(found, log=log)

    chart = _curves_chart(now(3))
    (moved,) = figures(chart.__panel__().get_root())
    before = seen(moved)
    monkeypatch.setattr(charts, "served", lambda: True)
    with monkeypatch.context() as drawing:
        drawing.setattr(chart._pipe, "send", pytest.fail)
        chart.send(now(20))
    (drawn,) = figures(_curves_chart(now(20)).__panel__().get_root())
    assert seen(moved) == seen(drawn) != before
    assert chart.csv().getvalue() == csv_text(now(20))
    assert chart.data is chart.info
    # Drawing goes on from there.
    monkeypatch.setattr(charts, "served", lambda: False)
    chart.send(now(30))
    (drawn,) = figures(_curves_chart(now(30)).__panel__().get_root())
    assert seen(moved) == seen(drawn)


def test_lines_that_have_not_changed_are_left_alone(tracks, figures):
    found = tracks(7)
    (figure,) = figures(_curves_chart(curve_info(found)).__panel__().get_root())
    before = {one.name: one.data_source.data for one in figure.renderers}
    grown = next(iter(found))
    found[grown] = replace(found[grown], seconds_now=found[grown].seconds_now * 1.01)
    assert follow_curves(figure, curve_info(found))
    changed = {one.name for one in figure.renderers if one.data_source.data is not before[one.name]}
    assert changed == {grown}


def test_heatmaps_follow_in_the_window_that_is_looked_at(pair, figures, monkeypatch):
    first, second = (_shown("permuted", pair(seed=seed), "magnitude") for seed in range(2))
    chart = _heatmap_chart(first)
    (figure,) = figures(chart.__panel__().get_root())
    chart._zoom.stream.event(x_range=(3.5, 11.5), y_range=(9.5, 1.5))
    monkeypatch.setattr(charts, "served", lambda: True)
    with monkeypatch.context() as drawing:
        drawing.setattr(chart._pipe, "send", pytest.fail)
        chart.send(second)
    assert (chart.data, chart.info.window) == (second, Window((2, 10), (4, 12)))
    veil = figure.renderers[1].data_source.data
    np.testing.assert_array_equal(veil["original"][0][0], second.pair.order[4:12])


def test_heatmap_of_another_kind_or_layer_is_drawn_anew(pair, figures, monkeypatch):
    chart = _heatmap_chart(_shown("permuted", pair(), "magnitude"))
    (figure,) = figures(chart.__panel__().get_root())
    monkeypatch.setattr(charts, "served", lambda: True)
    before = list(figure.renderers[0].glyph.color_mapper.palette)
    chart.send(_shown("permuted", pair(), "sign"))
    assert list(figure.renderers[0].glyph.color_mapper.palette) != before
    chart.send(_shown("permuted", pair("head"), "sign"))
    assert figure.title.text == "head: permuted"


def seen(figure):
    lines = {
        one.name: {key: list(value) for key, value in one.data_source.data.items()}
        for one in figure.renderers
    }
    ranges = [(one.start, one.end, one.reset_end) for one in (figure.x_range, figure.y_range)]
    (axis,) = figure.xaxis
    return lines, ranges, getattr(axis.ticker, "ticks", None), axis.major_label_overrides


def test_lines_that_a_figure_does_not_have_are_drawn(tracks, figures, monkeypatch):
    chart = _curves_chart(curve_info(tracks(3)))
    (figure,) = figures(chart.__panel__().get_root())
    found = {name: replace(one, bound=60.0) for name, one in tracks(3).items()}
    assert not follow_curves(figure, curve_info(found))
    monkeypatch.setattr(charts, "served", lambda: True)
    chart.send(curve_info(found))
    assert {one.name for one in figure.renderers} >= {"row optimum", "upper bound"}


def test_picture_is_saved_under_the_name_of_the_chart(info, figures):
    (figure,) = figures(chart_of(info(3)).__panel__().get_root())
    (save,) = (tool for tool in figure.toolbar.tools if isinstance(tool, SaveTool))
    assert save.filename == "curves"
    assert not any(tool.visible for tool in figure.toolbar.tools if tool is not save)


def test_what_is_still_the_same_scene_is_drawn_in_a_turn_of_its_own(info, monkeypatch):
    turns = []
    monkeypatch.setattr(charts, "in_its_turn", turns.append)
    scene = [1]
    view = Staged(chart_of, 200, scene=lambda _: scene[0], data=info(3))
    first = view.chart.data
    view.data = info(4)
    view.data = info(5)
    assert view.chart.data is first
    for turn in turns:
        turn()
    assert view.chart.data is view.data
    scenes = iter([1, 2])
    monkeypatch.setattr(view, "_scene", lambda _: next(scenes))
    turns.clear()
    view.data = info(6)
    assert (view.chart.data is view.data, turns) == (True, [])


def test_chart_is_built_when_it_is_seen_and_again_only_for_another_figure(info):
    built = []

    def build(data):
        built.append(data)
        return chart_of(data)

    view = Staged(build, 200, figure=lambda data: len(data.lines), seen=False)
    view.data = info(3)
    assert built == []
    view.seen = True
    view.data = info(4)
    assert len(built) == 1
    assert view.chart.data is view.data
    view.data = curve_info({"osg": view_track()})
    assert len(built) == 2
    view.data = None
    assert list(view.__panel__()) == []
    view.data = curve_info({"osg": view_track()})
    assert list(view.__panel__()) == [view.chart.__panel__()]


def test_served_page_gets_a_chart_in_a_later_turn_than_it_is_made(info, figures, monkeypatch):
    turns, page = [], Document()
    monkeypatch.setattr(charts, "served", lambda: True)
    monkeypatch.setattr(charts, "next_turn", turns.append)
    view = Staged(chart_of, 200, data=info(3), seen=False)
    root = view.__panel__().get_root(page)
    page.add_root(root)
    with set_curdoc(page):
        view.seen = True
        assert view.built
        assert figures(root) == []
        made = view.chart._figure._made
        assert made.document is page
        turns.pop()()
    (figure,) = figures(root)
    assert figure is made.state
    assert made.root is root
    assert turns == []


def test_chart_that_is_made_follows_its_data_before_it_is_placed(info, monkeypatch):
    turns = []
    monkeypatch.setattr(charts, "served", lambda: True)
    monkeypatch.setattr(charts, "next_turn", turns.append)
    view = Staged(chart_of, 200, data=info(3), seen=False)
    with set_curdoc(Document()):
        view.seen = True
        view.data = None
        turns.pop()()
        assert list(view.__panel__()) == []
        view.data = info(4)
    assert list(view.__panel__()) == [view.chart.__panel__()]
    assert view.chart.info is view.data


def test_chart_out_of_sight_waits_until_it_is_told_to_arrive(info, monkeypatch):
    turns = []
    monkeypatch.setattr(charts, "served", lambda: True)
    monkeypatch.setattr(charts, "next_turn", turns.append)
    view = Staged(chart_of, 200, data=info(3), seen=False)
    assert not view.waiting
    with set_curdoc(Document()):
        view.seen = True
        view.seen = False
        turns.pop()()
        assert view.waiting
        assert list(view.__panel__()) == []
        view.arrive()
    assert not view.waiting
    assert list(view.__panel__()) == [view.chart.__panel__()]


def test_chart_that_waits_arrives_when_it_is_seen(info, monkeypatch):
    monkeypatch.setattr(charts, "served", lambda: True)
    monkeypatch.setattr(charts, "next_turn", lambda _: None)
    view = Staged(chart_of, 200, data=info(3), seen=False)
    with set_curdoc(Document()):
        view.seen = True
        view.seen = False
        view.seen = True
    assert list(view.__panel__()) == [view.chart.__panel__()]


def test_figure_that_was_made_for_another_page_is_drawn_anew(info, figures):
    chart = chart_of(info(3))
    with set_curdoc(Document()):
        chart.make()
    made = chart._figure._made
    (figure,) = figures(chart.__panel__().get_root(Document()))
    assert figure is not made.state


def view_track():
    return Track(np.array([1.0]), np.array([1]), np.array([5.0]), 2.0, 3, finished=False)


def test_what_looks_the_same_is_not_drawn_again(info):
    view = Staged(chart_of, 200, look=lambda data: data.span, data=info(3))
    first = view.chart.data
    view.data = info(3)
    assert view.chart.data is first
    view.data = info(4)
    assert view.chart.data is view.data


def test_every_figure_of_every_view_is_saved_as_picture_and_as_table(pair, tracks, rows, figures):
    scores = np.random.default_rng(0).random((6, 12))
    network = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8)).eval()
    views = (
        LayerView(pair=pair(), tracks=tracks(3), rows=rows),
        Compare([pv.search(scores, text) for text in ("osg", "channel_swap")]),
        Groups(pv.analyze(network, torch.randn(2, 8))),
    )
    for view in views:
        root = view.__panel__().get_root()
        buttons = [one for one in root.select({}) if type(one).__name__ == "FileDownload"]
        drawn = figures(root)
        assert len([one for one in buttons if one.label == "csv"]) == len(drawn) > 0
        for figure in drawn:
            (save,) = (tool for tool in figure.toolbar.tools if isinstance(tool, SaveTool))
            assert save.filename
