import numpy as np
import pytest

from permviz.app.tracks import TrackLog
from permviz.core.permutation import Permutation
from permviz.core.trace import Bounded, Finished, Improved, Started
from permviz.figures.curves import UNBEGUN
from permviz.session.events import SearchFailed, SearchMoved, SearchQueued, StatusChanged

SLOT = np.array([0])


def log_of(*events, group="g", strategy="osg"):
    log = TrackLog()
    log.add(SearchQueued(group, strategy))
    for event in events:
        log.add(SearchMoved(group, strategy, event))
    return log


def test_track_holds_the_efficacy_of_every_improvement():
    log = log_of(
        Started(10.0, 20.0), Improved(3, 0.5, 12.0, SLOT, SLOT), Improved(9, 1.5, 15.0, SLOT, SLOT)
    )
    track = log.tracks(("g",), ("osg",))["osg"]
    assert track.efficacies.tolist() == pytest.approx([20.0, 50.0])
    assert track.seconds.tolist() == [0.5, 1.5]
    assert track.iterations.tolist() == [3, 9]
    assert (track.seconds_now, track.iterations_now, track.finished) == (1.5, 9, False)


def test_end_of_a_search_stretches_its_track():
    log = log_of(Started(1.0, 2.0), Finished(Permutation.identity(4), "budget", 70, 8.0))
    track = log.tracks(("g",), ("osg",))["osg"]
    assert (track.seconds_now, track.iterations_now, track.finished) == (8.0, 70, True)


def test_first_group_with_a_search_counts_and_others_are_left_out():
    log = log_of(Started(1.0, 2.0), group="b")
    assert list(log.tracks(("a", "b"), ("swap", "osg"))) == ["osg"]
    assert log.tracks(("a",), ("osg",)) == {}


def test_track_knows_the_least_efficacy_that_is_out_of_reach():
    log = log_of(Started(10.0, 20.0), Bounded(0.5, 18.0), Bounded(0.7, 16.0))
    assert log.tracks(("g",), ("osg",))["osg"].bound == pytest.approx(60.0)
    assert log_of(Started(1.0, 2.0)).tracks(("g",), ("osg",))["osg"].bound == 100.0


def test_search_that_waits_has_a_track_until_it_can_no_longer_begin():
    log = log_of(strategy="swap")
    assert log.tracks(("g",), ("osg", "swap")) == {"swap": UNBEGUN}
    log.add(SearchMoved("g", "swap", Started(1.0, 2.0)))
    log.add(SearchQueued("g", "osg"))
    log.add(SearchQueued("h", "osg"))
    assert set(log.tracks(("g",), ("osg", "swap"))) == {"osg", "swap"}
    log.add(SearchFailed("h", "osg", "too wide"))
    assert log.tracks(("h",), ("osg",)) == {}
    log.add(StatusChanged("paused"))
    assert set(log.tracks(("g",), ("osg", "swap"))) == {"osg", "swap"}
    log.add(StatusChanged("cancelled"))
    assert set(log.tracks(("g",), ("osg", "swap"))) == {"swap"}
