import gc

import pytest

from permviz.app import garbage


@pytest.fixture(autouse=True)
def usual_again():
    thresholds = gc.get_threshold()
    garbage.put_off.cache_clear()
    garbage.set_libraries_aside.cache_clear()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    garbage.put_off.cache_clear()
    garbage.set_libraries_aside.cache_clear()


def test_libraries_are_not_looked_through_while_they_are_imported(monkeypatch):
    collected = []
    monkeypatch.setattr(gc, "collect", lambda: collected.append(1))
    monkeypatch.setattr(gc, "get_count", lambda: (0, 0, 11))
    garbage.collect()
    assert collected == []


def test_everything_is_looked_through_when_it_is_due_and_not_before(monkeypatch):
    garbage.set_libraries_aside()
    collected, due = [], [10]
    monkeypatch.setattr(gc, "collect", lambda: collected.append(due[0]))
    monkeypatch.setattr(gc, "get_count", lambda: (0, 0, due[0]))
    garbage.collect()
    due[0] = 11
    garbage.collect()
    assert collected == [11]


def test_server_leaves_the_young_ones_as_they_are_and_puts_off_the_rest():
    young, middle, old = gc.get_threshold()
    garbage.put_off()
    garbage.put_off()
    assert gc.get_threshold() == (young, middle, 4 * old)
