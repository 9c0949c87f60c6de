import pytest

from permviz.session import autogroup, threads
from permviz.session.autogroup import GIVING_WAY, Autogroup


class Clock:
    """In place of timers: what is to be called later is called when it is told to."""

    def __init__(self, _seconds, call):
        self.start = lambda: waiting.append(call)


waiting = []


@pytest.fixture(autouse=True)
def later(monkeypatch):
    waiting.clear()
    monkeypatch.setattr(autogroup.threading, "Timer", Clock)


@pytest.fixture
def file(tmp_path):
    """What the system would make of what is written: a number becomes a line of text."""
    path = tmp_path / "autogroup"
    path.write_text("/autogroup-7 nice 0\n")
    return path


def value(file):
    return int(file.read_text().split()[-1])


def elapse():
    while waiting:
        waiting.pop(0)()


def test_gives_way_until_nobody_asks_for_it_any_more(file):
    group = Autogroup(file)
    group.give_way()
    assert value(file) == GIVING_WAY
    group.stop()
    assert value(file) == GIVING_WAY
    elapse()
    assert value(file) == 0


def test_does_not_give_way_where_several_ask(file):
    group = Autogroup(file)
    for expected in (GIVING_WAY, 0, 0):
        group.give_way()
        assert value(file) == expected
    for expected in (0, GIVING_WAY, 0):
        group.stop()
        elapse()
        assert value(file) == expected


def test_whoever_asks_again_soon_is_heard(file):
    group = Autogroup(file)
    group.give_way()
    group.stop()
    group.give_way()
    elapse()
    assert value(file) == GIVING_WAY
    group.stop()
    elapse()
    assert value(file) == 0


def test_what_the_system_takes_too_late_is_told_again(file, monkeypatch):
    group = Autogroup(file)
    group.give_way()
    with monkeypatch.context() as busy:
        busy.setattr(type(file), "write_text", too_soon)
        group.stop()
        waiting.pop()()
    assert value(file) == GIVING_WAY
    elapse()
    assert value(file) == 0


@pytest.mark.parametrize("nice", [GIVING_WAY, 19, -5])
def test_group_that_gives_way_already_or_was_raised_stays_as_it_is(file, nice):
    file.write_text(f"/autogroup-7 nice {nice}\n")
    group = Autogroup(file)
    group.give_way()
    assert value(file) == nice
    group.stop()
    elapse()
    assert value(file) == nice


def test_system_without_groups_or_that_forbids_it_loses_nothing(tmp_path, file, monkeypatch):
    for path in (tmp_path / "none", file):
        group = Autogroup(path)
        with monkeypatch.context() as forbidden:
            forbidden.setattr(type(path), "write_text", refuse)
            group.give_way()
        group.stop()
        elapse()
    assert not (tmp_path / "none").exists()
    assert value(file) == 0


def refuse(*_):
    raise PermissionError


def too_soon(*_):
    raise BlockingIOError


def test_what_is_forbidden_is_not_tried_for_ever(file, monkeypatch):
    group = Autogroup(file)
    group.give_way()
    monkeypatch.setattr(type(file), "write_text", refuse)
    group.stop()
    elapse()
    assert waiting == []


def test_interpreter_that_ends_sets_it_back_at_once(file, monkeypatch):
    def ending(*_):
        raise RuntimeError

    group = Autogroup(file)
    group.give_way()
    monkeypatch.setattr(autogroup.threading, "Timer", ending)
    group.stop()
    assert value(file) == 0


@pytest.mark.parametrize("giving_way", [True, False])
def test_pool_asks_until_it_is_shut_down_however_often(file, monkeypatch, giving_way):
    monkeypatch.setattr(threads, "_GROUP", Autogroup(file))
    pool = threads.search_threads(giving_way=giving_way)
    assert pool.submit(lambda: value(file)).result() == (GIVING_WAY if giving_way else 0)
    for _ in range(2):
        pool.shutdown()
    elapse()
    assert value(file) == 0
