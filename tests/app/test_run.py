from types import SimpleNamespace

import pytest

from permviz.app import run
from permviz.app.flow import Flow
from permviz.app.run import FIRST_SUM_SECONDS, SUM_SECONDS, Run
from permviz.session.events import StatusChanged
from permviz.session.report import layer_order, layer_scores
from permviz.session.session import Session
from permviz.session.settings import SearchSettings


class Silent:
    """A session that says nothing."""

    def __init__(self, status):
        self.status = status

    def subscribe(self, _observer):
        return lambda: None

    def cancel(self):
        pass

    def close(self):
        pass


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(run, "time", SimpleNamespace(monotonic=lambda: now.seconds))
    return now


@pytest.fixture
def follow(opened):
    runs = []

    def new(status):
        runs.append(Run(opened, Silent(status)))
        return runs[-1]

    yield new
    for one in runs:
        one.close()


def test_findings_are_summed_up_once_in_a_while(clock, follow):
    alone = follow("running")
    assert alone.findings_due()
    alone._findings.wanted = True
    clock.seconds = 0.9 * SUM_SECONDS
    assert not alone.findings_due()
    clock.seconds = SUM_SECONDS
    assert alone.findings_due()


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("status", ["finished", "cancelled"])
def test_what_a_search_found_in_the_end_is_summed_up_at_once(follow, status):
    ended = follow("running")
    assert ended.findings_due()
    ended.session.status = status
    assert not ended.findings_due()
    ended._findings.wanted = True
    assert ended.findings_due()


@pytest.mark.parametrize(("status", "due"), [("running", False), ("finished", True)])
def test_in_a_crowd_of_searches_pages_take_turns(clock, follow, status, due):
    one = follow("running")
    others = [follow(status) for _ in range(9)]
    assert one.findings_due()
    one._findings.wanted = True
    clock.seconds = SUM_SECONDS
    assert one.findings_due() is due
    for other in others:
        other.close()
    assert one.findings_due() is not due


def test_a_search_that_starts_is_summed_up_in_a_moment(clock, follow):
    started = follow("running")
    started._events.append(StatusChanged("running"))
    started.collect()
    assert not started.findings_due()
    clock.seconds = FIRST_SUM_SECONDS
    assert started.findings_due()
    assert not started.findings_due()


def test_a_layer_is_looked_at_again_in_its_own_name(opened):
    flow = Flow()
    with Session(opened.graph, SearchSettings(("channel_swap",))) as session:
        names = [layer.name for layer in opened.graph.layers]
        for name in (*names, *names):
            pair = flow.pair(session, name, None)
            assert pair is None or pair.layer == name
            assert pair is None or pair.scores is layer_scores(session, name)
            assert pair is None or pair.order.tolist() == layer_order(session, name).tolist()
        assert flow.pair(session, "unknown", None) is None


def test_a_layer_stays_the_same_in_a_session_that_scores_it_alike(opened):
    flow = Flow()
    name = opened.graph.layers[-1].name
    first, again, other = (
        flow.pair(Session(opened.graph, SearchSettings(("osg",), importance=one)), name, None)
        for one in ("magnitude", "magnitude", "squared")
    )
    assert first.scores is again.scores
    assert first.lost_given is again.lost_given
    assert first.unit != other.unit
    assert first.lost_given.tolist() != other.lost_given.tolist()
