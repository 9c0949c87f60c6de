import numpy as np
import pytest

from permviz.session.report import LayerRow, ModelTotals
from permviz.views.export import deployability_frame
from permviz.views.table import DEFAULT, LAYER, PERMUTED, frame_patch, layer_frame, layer_width
from permviz.views.words import layer_sentence, summary_html


def row(name, status="permuted", by_strategy=None, reason=""):
    shape = (8, 16, 1, 1)
    found = {} if by_strategy is None else by_strategy
    return LayerRow(name, "conv2d", shape, ("g",), status, reason, 8, 16, 10.0, 6.0, 9.0, found)


def test_shares_and_efficacies_are_percents_and_unknown_ones_stay_empty():
    frame = layer_frame([row("a", by_strategy={"osg": 7.5}), row("b")], ("osg",))
    assert frame[LAYER].tolist() == ["a", "b"]
    assert frame[DEFAULT].tolist() == [60.0, 60.0]
    assert frame[PERMUTED].tolist() == pytest.approx([75.0, np.nan], nan_ok=True)
    assert frame["osg"].tolist() == pytest.approx([50.0, np.nan], nan_ok=True)


def test_long_names_get_more_room_within_limits():
    short, middling, long = (
        layer_width(["a", "bc"]),
        layer_width(["x" * 30]),
        layer_width(["x" * 90]),
    )
    assert layer_width([]) == short < middling < long < 240


def test_only_what_changed_is_sent():
    before = layer_frame([row("a"), row("b")], ("osg",))
    after = layer_frame([row("a"), row("b", by_strategy={"osg": 9.0})], ("osg",))
    assert frame_patch(before, before.copy()) == {}
    assert frame_patch(before, after) == {PERMUTED: [(1, 90.0)], "osg": [(1, 100.0)]}
    assert frame_patch(before, layer_frame([row("a")], ("osg",))) is None


@pytest.mark.parametrize(
    "make", [lambda rows: layer_frame(rows, ()), lambda rows: deployability_frame(rows, "2:4")]
)
def test_an_empty_table_has_the_types_of_a_full_one(make):
    # A page takes a column's type from the first table it sees.
    assert make([]).dtypes.tolist() == make([row("a")]).dtypes.tolist()


def test_deployability_says_what_is_in_the_way():
    frame = deployability_frame([row("a"), row("b", "dense", reason="Too narrow.")], "2:4")
    assert frame["runs sparse in"][1] == "nothing"
    assert "Too narrow." in frame["what is in the way"][1]


def test_names_from_a_model_are_text_and_nothing_else():
    hostile = "<img src=x onerror=alert(1)>"
    said = layer_sentence([row(hostile, reason=hostile)], hostile, None)
    assert "<img" not in said
    assert "&lt;img" in said
    assert layer_sentence([], "a", None) == ""


def test_the_summary_shows_shares_of_the_dense_magnitude():
    totals = ModelTotals(200.0, 100.0, 120.0, 160.0, 3, 2, 1)
    html = summary_html(totals, None, None)
    for text in ("50.00 %", "60.00 %", "80.00 %", "33.3 %", "2 frozen, 1 dense"):
        assert text in html
    assert "-" in summary_html(None, None, None)
