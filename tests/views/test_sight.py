import panel as pn
import param
import pytest
from bokeh.document import Document
from bokeh.server.contexts import BokehSessionContext
from panel.io.state import set_curdoc

from permviz.views import sight
from permviz.views.sight import Sighted, connected, in_its_turn, prepare, reveal


class Figure(Sighted):
    """A view that is built as soon as it is seen, and counts how often it was drawn."""

    drawn = 0

    @property
    def built(self):
        return self.drawn > 0

    @param.depends("seen", watch=True)
    def _draw(self):
        self.drawn += self.seen


def test_views_come_into_sight_one_stage_a_turn(monkeypatch):
    turns = []
    monkeypatch.setattr(sight, "after_a_breath", turns.append)
    parts = [Figure(seen=False) for _ in range(3)]
    reveal([[part] for part in parts], seen=True)
    assert [part.seen for part in parts] == [True, False, False]
    turns.pop()()
    assert [part.seen for part in parts] == [True, True, False]
    while turns:
        turns.pop()()
    assert [part.seen for part in parts] == [True, True, True]


def test_what_has_nothing_to_show_takes_no_turn(monkeypatch):
    turns = []
    monkeypatch.setattr(sight, "after_a_breath", turns.append)
    parts = [Sighted(seen=False), Sighted(seen=False), Figure(seen=False), Sighted(seen=False)]
    reveal([[part] for part in parts], seen=True)
    assert [part.seen for part in parts] == [True, True, True, False]
    turns.pop()()
    assert parts[-1].seen
    assert turns == []


def test_without_a_server_all_is_seen_at_once():
    parts = [Sighted(seen=False), Sighted(seen=False)]
    reveal([[part] for part in parts], seen=True)
    assert all(part.seen for part in parts)
    reveal([[part] for part in parts], seen=False)
    assert not any(part.seen for part in parts)


class Ready(Sighted):
    built = True


def test_views_that_are_built_come_into_sight_together_and_before_the_others(monkeypatch):
    turns = []
    monkeypatch.setattr(sight, "after_a_breath", turns.append)
    parts = [Figure(seen=False), Ready(seen=False), Figure(seen=False), Ready(seen=False)]
    reveal([[part] for part in parts], seen=True)
    assert [part.seen for part in parts] == [True, True, False, True]
    while turns:
        turns.pop()()
    assert all(part.seen for part in parts)


def test_what_was_left_in_between_is_not_built(monkeypatch):
    turns = []
    monkeypatch.setattr(sight, "after_a_breath", turns.append)
    parts, wanted = [Sighted(seen=False), Sighted(seen=False)], [True]
    reveal([[part] for part in parts], seen=True, wanted=lambda: wanted[0])
    wanted[0] = False
    reveal([[part] for part in parts], seen=False)
    while turns:
        turns.pop()()
    assert not any(part.seen for part in parts)


def test_views_of_one_stage_come_into_sight_together(monkeypatch):
    turns = []
    monkeypatch.setattr(sight, "after_a_breath", turns.append)
    parts = [Figure(seen=False) for _ in range(3)]
    reveal([parts[:2], [], parts[2:]], seen=True)
    assert [part.seen for part in parts] == [True, True, False]
    turns.pop()()
    assert all(part.seen for part in parts)


def test_prepared_views_are_built_in_turns_of_their_own_and_rest(monkeypatch):
    turns = []
    monkeypatch.setattr(sight, "after_a_breath", turns.append)
    figures = [Figure(seen=False) for _ in range(3)]
    prepare([[one] for one in figures], wanted=lambda: True, quiet=lambda: True)
    assert [one.drawn for one in figures] == [1, 0, 0]
    while turns:
        turns.pop()()
    assert [one.drawn for one in figures] == [1, 1, 1]
    assert not any(one.seen for one in figures)


def test_preparing_waits_while_somebody_acts_and_ends_when_the_views_are_seen(monkeypatch):
    turns, quiet, wanted = [], [False], [True]
    monkeypatch.setattr(sight, "after_a_breath", turns.append)
    figures = [Figure(seen=False) for _ in range(3)]
    stages = [[one] for one in figures]
    prepare(stages, wanted=lambda: wanted[0], quiet=lambda: quiet[0])
    turns.pop()()
    assert [one.drawn for one in figures] == [0, 0, 0]
    quiet[0] = True
    turns.pop()()
    assert [one.drawn for one in figures] == [1, 0, 0]
    wanted[0] = False
    turns.pop()()
    assert not turns
    assert [one.drawn for one in figures] == [1, 0, 0]


