import json
import re
import subprocess
import sys
import urllib.parse
import zipfile
from pathlib import Path

import pytest

STRATEGIES = ["channel_swap(escapes=1000000)", "osg(escapes=1000000)"]
# The group of this layer is searched first and longest.
LAYER = "blocks.3.excite.reduce"
ASKED = "?" + urllib.parse.urlencode(
    {"strategies": json.dumps(STRATEGIES), "seed": 3, "layer": LAYER}
)
# Figures that are drawn; what has left the page may still be among the models.
TITLES = """models.filter(m => m.type == 'Figure' && m.title?.text)
    .filter(m => Bokeh.index.find_one_by_id(m.id)).map(m => m.title.text).sort()"""
# How far each curve reaches: its points, and its last second.
# No other layer reads the channels of this one, so that its curve is its own.
ALONE = "classifier"
REACH = """models.filter(m => m.type == 'ColumnDataSource' && m.data.efficacy?.length)
    .map(m => m.data.efficacy.length + m.data.seconds[m.data.seconds.length - 1])"""
CURVES = """Object.fromEntries(models
    .filter(m => m.type == 'GlyphRenderer' && m.data_source.data.efficacy?.length > 1)
    .map(m => [m.name, Array.from(m.data_source.data.efficacy)]))"""


def test_from_a_trained_model_to_a_checked_download(visit, tmp_path):
    first = visit(ASKED)
    first.see(LAYER)
    first.close()
    second = visit(ASKED)
    second.see(LAYER)

    search(second)
    follow_a_layer(second)
    curves = curves_of_a_layer(second)
    archive = export(second, tmp_path)

    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path / "out")
    (folder,) = (tmp_path / "out").iterdir()
    proof = Path(__file__).parent / "prove_export.py"
    done = subprocess.run(
        [sys.executable, proof, folder], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["eligible"] >= 18
    assert facts["masked"]
    assert facts["most_in_a_stripe"] == 2
    assert facts["moved"] > 0
    assert facts["pruned_from_permuted"]
    assert facts["float32"] <= 1e-5
    assert facts["float64"] <= 1e-10
    assert facts["spoiled_is_caught"]
    assert curves[facts["strategy"]][-1] == pytest.approx(facts["classifier"], abs=1e-3)


def search(visit):
    """Start, see the curves grow, pause, resume."""
    visit.button("Start").click()
    visit.see(re.compile(r"^running: "))
    visit.shoot("layers")
    visit.tab("Layer")
    before = visit.until(f"({REACH}).length == 2 && {REACH}")
    visit.until(f"({REACH}).length == 2 && ({REACH}).every((far, i) => far > {before}[i])")
    visit.shoot("layer")
    visit.button("Pause").click()
    visit.see(re.compile(r"^paused: "))
    visit.button("Resume").click()
    visit.see(re.compile(r"^(running|finished): "))


def follow_a_layer(visit):
    """Pick a layer in the table; both heatmaps show it, and the address names it."""
    visit.tab("Layers")
    row = visit.page.locator(".tabulator-row", has_text="blocks.1.project")
    row.locator("[tabulator-field=layer]").click()
    visit.page.wait_for_url(re.compile("layer=blocks.1.project"))
    visit.tab("Layer")
    expected = ["blocks.1.project: order as given", "blocks.1.project: permuted"]
    visit.until(f"JSON.stringify({TITLES}) == {json.dumps(_compact(expected))}")


def curves_of_a_layer(visit):
    """When the search is over: they never fall, and end where the table says."""
    visit.see(re.compile(r"^finished: "))
    visit.see("passed")
    visit.tab("Layers")
    row = visit.page.locator(".tabulator-row", has_text=ALONE)
    row.locator("[tabulator-field=layer]").click()
    visit.page.wait_for_url(re.compile(f"layer={ALONE}"))
    cells = [row.locator(f'[tabulator-field="{text}"]') for text in STRATEGIES]
    told = [float(cell.inner_text().strip(" %")) for cell in cells]
    visit.tab("Layer")
    visit.until(f"{TITLES}.includes('{ALONE}: permuted')")
    visit.page.wait_for_function("Bokeh.documents[0].is_idle")
    curves = visit.until(f"{json.dumps(STRATEGIES)}.every(name => ({CURVES})[name]) && {CURVES}")
    for text, efficacy in zip(STRATEGIES, told, strict=True):
        assert curves[text] == sorted(curves[text])
        assert curves[text][-1] == pytest.approx(efficacy, abs=0.01)
    return curves


def _compact(value):
    """JSON as JavaScript writes it."""
    return json.dumps(value, separators=(",", ":"))


def export(visit, folder):
    """Wait for the search, export, and download what was checked."""
    visit.tab("Export")
    visit.button("Export and check").click()
    visit.see("Checked.")
    with visit.page.expect_download() as caught:
        visit.page.get_by_text("Download zip").click()
    target = folder / "export.zip"
    caught.value.save_as(target)
    visit.shoot("export")
    return target
