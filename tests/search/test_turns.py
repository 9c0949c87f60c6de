"""Searches of many sessions take turns, and a turn is never lost."""

import math
import threading

import numpy as np
import pytest

from permviz.core.problem import SearchProblem
from permviz.kernels.select import select
from permviz.search import control, turns
from permviz.search.control import Control, Stopwatch
from permviz.search.registry import parse
from permviz.search.runner import Limits, run
from permviz.search.turns import Turn, Turns

LONG = 30
PROBLEM = SearchProblem.of(np.random.default_rng(0).random((8, 32)))
STRATEGY = parse("channel_swap(escapes=5)")


def search(control, strategy=STRATEGY, on_event=None):
    return run(PROBLEM, strategy, select("cpu", threads=1), Limits(control=control), on_event)


def started(call):
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    return thread


def wait_for(wanted, queue):
    tick = threading.Event()
    for _ in range(LONG * 100):
        if len(queue) == wanted:
            return
        tick.wait(0.01)
    pytest.fail(f"{len(queue)} wait, {wanted} were expected")


def test_no_more_work_at_a_time_than_there_are_places():
    shared, lock, working, most = Turns(2), threading.Lock(), set(), []

    def work(name):
        for _ in range(50):
            with Turn(shared):
                with lock:
                    working.add(name)
                    most.append(len(working))
                with lock:
                    working.discard(name)

    threads = [started(lambda name=name: work(name)) for name in range(6)]
    for thread in threads:
        thread.join(LONG)
    assert len(most) == 300
    assert max(most) <= 2
    assert not shared.wanted


def test_whoever_waits_the_longest_is_next():
    shared, order = Turns(1), []

    def work(name):
        with Turn(shared):
            order.append(name)

    with Turn(shared):
        threads = []
        for name in range(5):
            threads.append(started(lambda name=name: work(name)))
            wait_for(name + 1, shared._queue)
    for thread in threads:
        thread.join(LONG)
    assert order == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("seconds", "passed"), [(0.0, True), (3600.0, False)])
def test_a_turn_is_passed_on_once_it_was_long_enough(monkeypatch, seconds, passed):
    monkeypatch.setattr(turns, "_SLICE_SECONDS", seconds)
    shared, worked = Turns(1), threading.Event()

    def work():
        with Turn(shared):
            worked.set()

    with Turn(shared) as turn:
        turn.pass_on()
        other = started(work)
        wait_for(1, shared._queue)
        turn.pass_on()
        assert worked.is_set() == passed
    other.join(LONG)
    assert worked.is_set()


def test_a_search_steps_aside_for_whoever_has_the_right_of_way(monkeypatch):
    monkeypatch.setattr(turns, "_ASIDE_SECONDS", LONG)
    clear, begun, went_on = threading.Event(), threading.Event(), threading.Event()

    def work():
        with Turn(Turns(1, clear)) as turn:
            begun.set()
            turn.pass_on()
            went_on.set()

    other = started(work)
    assert begun.wait(LONG)
    assert not went_on.wait(0.05)
    clear.set()
    assert went_on.wait(LONG)
    other.join(LONG)


def test_a_search_goes_on_for_a_slice_where_the_way_is_never_clear(monkeypatch):
    asked = []

    class NeverClear(threading.Event):
        def wait(self, timeout=None):
            asked.append(timeout)
            return False

    monkeypatch.setattr(turns, "_SLICE_SECONDS", 3600.0)
    with Turn(Turns(1, NeverClear())) as turn:
        for _ in range(3):
            turn.pass_on()
    assert asked == [turns._ASIDE_SECONDS]


class Busy(threading.Event):
    """A page that has something to do for so many seconds of a clock, each time."""

    def __init__(self, clock, seconds):
        super().__init__()
        self.clock, self.seconds = clock, seconds

    def wait(self, timeout=None):  # noqa: ARG002 - the event's
        self.clock.now += self.seconds
        return True


class Clock:
    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        return self.now


@pytest.mark.parametrize(("busy", "searched"), [(0.1, True), (100.0, False)])
def test_a_budget_does_not_count_that_a_page_goes_first_unless_it_never_ends(
    monkeypatch, busy, searched
):
    clock = Clock()
    monkeypatch.setattr(turns, "time", clock)
    monkeypatch.setattr(control, "time", clock)
    limits = Limits(budget=0.05, control=Control(Turns(1, Busy(clock, busy))))
    small = SearchProblem.of(np.random.default_rng(0).random((8, 16)))
    found = run(small, parse("auto"), select("cpu", threads=1), limits)
    assert (found.efficacy > 0) == searched


def test_what_others_take_is_left_out_while_patience_lasts(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(control, "time", clock)
    for budget, patience in ((2.0, 2.0), (0.01, 0.5), (None, math.inf)):
        watch = Stopwatch(Control(), budget)
        clock.now += 0.25
        watch.leave_out(0.25)
        assert watch.seconds() == 0
        clock.now += 1000
        watch.leave_out(1000)
        assert watch.seconds() == 1000.25 - min(patience, 1000.25)


def test_a_paused_search_leaves_its_place():
    shared = Turns(1)
    paused, other = Control(shared), Control(shared)
    begun = threading.Event()

    def pause(_):
        paused.pause()
        begun.set()

    waiting = started(lambda: search(paused, on_event=pause))
    assert begun.wait(LONG)
    going = started(lambda: search(other))
    going.join(LONG)
    assert not going.is_alive()
    assert waiting.is_alive()
    paused.cancel()
    waiting.join(LONG)
    assert not waiting.is_alive()


def test_a_search_that_breaks_off_leaves_its_place():
    shared = Turns(1)

    def broken(_):
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        search(Control(shared), on_event=broken)
    finished = started(lambda: search(Control(shared)))
    finished.join(LONG)
    assert not finished.is_alive()


def test_turns_change_nothing_in_a_result():
    shared, found = Turns(2), []
    threads = [
        started(lambda: found.append(search(Control(shared)).permutation.order)) for _ in range(5)
    ]
    for thread in threads:
        thread.join(LONG)
    alone = search(Control()).permutation.order
    assert len(found) == 5
    for order in found:
        np.testing.assert_array_equal(order, alone)
