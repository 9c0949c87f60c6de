"""It is quiet when nobody acted for a while and no page is about to be shown."""

import pytest

from permviz.app import quiet as quiets
from permviz.app.quiet import note_act, note_arrival, quiet, wait_for_quiet


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]

    def sleep(seconds):
        now[0] += seconds

    monkeypatch.setattr(quiets, "monotonic", lambda: now[0])
    monkeypatch.setattr(quiets, "sleep", sleep)
    monkeypatch.setattr(quiets._Clock, "acted", 0.0)
    return now


def test_an_act_is_followed_by_quiet(clock):
    assert quiet()
    note_act()
    clock[0] += 1
    assert not quiet()
    clock[0] += 1
    assert quiet()


def test_a_page_that_is_asked_for_is_awaited(clock):
    note_arrival()
    clock[0] += 4
    assert not quiet()
    clock[0] += 1
    assert quiet()


def test_a_page_that_is_there_is_awaited_no_longer(clock):
    note_arrival()
    clock[0] += 1
    note_act()
    clock[0] += 2
    assert quiet()


def test_waiting_ends_with_quiet(clock):
    note_act()
    wait_for_quiet()
    assert quiet()
    assert clock[0] == pytest.approx(1001.5, abs=0.06)


def test_waiting_ends_though_nobody_rests(clock, monkeypatch):
    monkeypatch.setattr(quiets, "quiet", lambda: False)
    wait_for_quiet()
    assert clock[0] == pytest.approx(1000 + quiets._LONGEST_SECONDS, abs=0.06)
