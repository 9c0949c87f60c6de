"""Searches step aside exactly while the page's loop has something to do."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from permviz.app.right_of_way import go_first
from permviz.session import threads

LONG = 30


@pytest.fixture
def clear(monkeypatch):
    event = threading.Event()
    monkeypatch.setattr("permviz.app.right_of_way.CLEAR", event)
    return event


@pytest.fixture
def run():
    """Runs a coroutine in a thread of its own, for the tests' own thread may have a loop."""
    with ThreadPoolExecutor(1) as thread:
        yield lambda work: thread.submit(asyncio.run, work).result(LONG)


def test_the_way_is_clear_only_while_the_loop_waits(clear, run):
    seen = []

    async def work():
        go_first()
        await asyncio.sleep(0.001)
        seen.append(clear.is_set())
        seen.append(await asyncio.to_thread(clear.wait, LONG))
        seen.append(clear.is_set())

    run(work())
    assert seen == [False, True, False]


def test_a_loop_that_only_looks_for_news_is_still_busy(clear, run):
    seen = []

    async def work():
        go_first()
        for _ in range(5):
            await asyncio.sleep(0)
            seen.append(clear.is_set())

    run(work())
    assert seen == [False] * 5


def test_a_loop_is_asked_once(run):
    async def work():
        selector = asyncio.get_running_loop()._selector
        go_first()
        once = selector.select
        go_first()
        assert selector.select is once

    run(work())


def test_a_loop_that_waits_in_a_way_of_its_own_is_left_as_it_is(clear, run):
    async def work():
        asyncio.get_running_loop()._selector, kept = None, asyncio.get_running_loop()._selector
        go_first()
        asyncio.get_running_loop()._selector = kept
        await asyncio.sleep(0.001)

    run(work())
    assert not clear.is_set()


def test_without_a_loop_nothing_happens(clear):
    with ThreadPoolExecutor(1) as thread:
        thread.submit(go_first).result(LONG)
    assert not clear.is_set()


def test_the_way_is_clear_where_no_page_is_served():
    assert threads.CLEAR.is_set()
