import numpy as np
import pytest

from permviz.figures.compare import compare_info, compare_plot, layer_ticks, layers_plot
from permviz.figures.frontier import frontier_info, frontier_plot
from permviz.session.comparison import NOTHING, ComparedLayer, Comparison

STRATEGIES = ("slow", "fast", "bad")


@pytest.fixture
def found():
    return Comparison(
        strategies=STRATEGIES,
        layers=(
            # The second layer can gain three times as much as the first.
            ComparedLayer("a", ("g",), 10.0, 20.0, {"slow": 20.0, "fast": 15.0, "bad": 15.0}),
            ComparedLayer("b", ("h",), 0.0, 30.0, {"slow": 6.0, "fast": 9.0, "bad": 3.0}),
        ),
        seconds={
            ("g", "slow"): 4.0,
            ("g", "fast"): 1.0,
            ("g", "bad"): 2.0,
            ("h", "slow"): 5.0,
            ("h", "fast"): 1.0,
            ("h", "bad"): 1.0,
        },
        best={"g": "slow", "h": "fast"},
    )


def test_efficacies_winners_and_means_weighted_by_what_can_be_gained(found):
    info = compare_info(found, {}, "b")
    assert info.efficacies.tolist() == [[100.0, 20.0], [50.0, 30.0], [50.0, 10.0]]
    assert info.winners == (0, 1)
    assert info.used == (0, 1)
    assert info.means.tolist() == [40.0, 35.0, 20.0]
    assert info.common == 2
    assert info.mean_used == pytest.approx((100 * 10 + 30 * 30) / 40)
    assert info.selected == 1


def test_mean_is_the_efficacy_of_the_layers_taken_together(found):
    retained = sum(layer.retained["fast"] for layer in found.layers)
    default = sum(layer.default for layer in found.layers)
    optimum = sum(layer.row_optimum for layer in found.layers)
    together = 100 * (retained - default) / (optimum - default)
    assert compare_info(found).means[1] == pytest.approx(together)


def test_means_count_only_layers_that_all_strategies_have_searched(found):
    partly = Comparison(
        STRATEGIES,
        (ComparedLayer("a", ("g",), 10.0, 20.0, {"slow": 20.0}), found.layers[1]),
        found.seconds,
        found.best,
    )
    info = compare_info(partly)
    assert info.common == 1
    assert info.means.tolist() == [20.0, 30.0, 10.0]
    assert np.isnan(info.efficacies[1, 0])


def test_choice_is_what_is_used(found):
    info = compare_info(found, {"g": "bad"})
    assert info.used == (2, 1)
    assert info.mean_used == 35.0


def test_nothing_to_compare_can_be_drawn():
    info = compare_info(NOTHING)
    assert (info.layers, info.winners, info.common) == ((), (), 0)
    compare_plot(info)
    layers_plot(info)
    frontier_plot(frontier_info(NOTHING))


def test_layers_that_wait_have_a_place_and_nothing_on_it(found):
    waiting = ComparedLayer("c", ("i",), 0.0, 10.0, {})
    info = compare_info(Comparison(STRATEGIES, (*found.layers, waiting), {}, found.best))
    assert info.winners == (0, 1, -1)
    assert info.used == (0, 1, -1)
    assert info.common == 2
    assert len(compare_plot(info).get(2)) == 2
    assert len(layers_plot(info).get(1)) == 2


def test_map_has_a_cell_a_search_a_dot_a_winner_and_a_frame_a_choice(found):
    cells, frames, dots = compare_plot(compare_info(found, {"h": "slow"}))
    assert cells.dimension_values("efficacy").tolist() == [100.0, 20.0, 50.0, 30.0, 50.0, 10.0]
    assert cells.dimension_values("strategy").tolist() == [s for s in STRATEGIES for _ in "ab"]
    assert (frames.dimension_values("row") + 0.45).round().tolist() == [0, 0]
    assert dots.dimension_values("row").tolist() == [0, 1]


def test_chart_has_a_point_a_search_and_a_line_a_mean(found):
    band, stems, means, points = layers_plot(compare_info(found, {}, "a"))
    assert band.dimension_values("from").tolist() == [-0.5]
    assert stems.dimension_values("efficacy").tolist() == [50.0, 10.0]
    assert stems.dimension_values("top").tolist() == [100.0, 30.0]
    assert means.dimension_values("efficacy").tolist() == [40.0, 35.0, 20.0]
    assert len(points) == 6
    assert len(set(points.dimension_values("paint"))) == 3
    assert len(set(points.dimension_values("shape"))) == 3


def test_names_below_the_axis_are_thinned_and_keep_their_ends():
    assert layer_ticks(["a", "b"]) == [(0, "a"), (1, "b")]
    long = layer_ticks(["encoder.layers.11.attention.output.dense"])
    assert long[0][1].endswith("attention.output.dense")
    assert len(long[0][1]) <= 26
    assert [place for place, _ in layer_ticks([str(i) for i in range(130)])][:3] == [0, 3, 6]


def test_frontier_is_what_no_other_strategy_beats_at_both(found):
    info = frontier_info(found)
    assert info.strategies == STRATEGIES
    assert info.seconds.tolist() == [9.0, 2.0, 3.0]
    assert info.efficacies.tolist() == [40.0, 35.0, 20.0]
    assert info.frontier == (1, 0)


def test_frontier_of_one_layer_counts_its_groups_only(found):
    info = frontier_info(found, "b")
    assert info.seconds.tolist() == [5.0, 1.0, 1.0]
    assert info.frontier == (1,)
    assert info.scope == "b"


def test_strategies_that_still_run_are_not_on_the_frontier(found):
    seconds = {key: value for key, value in found.seconds.items() if key != ("h", "slow")}
    info = frontier_info(Comparison(STRATEGIES, found.layers, seconds, found.best))
    assert info.strategies == ("fast", "bad")


def test_frontier_is_drawn_through_its_strategies(found):
    steps, points = frontier_plot(frontier_info(found))
    assert steps.dimension_values("seconds").tolist() == [2.0, 9.0]
    assert points.dimension_values("efficacy").tolist() == [40.0, 35.0, 20.0]
