"""How soon a visit can be used, and how soon the page answers while a search uses all cores.

Times are taken in the page, from the click on, or from the release of a mouse button that
was down for as long as a person's; 5 s is an answer that did not come. Browser and server
share the machine, so a page that waits for the processor shows it.
"""

import json
import re
import statistics
import time
import urllib.parse

import pytest

from tests.browser.visits import COLD, COMMAND, Visit, browsing, serving

VISITS, COLD_ONES, FIRST, ANSWERS, PRESSES = 5, 3, 12, 20, 80
ENDLESS = "?" + urllib.parse.urlencode(
    {"strategies": json.dumps(["channel_swap(escapes=1000000)", "anneal(sweeps=1000000)"])}
)
UNTIL = """const until = async (happened, start) => {
    while (!eval(happened) && performance.now() - start < 5000)
        await new Promise(next => setTimeout(next, 2));
    return (performance.now() - start) / 1000;
};"""
CLICK = f"""(clicked, happened) => {{
    {UNTIL}
    const start = performance.now();
    clicked.click();
    return until(happened, start);
}}"""
# The browser turns to a tab by itself; the server hears of it and sets the address.
TURN = f"""async (clicked, told) => {{
    {UNTIL}
    const start = performance.now();
    clicked.click();
    const frame = new Promise(next => requestAnimationFrame(() => setTimeout(next)));
    const seen = frame.then(() => (performance.now() - start) / 1000);
    return [await seen, await until(told, start)];
}}"""
RELEASE = f"""happened => {{
    {UNTIL}
    window.answered = new Promise(answer => addEventListener(
        "pointerup",
        () => answer(until(happened, performance.now())),
        {{capture: true, once: true}},
    ));
}}"""
# Rows that a table has scrolled away are below its header, where nobody can press them.
PLACES = """cells => cells.map(cell => {
    const {x, y} = cell.getBoundingClientRect();
    return [cell, x, y];
}).filter(
    ([cell, x, y]) => cell.contains(cell.getRootNode().elementFromPoint(x + 20, y + 10))
).map(([cell, x, y]) => [cell.textContent.trim(), x, y])"""

LAID_OUT = """models.filter(one => one.type.endsWith("DataTabulator"))
    .map(one => Bokeh.index.find_one_by_id(one.id)?.shadow_el.querySelector(".tabulator-row"))
    .some(row => row?.getBoundingClientRect().y > 0)"""


@pytest.fixture(scope="module")
def browser():
    with browsing() as launched:
        yield launched


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("served"), COMMAND) as served:
        yield served


def test_a_visit_can_be_used(server, browser):
    controls, table = zip(*(first_visit(server, browser) for _ in range(VISITS)), strict=True)
    tell("controls usable after", controls, 3)
    tell("table seen after", table, 3)


def test_the_first_visit_of_a_cold_server_can_be_used(tmp_path, browser):
    """Of `panel serve apps/explorer.py`, which imports nothing before."""
    seconds = []
    for _ in range(COLD_ONES):
        with serving(tmp_path, COLD) as served:
            seconds.append(first_visit(served, browser))
    controls, table = zip(*seconds, strict=True)
    tell("cold, controls usable after", controls, 6)
    tell("cold, table seen after", table, 6)


def first_visit(server, browser):
    """Seconds until the controls can be used, and until the table is there."""
    # Nothing is cached by the browser: each is a first visit of somebody.
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(60_000)
    start = time.perf_counter()
    page.goto(server.url(), wait_until="commit")
    page.locator("button:not([disabled])", has_text=re.compile("^Start$")).wait_for()
    controls = time.perf_counter() - start
    page.locator(".tabulator-row").first.wait_for()
    table = time.perf_counter() - start
    context.close()
    return controls, table


def test_the_page_answers_while_a_search_uses_all_cores(server, browser):
    visit = Visit(browser, server.url() + ENDLESS)
    visit.page.locator(".tabulator-row").first.wait_for()
    tell("at rest, a picked layer is in the address after", list(picks(visit, ANSWERS)))
    budget = visit.page.get_by_label("Seconds a strategy")
    budget.fill("600")
    budget.press("Tab")
    visit.button("Start").click()
    visit.see(re.compile(r"^running: "))
    tell("searching, a picked layer is in the address after", list(picks(visit, PRESSES)))
    tell("searching, pause and resume are seen after", list(holds(visit)))
    seen, told = zip(*turns(visit), strict=True)
    tell("searching, a tab is seen after", seen)
    tell("searching, a tab is in the address after", told)
    end(visit)


def test_the_page_answers_in_the_first_seconds_of_a_visit(server, browser):
    seconds = []
    for _ in range(VISITS):
        visit = Visit(browser, server.url() + ENDLESS)
        visit.page.locator(".tabulator-row").first.wait_for()
        visit.button("Start").click()
        seconds += picks(visit, FIRST)
        end(visit)
    tell("searching since the table came, a picked layer is in the address after", seconds)


def end(visit):
    visit.see(re.compile(r"^running: "))
    visit.button("Cancel").click()
    visit.see(re.compile(r"^cancelled"))
    # The next visit has the machine for itself.
    visit.page.get_by_text("as is", exact=True).wait_for()
    visit.close()


def picks(visit, count):
    # Rows are there a moment before they have their places.
    visit.until(LAID_OUT)
    places = rows(visit)[1:8]
    for turn in range(count):
        yield pick(visit, places[turn % len(places)])
        between(visit)


def rows(visit):
    """Name and place of every layer's row in sight."""
    return visit.page.locator(".tabulator-row [tabulator-field=layer]").evaluate_all(PLACES)


def pick(visit, place):
    """Seconds from a press of a layer's row until it is in the address.

    A place and not an element: whoever presses does not know that a row was made anew.
    """
    name, x, y = place
    visit.page.evaluate(RELEASE, asked("layer", name))
    mouse = visit.page.mouse
    mouse.move(x + 20, y + 10)
    mouse.down()
    visit.page.wait_for_timeout(100)
    mouse.up()
    return visit.page.evaluate("window.answered")


def holds(visit):
    for turn in range(ANSWERS):
        name = ("Pause", "Resume")[turn % 2]
        label = f"clicked.textContent.trim() != {name!r}"
        yield visit.button(name).element_handle().evaluate(CLICK, label)
        between(visit)


def turns(visit):
    for turn in range(ANSWERS):
        name = ("Layer", "Layers")[turn % 2]
        tab = visit.page.locator(".bk-tab").get_by_text(name, exact=True)
        yield tab.evaluate(TURN, asked("tab", name))
        between(visit)


def asked(name, value):
    """Whether the address asks for a value."""
    return f"new URLSearchParams(location.search).get({name!r}) == {value!r}"


def between(visit):
    """Whoever clicks looks first."""
    visit.page.wait_for_timeout(400)


def tell(what, seconds, goal=0.3):
    print(
        f"{what}: median {statistics.median(seconds):.2f} s, worst {max(seconds):.2f} s, "
        f"{sum(one > goal for one in seconds)} of {len(seconds)} above {goal} s: "
        + " ".join(f"{one:.2f}" for one in seconds)
    )
