"""Several strategies on the same layers, and the choice between them, as a visitor sees it."""

import csv
import json
import re
import urllib.parse
import zipfile

STRATEGIES = ["channel_swap", "osg", "assignment"]
# This layer shares its channels with one other layer.
LAYER, SHARING = "blocks.3.excite.reduce", "blocks.3.project"
ASKED = "?" + urllib.parse.urlencode(
    {"strategies": json.dumps(STRATEGIES), "layer": LAYER, "tab": "Compare"}
)
# How many points each figure with markers has; a table has shapes too, but paints nothing.
POINTS = """models.filter(m => m.type == 'ColumnDataSource' && m.data.shape && m.data.paint?.length)
    .map(m => m.data.paint.length).sort()"""
CURVES = """models.filter(m => m.type == 'GlyphRenderer')
    .filter(m => m.data_source.data.efficacy?.length > 1).map(m => m.name)"""


def test_strategies_are_compared_layer_by_layer_and_the_choice_is_exported(visit, tmp_path):
    page = visit(ASKED)
    page.see("No search has run yet.")
    look_at_the_graph(page)
    page.tab("Compare")
    page.button("Start").click()
    page.see(re.compile(r"^finished: "))
    layers = page.until(f"({POINTS}).length == 2 && {POINTS}[0] == 3 && {POINTS}[1] / 3")
    page.see(f"weighted mean over {layers} layers")
    page.shoot("compare")

    choose(page, "channel_swap")
    table = comparison(page, tmp_path)
    assert len(table) == layers
    for line in table:
        best = max(STRATEGIES, key=lambda text, line=line: float(line[text]))
        assert float(line[best]) == float(line[line["winner"]])
    by_hand = {line["layer"] for line in table if line["in use"] == "channel_swap"}
    assert {LAYER, SHARING} <= by_hand

    page.tab("Layer")
    page.until(f"{json.dumps(STRATEGIES)}.every(name => ({CURVES}).includes(name))")
    plan = exported_plan(page, tmp_path)
    used = {name: group["strategy"] for name, group in plan["groups"].items()}
    assert used[LAYER] == "channel_swap"
    assert len(set(used.values())) > 1


def look_at_the_graph(page):
    """Lanes of the groups are drawn; a layer that is picked here is picked everywhere."""
    page.tab("Graph")
    page.see("channel groups,")
    page.see(f"Also read by {SHARING}.")
    page.until("models.some(m => m.type == 'ColumnDataSource' && m.data.strength?.length > 8)")
    page.shoot("graph")
    page.page.get_by_label("Layer", exact=True).locator("visible=true").select_option("stem")
    page.page.wait_for_url(re.compile("layer=stem"))
    page.see("Its inputs keep their order.")
    page.page.get_by_label("Layer", exact=True).locator("visible=true").select_option(LAYER)
    page.page.wait_for_url(re.compile(f"layer={LAYER}"))


def choose(page, strategy):
    """Use a strategy for the picked layer; the page says who else is meant."""
    page.see(re.compile(f"shares channels with {SHARING}"))
    page.page.get_by_label("Strategy for it").select_option(strategy)
    page.button("Use this one").click()
    page.see("chosen by hand on")


def comparison(page, folder):
    target = folder / "comparison.csv"
    with page.page.expect_download() as caught:
        page.page.get_by_text("CSV", exact=True).click()
    caught.value.save_as(target)
    return list(csv.DictReader(target.read_text().splitlines()))


def exported_plan(page, folder):
    """Export what is chosen, and read the plan back from the download."""
    page.tab("Export")
    page.button("Export and check").click()
    page.see("Checked.")
    target = folder / "export.zip"
    with page.page.expect_download() as caught:
        page.page.get_by_text("Download zip").click()
    caught.value.save_as(target)
    with zipfile.ZipFile(target) as packed:
        (name,) = (name for name in packed.namelist() if name.endswith("plan.json"))
        return json.loads(packed.read(name))
