import csv

import numpy as np
import pytest

import permviz as pv
from permviz.session.comparison import NOTHING, ComparedLayer, Comparison
from permviz.views.compare import Compare, CompareView
from permviz.views.comparing import choice_sentence, comparison_frame, sharing_sentence

STRATEGIES = ("osg", "swap")


def layer(name, groups, osg, swap):
    return ComparedLayer(name, groups, 0.0, 100.0, {"osg": osg, "swap": swap})


@pytest.fixture
def found():
    """`a` and `b` share a group; `swap` is better on it, though not on `a`."""
    return Comparison(
        strategies=STRATEGIES,
        layers=(
            layer("a", ("g",), 30.0, 20.0),
            layer("b", ("g",), 10.0, 40.0),
            layer("c", ("h",), 50.0, 25.0),
        ),
        seconds={(g, s): 1.0 for g in ("g", "h") for s in STRATEGIES},
        best={"g": "swap", "h": "osg"},
    )


def test_choosing_for_a_layer_chooses_for_all_that_share_its_channels(found):
    view = CompareView(comparison=found, layer="a")
    view.use("a", "osg")
    assert view.choice == {"g": "osg"}
    assert view._table.value["in use"].tolist() == ["osg", "osg", "osg"]
    assert "shares channels with b" in view._said.object
    assert "on <b>2</b> of 3 layers" in view._said.object
    view.use_best()
    assert view.choice == {}
    assert view._table.value["in use"].tolist() == ["swap", "swap", "osg"]


def test_a_strategy_that_did_not_search_the_layer_is_refused(found):
    view = CompareView(comparison=found, layer="a")
    view.use("a", "nonesuch")
    assert view.choice == {}
    assert "has not searched" in view._said.object


def test_table_names_the_winner_of_each_layer_and_its_lead(found):
    frame = comparison_frame(found, {})
    assert frame["winner"].tolist() == ["osg", "swap", "osg"]
    assert frame["ahead by"].tolist() == [10.0, 30.0, 25.0]
    assert frame["shares its order with"].tolist() == ["b", "a", ""]


def test_map_chart_and_frontier_are_drawn_and_followed_in_place(found, figures, sources):
    view = CompareView(comparison=found, layer="c")
    root = view.__panel__().get_root()
    drawn = figures(root)
    assert len(drawn) == 3
    better = Comparison(
        found.strategies, (layer("a", ("g",), 60.0, 20.0), *found.layers[1:]), {}, found.best
    )
    view.comparison = better
    assert figures(root) == drawn
    efficacies = [max(data["efficacy"]) for data in sources(root, "shape") if len(data["shape"])]
    assert max(efficacies) == 60.0
    assert any(figure.y_range.end > 60.0 for figure in drawn)
    before = [figure.y_range.end for figure in drawn]
    view.comparison = Comparison(
        found.strategies, (layer("a", ("g",), 95.0, 20.0), *found.layers[1:]), {}, found.best
    )
    assert max(figure.y_range.end for figure in drawn) > max(95.0, *before)


def test_tap_on_the_map_picks_layer_and_strategy(found):
    view = CompareView(comparison=found, layer="a")
    view.__panel__().get_root()
    view._tap(2.2, 0.9)
    assert (view.layer, view._strategy.value) == ("c", "swap")
    view._tap(7.0, 0.0)
    assert view.layer == "c"


def test_row_and_list_pick_the_layer(found):
    view = CompareView(comparison=found, layer="a")
    view._table.selection = [1]
    assert view.layer == "b" == view._picked.value
    view._picked.value = "c"
    assert view.layer == "c"
    assert view._table.selection == [2]


def test_nothing_is_built_before_there_is_something_to_see(found):
    view = CompareView(comparison=found, seen=False)
    assert not hasattr(view, "_table")
    view.seen = True
    assert view._table.value["layer"].tolist() == ["a", "b", "c"]
    view.comparison = NOTHING
    assert "No search has run yet" in view.__panel__()[0].object


def test_csv_has_efficacies_and_seconds(found):
    view = CompareView(comparison=found)
    lines = list(csv.DictReader(view._csv()))
    assert [line["osg"] for line in lines] == ["30.0", "10.0", "50.0"]
    assert [line["swap, seconds"] for line in lines] == ["1.0", "1.0", "1.0"]


def test_layer_with_several_groups_and_choices_is_said_to_use_several(found):
    mixed = Comparison(STRATEGIES, (layer("d", ("g", "h"), 1.0, 2.0),), found.seconds, found.best)
    assert comparison_frame(mixed, {})["in use"].tolist() == ["several"]


def test_names_from_a_model_are_escaped():
    hostile = Comparison(
        STRATEGIES,
        (layer("<b>", ("g",), 1.0, 2.0), layer("<i>", ("g",), 1.0, 2.0)),
        {},
        {"g": "osg"},
    )
    told = sharing_sentence(hostile, "<b>")
    assert "&lt;i&gt;" in told
    assert "<i>" not in told


def test_results_of_searches_stand_alone():
    scores = np.random.default_rng(0).random((6, 12))
    results = [pv.search(scores, text) for text in ("osg", "channel_swap")]
    view = Compare(results)
    assert view._table.value["layer"].tolist() == ["matrix"]
    assert view._table.value["osg"][0] == pytest.approx(results[0].efficacy, abs=0.01)
    named = Compare({"first": results, "second": results[:1]})
    assert named._table.value["layer"].tolist() == ["first", "second"]
    assert np.isnan(named._table.value["channel_swap"][1])


def test_sentence_tells_the_mean_of_what_is_used(found):
    from permviz.figures.compare import compare_info

    told = choice_sentence(found, {}, compare_info(found, {}))
    assert "best of each channel group" in told
    assert "36.7 %" in told
