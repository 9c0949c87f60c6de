"""What many sessions cost: memory over layer changes and visits, and answers in a crowd.

Memory is what the server's process holds resident. Answers are taken in the page, from the
click on; ten browsers' pages and the server share the machine.
"""

import json
import re
import urllib.parse
from pathlib import Path

import pytest

from tests.benchmarks.bench_page import asked, pick, rows, tell
from tests.browser.visits import COMMAND, TICK, Visit, browsing, serving

CHANGES, SESSIONS, CROWD, ANSWERS = 200, 50, 10, 6
TOLERATED = 50
SEARCHING = {"strategies": json.dumps(["channel_swap(escapes=100000000)"])}
LAYERS = ["blocks.3.expand", "blocks.3.project", "blocks.2.project", "classifier", "head"]


@pytest.fixture(scope="module")
def browser():
    with browsing() as launched:
        yield launched


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("served"), COMMAND) as served:
        yield served


def megabytes(server):
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def gone():
    """Wait until the server has let go of every closed page."""
    TICK.wait(36)


def opened(browser, server, **choices):
    visit = Visit(browser, server.url() + "?" + urllib.parse.urlencode(choices))
    visit.see(re.compile("^ready: "))
    return visit


def test_memory_over_layer_changes(server, browser):
    visit = opened(browser, server, tab="Layer")
    change(visit, 20)
    before, heap_before = megabytes(server), heap(visit)
    change(visit, CHANGES)
    after, heap_after = megabytes(server), heap(visit)
    visit.close()
    print(
        f"{CHANGES} layer changes: server {before:.0f} -> {after:.0f} MB, "
        f"page {heap_before:.0f} -> {heap_after:.0f} MB"
    )
    assert after - before <= TOLERATED
    assert heap_after - heap_before <= TOLERATED


def change(visit, times):
    for turn in range(times):
        layer = LAYERS[turn % len(LAYERS)]
        visit.page.get_by_label("Layer", exact=True).locator("visible=true").select_option(layer)
        visit.until(
            "models.filter(m => m.type == 'Figure' && m.title?.text && "
            f"Bokeh.index.find_one_by_id(m.id)).filter(m => m.title.text.startsWith('{layer}:'))"
            ".length == 2"
        )


def heap(visit):
    """Megabytes that the page's objects take, garbage left out."""
    chrome = visit.context.new_cdp_session(visit.page)
    chrome.send("HeapProfiler.collectGarbage")
    return chrome.send("Runtime.getHeapUsage")["usedSize"] / 2**20


def test_memory_over_sessions(server, browser):
    come_and_go(server, browser, 10)
    before = megabytes(server)
    come_and_go(server, browser, SESSIONS)
    after = megabytes(server)
    print(f"{SESSIONS} sessions opened and closed: server {before:.0f} -> {after:.0f} MB")
    assert after - before <= TOLERATED


def come_and_go(server, browser, times):
    for _ in range(times):
        opened(browser, server).close()
    gone()


def test_a_crowd_is_answered_and_apart(server, browser):
    crowd = []
    for _ in range(CROWD):
        visit = opened(browser, server, **SEARCHING)
        budget = visit.page.get_by_label("Seconds a strategy")
        budget.fill("600")
        budget.press("Tab")
        visit.button("Start").click()
        visit.see(re.compile(r"^running: "))
        crowd.append(visit)
    seconds, picked = [], [""] * CROWD
    for turn in range(ANSWERS):
        for place, visit in enumerate(crowd):
            row = rows(visit)[1 + (turn + place) % 5]
            seconds.append(pick(visit, row))
            picked[place] = row[0]
    tell(f"{CROWD} sessions searching, a picked layer is in the address after", seconds, 1.0)
    for name, visit in zip(picked, crowd, strict=True):
        assert visit.models(asked("layer", name))
        visit.see(re.compile(r"^running: "))
    for visit in crowd:
        visit.close()
