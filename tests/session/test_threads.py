import os
import sys
import threading

import pytest

from permviz.kernels.select import cores
from permviz.session.threads import search_threads


def priority():
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.parametrize("giving_way", [False, True])
def test_only_threads_that_give_way_are_less_urgent(giving_way):
    before = priority()
    with search_threads(giving_way=giving_way) as pool:
        found = set(pool.map(lambda _: priority(), range(8)))
    lowered = giving_way and sys.platform == "linux"
    assert found == {max(10, before) if lowered else before}
    assert priority() == before


def test_there_is_a_thread_for_each_core():
    together = threading.Barrier(cores(), timeout=30)
    with search_threads(giving_way=True) as pool:
        assert sorted(pool.map(lambda _: together.wait(), range(cores()))) == [*range(cores())]


def test_a_system_that_forbids_it_loses_nothing(monkeypatch):
    def forbidden(*_):
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", forbidden)
    with search_threads(giving_way=True) as pool:
        assert pool.submit(lambda: 3).result() == 3
