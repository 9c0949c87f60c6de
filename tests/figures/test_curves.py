import numpy as np

from permviz.figures.curves import MOST_POINTS, Track, curve_info, curve_plot


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
    first, second = plot
    assert (first.label, second.label) == ("osg", "channel_swap")
    np.testing.assert_array_equal(first.dimension_values("efficacy"), [0, 1, 2, 3, 3])
