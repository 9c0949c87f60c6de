from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from permviz.figures.curves import (
    MOST_POINTS,
    OPTIMUM,
    UNBEGUN,
    Track,
    _heights,
    curve_info,
    curve_plot,
    trace_track,
)
from permviz.search.run import search


def track(points=3, *, finished=True):
    return Track(
        seconds=np.arange(1, points + 1) * 0.5,
        iterations=np.arange(1, points + 1) * 10,
        efficacies=np.arange(1, points + 1, dtype=np.float64),
        seconds_now=points * 0.5 + 0.25,
        iterations_now=points * 10 + 7,
        finished=finished,
    )


def test_curve_starts_at_zero_and_reaches_to_now():
    info = curve_info({"osg": track()})
    assert info.clock == "seconds"
    assert info.lines[0].x.tolist() == [0, 0.5, 1.0, 1.5, 1.75]
    assert info.lines[0].efficacy.tolist() == [0, 1, 2, 3, 3]


def test_curve_over_iterations():
    info = curve_info({"osg": track(2)}, "iterations")
    assert info.lines[0].x.tolist() == [0, 10, 20, 27]
    assert info.lines[0].efficacy.tolist() == [0, 1, 2, 2]


def test_search_without_improvement_is_a_flat_line():
    empty = Track(np.empty(0), np.empty(0, dtype=np.int64), np.empty(0), 2.0, 5, finished=True)
    info = curve_info({"random": empty})
    assert info.lines[0].x.tolist() == [0, 2.0]
    assert info.lines[0].efficacy.tolist() == [0, 0]


def test_long_tracks_are_thinned_and_keep_their_ends():
    line = curve_info({"osg": track(5000)}).lines[0]
    assert line.x.size == MOST_POINTS
    assert line.x[0] == 0
    assert line.x[-1] == 2500.25
    assert line.efficacy[-1] == 5000
    assert (np.diff(line.x) > 0).all()


def test_plot_has_a_curve_for_each_strategy_in_order():
    plot = curve_plot(curve_info({"osg": track(), "channel_swap": track(2)}))
    first, second, optimum = plot
    assert optimum.label == "row optimum"
    assert optimum.dimension_values("level").tolist() == [OPTIMUM, OPTIMUM]
    assert optimum.dimension_values("from").tolist() == [0.0, 1.75]
    assert (first.label, second.label) == ("osg", "channel_swap")
    # Drawn as steps.
    steps = [0, 0.5, 0.5, 1, 1, 1.5, 1.5, 1.75, 1.75]
    assert first.dimension_values("seconds").tolist() == steps
    assert first.dimension_values("efficacy").tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 3]


def test_logarithmic_time_begins_before_the_first_improvement():
    info = curve_info({"osg": track(2), "swap": track(3)}, log=True)
    assert [line.x[0] for line in info.lines] == [0.25, 0.25]
    assert info.lines[0].x.tolist() == [0.25, 0.5, 1.0, 1.25]
    assert info.span == (0.25, 1.75)
    assert info.ticks == [0.5, 1.0]
    assert curve_info({"osg": track(2)}).ticks is None
    curve_plot(info)


@pytest.mark.parametrize(
    ("now", "end"), [(0.017, 0.02), (0.9, 1.0), (1.0, 1.0), (1.2, 1.5), (7.0, 8.0), (250.0, 300.0)]
)
def test_the_axis_ends_ahead_of_curves_that_still_grow(now, end):
    ended = track()
    growing = replace(ended, seconds=np.array([now / 4, now / 3, now / 2]), seconds_now=now)
    growing = replace(growing, finished=False)
    assert curve_info({"osg": growing}).span == (0.0, pytest.approx(end))
    assert curve_info({"osg": replace(growing, finished=True)}).span == (0.0, now)


@given(st.integers(-9, 15), st.sampled_from([-1.0, 0.0, 1.0]))
def test_the_axis_has_an_end_at_any_power_of_ten(power, side):
    now = float(np.nextafter(10.0**power, 10.0**power + side))
    growing = replace(UNBEGUN, seconds_now=now)
    assert curve_info({"osg": growing}).span[1] >= now


def test_search_that_took_no_time_yet_is_drawn_on_a_logarithmic_axis():
    empty = Track(np.empty(0), np.empty(0, dtype=np.int64), np.empty(0), 0.0, 0, finished=False)
    info = curve_info({"random": empty}, log=True)
    assert info.span == (1.0, 2.0)
    curve_plot(info)


def test_least_proved_bound_is_drawn_where_it_is_below_the_row_optimum():
    tracks = {"osg": replace(track(), bound=80.0), "exact": replace(track(), bound=60.0)}
    info = curve_info(tracks)
    assert info.bound == 60.0
    *_, optimum, bound = curve_plot(info)
    assert (optimum.label, bound.label) == ("row optimum", "upper bound")
    assert bound.dimension_values("level").tolist() == [60.0, 60.0]


def test_axis_reaches_to_the_optimum_or_to_the_curves():
    heights = [_heights(curve_info({"osg": track()}, whole=whole))[1] for whole in (True, False)]
    assert heights == [105.0, pytest.approx(3.24)]


def test_track_of_a_trace_ends_at_the_efficacy_and_knows_the_bound():
    scores = np.random.default_rng(0).random((8, 8))
    result = search(scores, "exact")
    found = trace_track(result.trace)
    assert found.efficacies[-1] == pytest.approx(result.efficacy, abs=0.01)
    assert found.bound == pytest.approx(result.efficacy + result.gap, abs=0.01)
    assert found.bound < OPTIMUM


def test_table_tells_nothing_of_a_search_that_has_not_begun():
    table = curve_info({"osg": UNBEGUN, "swap": UNBEGUN}).table
    assert table["curve"] == ["row optimum", "upper bound"]
    ended = replace(UNBEGUN, finished=True, seconds_now=2.0)
    assert curve_info({"osg": ended}).table["seconds"][:2] == [0.0, 2.0]
