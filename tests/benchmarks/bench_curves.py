"""How far the curves on a page are behind the search that draws them.

The server writes down when a search told of an improvement, the page when the curve had
reached it and a frame was painted since; browser and server have the same clock.
"""

import json
import math
import re
import urllib.parse
from pathlib import Path

import pytest

from tests.benchmarks.bench_page import tell
from tests.browser.visits import Visit, browsing, serving

DATED = str(Path(__file__).parent / "dated.py")
SECONDS = 20
# A layer whose group has its name, and what searches it.
CASES = {
    "digits": ("blocks.3.excite.reduce", ["channel_swap(escapes=100000)", "anneal", "auto"]),
    "mobilenet_v2": ("classifier.1", ["channel_swap", "osg", "assignment", "auto"]),
    "tests.benchmarks.dated:wide": ("2", ["channel_swap", "anneal", "auto"]),
}
# How far each curve reaches, whenever that has changed and the change was painted.
WATCH = """() => {
    window.reached = [];
    window.ended = false;
    const painted = () => new Promise(next => requestAnimationFrame(() => setTimeout(next)));
    // Looking through all models takes the page itself too long.
    const models = Bokeh.documents[0]._all_models;
    let size = 0, curves = [];
    const reach = () => {
        if (models.size != size) {
            size = models.size;
            curves = [...models.values()].filter(
                one => one.type == "GlyphRenderer" && one.data_source.data.seconds);
        }
        return Object.fromEntries(
            curves.map(one => [one.name, Array.from(one.data_source.data.seconds).at(-1)]));
    };
    const watch = async () => {
        let last = "";
        while (!window.ended) {
            const now = reach(), text = JSON.stringify(now);
            if (text != last) {
                await painted();
                window.reached.push([Date.now() / 1000, now]);
                last = text;
            }
            await new Promise(next => setTimeout(next, 10));
        }
    };
    watch();
}"""


@pytest.fixture(scope="module")
def browser():
    with browsing() as launched:
        yield launched


@pytest.mark.parametrize("model", CASES)
def test_curves_follow_their_search(tmp_path, browser, model):
    layer, strategies = CASES[model]
    dates = tmp_path / "dates"
    command = [DATED, str(dates), "explore", model, "--no-open"]
    with serving(tmp_path, command) as served:
        reached = watched(browser, served.url(), layer, strategies)
    improvements = [line.split("\t") for line in dates.read_text().splitlines()]
    for strategy in strategies:
        lags = [
            lag(reached, strategy, float(moment), float(seconds))
            for moment, group, name, seconds in improvements
            if name == strategy and group == layer
        ]
        tell(f"{model}, {layer}, {strategy}: {len(lags)} improvements, behind by", lags)


def watched(browser, url, layer, strategies):
    """When the page showed how much of each curve."""
    asked = {"layer": layer, "strategies": json.dumps(strategies), "tab": "Layer"}
    visit = Visit(browser, f"{url}?{urllib.parse.urlencode(asked)}")
    visit.see(re.compile("^ready: "), 180_000)
    budget = visit.page.get_by_label("Seconds a strategy")
    budget.fill(str(SECONDS))
    budget.press("Tab")
    # Whoever clicks looks first.
    visit.page.wait_for_timeout(3000)
    visit.page.evaluate(WATCH)
    visit.button("Start").click()
    visit.see(re.compile("^finished"), 300_000)
    visit.page.wait_for_timeout(1000)
    reached = visit.page.evaluate("window.ended = true, window.reached")
    visit.close()
    return reached


def lag(reached, strategy, moment, seconds):
    """Seconds from an improvement to the curve that has it; infinite if none ever has."""
    shown = (when for when, curves in reached if curves.get(strategy, -1) >= seconds)
    return next(shown, math.inf) - moment
