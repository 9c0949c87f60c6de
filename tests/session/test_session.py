import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from permviz.core.trace import Improved
from permviz.errors import PatternError, ScoresError, SessionError, StrategyError
from permviz.graph.analyze import analyze
from permviz.kernels.select import select as kernels
from permviz.search.anneal import Anneal
from permviz.session.board import Board
from permviz.session.budget import SharedBudget
from permviz.session.events import (
    SearchDone,
    SearchFailed,
    SearchMoved,
    SearchQueued,
    StatusChanged,
)
from permviz.session.plan import plan, session_plan
from permviz.session.session import Session
from permviz.session.settings import SearchSettings

BOTH = ("channel_swap(escapes=5)", "osg")


def finished(graph, **settings):
    session = Session(graph, SearchSettings(**{"strategies": BOTH, **settings}))
    session.start()
    assert session.wait(60)
    session.close()
    return session


def test_every_group_is_searched_with_every_strategy(chain):
    session = finished(chain)
    assert session.status == "finished"
    assert set(session.results) == {(g, s) for g in ("b", "c") for s in BOTH}
    assert session.progress.done == session.progress.total == 4
    assert session.progress.fraction == 1
    assert not session.progress.running
    for (name, _), result in session.results.items():
        problem = session.problems[name]
        assert result.retained == pytest.approx(problem.retained(result.permutation.order))
        assert result.retained > problem.baseline


def test_a_bound_tells_how_far_from_the_best_the_orders_are(chain):
    plain, bounded = finished(chain), finished(chain, bound="lp")
    for key, result in bounded.results.items():
        assert "row optimum" in plain.results[key].bound_by
        assert "row optimum" not in result.bound_by
        assert result.gap <= plain.results[key].gap
        assert result.retained >= plain.results[key].retained


def test_an_order_is_priced_once(chain):
    session = finished(chain)
    order, value = session.priced("b", session.settings.strategies[0])
    assert value == session.problems["b"].retained(order)
    assert session.priced("b", session.settings.strategies[0])[0] is order
    assert session.priced("b", "random") is None


def test_the_log_tells_all_in_order_and_observers_see_the_same(chain):
    session = Session(chain, SearchSettings(BOTH))
    seen = []
    unsubscribe = session.subscribe(seen.append)
    session.start()
    session.wait()
    session.close()
    unsubscribe()
    assert seen == list(session.events)
    assert [e.status for e in seen if isinstance(e, StatusChanged)] == ["running", "finished"]
    assert sum(isinstance(e, SearchQueued) for e in seen) == 4
    assert sum(isinstance(e, SearchDone) for e in seen) == 4
    moved = [
        e.event
        for e in seen
        if isinstance(e, SearchMoved) and (e.group, e.strategy) == ("c", BOTH[0])
    ]
    trace = session.results["c", BOTH[0]].trace
    assert [e for e in moved if isinstance(e, Improved)] == list(trace.improvements)


def test_the_number_of_workers_changes_nothing(chain):
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(4) as four:
        sessions = [Session(chain, SearchSettings(BOTH), executor=pool) for pool in (one, four)]
        for session in sessions:
            session.start()
            session.wait()
    first, second = (
        {key: result.permutation for key, result in session.results.items()} for session in sessions
    )
    assert first == second


class Gate:
    """Holds the searches of a session at their first improvement."""

    def __init__(self, session):
        self.reached, self.open = threading.Event(), threading.Event()
        session.subscribe(self)

    def __call__(self, event):
        if isinstance(event, SearchMoved) and isinstance(event.event, Improved):
            self.reached.set()
            self.open.wait(30)


def test_cancel_keeps_what_was_found(chain):
    with ThreadPoolExecutor(1) as pool:
        session = Session(chain, SearchSettings(BOTH), executor=pool)
        gate = Gate(session)
        session.start()
        assert gate.reached.wait(30)
        session.cancel()
        assert session.status == "cancelled"
        gate.open.set()
        assert session.wait(30)
    assert len(session.results) == 1
    ((name, _), result) = next(iter(session.results.items()))
    assert result.trace.finished.reason == "cancelled"
    assert session_plan(session).by_group[name].retained > session.problems[name].baseline


def test_pause_holds_and_resume_leads_to_the_same_end(chain):
    with ThreadPoolExecutor(1) as pool:
        session = Session(chain, SearchSettings(BOTH), executor=pool)
        gate = Gate(session)
        session.start()
        assert gate.reached.wait(30)
        session.pause()
        gate.open.set()
        assert session.status == "paused"
        assert not session.wait(0.05)
        session.resume()
        assert session.wait(60)
    unbroken = finished(chain)
    assert {k: r.permutation for k, r in session.results.items()} == {
        k: r.permutation for k, r in unbroken.results.items()
    }


def test_a_paused_session_can_be_cancelled_and_closed(chain):
    session = Session(chain, SearchSettings(("random(count=100000000)",)))
    session.start()
    session.pause()
    session.close()
    assert session.status == "cancelled"
    assert session.wait(0)


def test_best_orders_are_of_the_whole_group_at_any_time(chain):
    session = finished(chain)
    assert set(session.best()) == set(session.results)
    assert len(session.best()["b", BOTH[0]]) == 16


