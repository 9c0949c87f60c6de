from dataclasses import dataclass, field

import pytest

from permviz.figures.magnitude import Bar, magnitude_colors, magnitude_info, magnitude_plot


@dataclass
class Row:
    name: str
    total: float
    default: float
    by_strategy: dict[str, float] = field(default_factory=dict)


ROWS = [Row("stem", 10.0, 8.0, {"osg": 9.0}), Row("pool", 0.0, 0.0), Row("head", 4.0, 3.0)]


def test_bars_are_pruned_shares_of_layers_that_have_scores():
    info = magnitude_info(ROWS, "head")
    assert info.layers == ("stem", "head")
    assert info.strategies == ("order as given", "osg")
    assert info.selected == 1
    assert info.bars == (
        Bar("stem", 0, "order as given", pytest.approx(20.0), -0.4, pytest.approx(0.0)),
        Bar("stem", 0, "osg", pytest.approx(10.0), pytest.approx(0.0), pytest.approx(0.4)),
        Bar("head", 1, "order as given", pytest.approx(25.0), 0.6, pytest.approx(1.0)),
    )


def test_a_strategy_has_a_place_before_it_has_a_bar():
    info = magnitude_info(ROWS, strategies=["auto", "osg"])
    assert info.strategies == ("order as given", "auto", "osg")
    assert [bar.strategy for bar in info.bars] == ["order as given", "osg", "order as given"]
    assert info.bars[1].top == pytest.approx(-0.4 + 2 * 0.8 / 3)


def test_nothing_is_selected_where_the_layer_is_not_shown():
    assert magnitude_info(ROWS, "pool").selected is None
    assert magnitude_info([]).bars == ()


def test_plot_draws_every_bar_from_zero_in_the_color_of_its_strategy():
    info = magnitude_info(ROWS, "stem")
    band, bars = magnitude_plot(info)
    colors = magnitude_colors(info.strategies)
    assert band.dimension_values("from").tolist() == [-0.5]
    assert bars.dimension_values("zero").tolist() == [0, 0, 0]
    assert bars.dimension_values("pruned").tolist() == pytest.approx([20.0, 10.0, 25.0])
    assert bars.dimension_values("layer").tolist() == ["stem", "stem", "head"]
    assert bars.dimension_values("paint").tolist() == [
        colors["order as given"],
        colors["osg"],
        colors["order as given"],
    ]


def test_table_has_a_line_a_bar():
    table = magnitude_info(ROWS).table
    assert table["layer"] == ["stem", "stem", "head"]
    assert table["order"] == ["order as given", "osg", "order as given"]
    assert table["pruned_percent"] == pytest.approx([20.0, 10.0, 25.0])