class Late(Figure):
    """A view that has to be told to take its place."""

    arrived = 0

    @property
    def waiting(self):
        return self.built and not self.arrived

    def arrive(self):
        self.arrived += 1


def test_prepared_views_arrive_in_turns_of_their_own_while_it_is_quiet(monkeypatch):
    turns, quiet = [], [True]
    monkeypatch.setattr(sight, "after_a_breath", turns.append)
    first, second = Late(seen=False), Late(seen=False)
    prepare([[first], [second]], wanted=lambda: True, quiet=lambda: quiet[0])
    quiet[0] = False
    turns.pop()()
    assert (first.drawn, first.arrived, second.drawn) == (1, 0, 0)
    quiet[0] = True
    turns.pop()()
    assert (first.drawn, first.arrived, second.drawn) == (1, 1, 0)
    while turns:
        turns.pop()()
    assert (first.arrived, second.drawn, second.arrived) == (1, 1, 1)


def test_what_has_nothing_to_show_keeps_no_other_from_being_prepared(monkeypatch):
    turns = []
    monkeypatch.setattr(sight, "after_a_breath", turns.append)
    empty, full = Sighted(seen=False), Late(seen=False)
    prepare([[empty], [full]], wanted=lambda: True, quiet=lambda: True)
    for _ in range(4):
        if turns:
            turns.pop()()
    assert (full.drawn, full.arrived) == (1, 1)
    assert turns == []


class Connections:
    """A served session, as far as it is asked how many browsers show it."""

    def __init__(self, count):
        self.connection_count = count


@pytest.mark.parametrize(("count", "expected"), [(0, False), (1, True), (2, True)])
def test_a_page_is_connected_while_a_browser_shows_it(count, expected):
    page = Document()
    page._session_context = lambda: context
    context = BokehSessionContext("one", None, page)
    context._session = Connections(count)
    with set_curdoc(page):
        assert connected() == expected


def test_what_is_not_served_is_not_connected():
    assert not connected()
    with set_curdoc(Document()):
        assert not connected()


def test_turns_wait_until_the_browser_listens(monkeypatch):
    taken, loads = [], []
    page = Document()
    monkeypatch.setattr(sight, "served", lambda: True)
    monkeypatch.setattr(pn.state, "onload", loads.append)
    monkeypatch.setattr(
        page, "add_timeout_callback", lambda turn, after: taken.append((turn, after))
    )
    with set_curdoc(page):
        monkeypatch.setitem(pn.state._loaded, page, False)
        sight.next_turn(print)
        assert taken == []
        loads.pop()()
        assert [turn for turn, _ in taken] == [print]
        monkeypatch.setitem(pn.state._loaded, page, True)
        sight.next_turn(print)
    assert loads == []
    assert len(taken) == 2


class Painter:
    def __init__(self, name, painted):
        self.name, self.painted = name, painted

    def paint(self):
        self.painted.append(self.name)


def test_turns_are_taken_one_by_one_and_each_once(monkeypatch):
    painted, later = [], []
    monkeypatch.setattr(sight, "next_turn", later.append)
    monkeypatch.setattr(sight, "after_a_breath", later.append)
    monkeypatch.setattr(sight, "served", lambda: True)
    first, second, gone = (Painter(name, painted) for name in "abc")
    with set_curdoc(Document()):
        for one in (first, gone, second, first):
            in_its_turn(one.paint)
        assert len(later) == 1
        del gone, one
        while later:
            later.pop()()
        assert painted == ["a", "b"]
        in_its_turn(first.paint)
        later.pop()()
    assert painted == ["a", "b", "a"]


def test_a_turn_that_fails_does_not_hold_up_the_others(monkeypatch):
    painted, later = [], []
    monkeypatch.setattr(sight, "next_turn", later.append)
    monkeypatch.setattr(sight, "after_a_breath", later.append)
    monkeypatch.setattr(sight, "served", lambda: True)
    broken, other = Painter("a", None), Painter("b", painted)
    with set_curdoc(Document()):
        in_its_turn(broken.paint)
        in_its_turn(other.paint)
        with pytest.raises(AttributeError):
            later.pop()()
        later.pop()()
    assert painted == ["b"]


def test_without_a_server_a_turn_is_taken_at_once():
    painted = []
    in_its_turn(Painter("a", painted).paint)
    assert painted == ["a"]