def test_progress_grows_while_a_search_spends_its_budget(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr("permviz.session.board.time.monotonic", lambda: clock[0])
    board = Board({("g", "s"): 3.0, ("h", "s"): 1.0}, {("g", "s"): 8, ("h", "s"): 8})
    board.begin()
    board.run(("g", "s"), 10.0)
    clock[0] += 4
    assert board.progress.fraction == pytest.approx(0.3)
    assert board.progress.seconds_left == pytest.approx(4 / 0.3 * 0.7)
    assert [search.seconds_left for search in board.progress.running] == [pytest.approx(6)]
    board.pause()
    clock[0] += 100
    assert [search.seconds_left for search in board.progress.running] == [pytest.approx(6)]
    assert board.progress.fraction == pytest.approx(0.3)
    board.resume()
    clock[0] += 1
    assert board.progress.fraction == pytest.approx(0.375)
    board.close(("g", "s"), None)
    assert board.progress.fraction == pytest.approx(0.75)
    board.run(("h", "s"))
    clock[0] += 50
    assert [search.seconds_left for search in board.progress.running] == [None]
    assert board.progress.fraction == pytest.approx(0.75)


def test_a_failing_search_is_told_and_the_others_go_on(chain):
    session = finished(chain, strategies=("osg", "channel_swap"), pattern="2:16")
    failed = [event for event in session.events if isinstance(event, SearchFailed)]
    assert {event.strategy for event in failed} == {"osg"}
    assert "channel_swap" in failed[0].message
    assert session.status == "finished"


def test_a_session_runs_once(chain):
    session = finished(chain)
    with pytest.raises(SessionError, match="finished already"):
        session.start()


def test_a_model_with_nothing_to_search_says_so(chain):
    session = Session(chain, SearchSettings(pattern="2:64"))
    with pytest.raises(SessionError, match=r"No channel group .* a: 3 input channels are fewer"):
        session.start()
    assert set(session.skipped) == {"b", "c"}


def test_what_is_in_the_way_of_a_search_is_said_with_the_way_out():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 16), weight_norm(nn.Linear(16, 4))).eval()
    graph = analyze(model, torch.randn(2, 3))
    with pytest.raises(SessionError, match=r"0: 3 input .* 1: .*WeightNorm.*remove_param"):
        Session(graph, SearchSettings()).start()


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"strategies": ()}, StrategyError),
        ({"strategies": ("nothing",)}, StrategyError),
        ({"strategies": (Anneal(),)}, StrategyError),
        ({"pattern": "4:4"}, PatternError),
        ({"seed": -1}, StrategyError),
        ({"budget": -1.0}, StrategyError),
        ({"bound": "guess"}, StrategyError),
        ({"importance": "beauty"}, ScoresError),
        ({"device": "abacus"}, StrategyError),
    ],
)
def test_impossible_settings_are_refused(settings, error):
    with pytest.raises(error):
        SearchSettings(**settings)


def test_strategies_are_named_by_what_is_unusual_and_once():
    given = ("osg", "osg(stripes=2)", "random( count = 7 )")
    assert SearchSettings(given).strategies == ("osg", "random(count=7)")
    assert SearchSettings("osg").strategies == ("osg",)


def test_the_device_that_is_asked_for_searches(monkeypatch):
    asked = []

    def select(device, threads):
        asked.append((device, threads))
        return kernels("cpu", threads=threads)

    monkeypatch.setattr("permviz.session.session.select", select)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8))
    found = plan(analyze(model, torch.randn(2, 8)), device="torch:cpu")
    assert set(asked) == {("torch:cpu", 1)}
    assert found.provenance["device"] == "torch:cpu"


def test_a_model_in_the_place_of_its_graph_is_told():
    model = nn.Sequential(nn.Linear(8, 8))
    with pytest.raises(SessionError, match=r"A Sequential is no channel graph; .*analyze"):
        Session(model, SearchSettings())
    with pytest.raises(SessionError, match=r"A Sequential is no channel graph; .*analyze"):
        plan(model, torch.ones(1, 8))


def test_a_budget_is_shared_by_price_and_what_is_left_goes_on():
    # A fifth is given evenly, so 1 second to each, and the rest by price.
    budget = SharedBudget(10.0, [3.0, 1.0], workers=1)
    assert budget.take(3.0) == pytest.approx(7.0)
    budget.give_back(5.0)
    assert budget.take(1.0) == pytest.approx(8.0)
    assert SharedBudget(1.0, [1e9, *[1.0] * 19], workers=1).take(1.0) == pytest.approx(0.01)
    assert SharedBudget(10.0, [9.0, 1.0], workers=2).take(9.0) == 10.0


def test_a_tiny_budget_still_ends(chain):
    session = finished(chain, strategies=("random(count=100000000)",), budget=0.05)
    assert {r.trace.finished.reason for r in session.results.values()} == {"budget"}


def test_the_plan_takes_the_best_of_each_group(chain):
    session = finished(chain)
    best = session_plan(session)
    for name, planned in best.by_group.items():
        assert planned.retained == max(session.results[name, s].retained for s in BOTH)
    assert best.provenance["strategies"] == list(BOTH)
    one = session_plan(session, BOTH[1])
    assert {planned.strategy for planned in one.by_group.values()} == {BOTH[1]}
    mixed = session_plan(session, {"b": BOTH[0], "c": BOTH[1]})
    assert mixed.by_group["b"].strategy == BOTH[0]
    for wrong in ("auto", {"z": BOTH[0]}, {"b": "auto"}):
        with pytest.raises(SessionError, match="choose one of"):
            session_plan(session, wrong)


def test_the_planned_model_computes_the_same(chain):
    from permviz.graph.apply import apply

    found = plan(chain, "channel_swap")
    x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    permuted = apply(chain.model, found)
    assert not torch.equal(permuted.c.weight, chain.model.c.weight)
    assert torch.allclose(permuted(x), chain.model(x), atol=1e-4)
    assert np.array_equal(
        permuted.b.weight.detach().numpy().shape, chain.model.b.weight.detach().numpy().shape
    )
