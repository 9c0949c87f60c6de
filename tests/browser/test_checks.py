"""The twelve checks of the explorer; those that need no file of their own stand here.

1: test_command. 2 and 3: test_wide_layer. 4 and 10: test_whole_job. 5 to 8: here. 9: here and
in test_bad_input. 11: test_compare. 12: here, in test_jupyter, and in tests/notebooks. A visit
fails on console errors, page errors, requests that leave the machine, and on errors or
`_pending_writes` in the server's log.
"""

import contextlib
import json
import re
import urllib.parse
from pathlib import Path

import pytest
import torch
from torch import nn

import permviz as pv
from permviz.cli import main
from permviz.models.sources import load_model, load_state
from permviz.session.report import model_totals
from tests.browser.visits import TICK

ENDLESS = "channel_swap(escapes=100000000)"
TITLES = """models.filter(m => m.type == 'Figure' && m.title?.text)
    .filter(m => Bokeh.index.find_one_by_id(m.id)).map(m => m.title.text).sort()"""
HUNDRED_MEGABYTES = 100 * 1000 * 1000


def asked(**choices):
    lists = {name: json.dumps(value) for name, value in choices.items() if isinstance(value, list)}
    return "?" + urllib.parse.urlencode(choices | lists)


def address(visit):
    found = urllib.parse.urlparse(visit.page.url).query
    return dict(urllib.parse.parse_qsl(found))


def wait_for(condition, seconds=60):
    for _ in range(seconds * 10):
        if condition():
            return
        TICK.wait(0.1)
    pytest.fail("it never came true")


def titled(visit, layer):
    """Wait until both heatmaps show a layer."""
    both = json.dumps([f"{layer}: order as given", f"{layer}: permuted"], separators=(",", ":"))
    visit.until(f"JSON.stringify({TITLES}) == {json.dumps(both)}")


def search_threads(server):
    """Threads of the server that search, with the time that each has used, in ticks.

    They alone give way to others, which Linux tells of every thread.
    """
    found = {}
    for task in Path(f"/proc/{server.process.pid}/task").iterdir():
        with contextlib.suppress(OSError):  # a thread may end while it is looked at
            fields = (task / "stat").read_text().rpartition(")")[2].split()
            if int(fields[16]) > 0:
                found[task.name] = int(fields[11]) + int(fields[12])
    return found


def used(server, threads):
    return sum(ticks for name, ticks in search_threads(server).items() if name in threads)


def test_5_pause_stops_resume_continues_cancel_leaves_no_job(visit, server):
    page = visit(asked(strategies=[ENDLESS, "anneal(sweeps=100000000)"]))
    page.see(re.compile("^ready: "))
    before = set(search_threads(server))
    page.button("Start").click()
    page.see(re.compile("^running: "))
    wait_for(lambda: set(search_threads(server)) - before)
    ours = set(search_threads(server)) - before
    page.button("Pause").click()
    page.see(re.compile("^paused: "))
    TICK.wait(0.5)
    held = used(server, ours)
    TICK.wait(1.5)
    assert used(server, ours) == held
    page.button("Resume").click()
    page.see(re.compile("^running: "))
    wait_for(lambda: used(server, ours) > held)
    page.button("Cancel").click()
    page.see(re.compile("^cancelled: "))
    wait_for(lambda: not ours & set(search_threads(server)))
    page.see("passed")
    assert page.button("Start").is_enabled()
    assert page.button("Cancel").is_disabled()


def layers():
    """Names in the model's order."""
    parts = load_model("digits").model.named_modules()
    return [name for name, part in parts if isinstance(part, nn.Conv2d | nn.Linear)]


def test_6_a_row_picks_the_layer_everywhere_also_after_sorting_and_filtering(visit):
    page = visit(asked(layer="blocks.3.expand"))
    page.see("blocks.0.expand")
    picks_the_layer(page, listed(page)[2])
    page.page.locator(".tabulator-col[tabulator-field='default %']").click()
    wait_for(lambda: listed(page) != layers()[: len(listed(page))])
    names = listed(page)
    for place in (3, 1):
        picks_the_layer(page, names[place])
    filtered = page.page.locator(".tabulator-col[tabulator-field=layer] input")
    filtered.press_sequentially("project")
    page.page.locator(".tabulator-row", has_text="stem").wait_for(state="detached")
    names = listed(page)
    assert sorted(names) == [name for name in layers() if "project" in name]
    assert names != sorted(names)
    for place in (2, 0):
        picks_the_layer(page, names[place])
    page.tab("Layer")
    titled(page, names[0])


def listed(page):
    """Names of the layers in the table, from above."""
    return page.page.locator(".tabulator-row [tabulator-field=layer]").all_inner_texts()


def picks_the_layer(page, name):
    """A click on its row is followed by the table and the address."""
    cell = page.page.locator(".tabulator-row [tabulator-field=layer]").get_by_text(name, exact=True)
    cell.click()
    page.page.wait_for_url(re.compile(f"layer={re.escape(name)}(&|$)"))
    chosen = page.page.locator(".tabulator-selected [tabulator-field=layer]")
    chosen.get_by_text(name, exact=True).wait_for()
    assert chosen.count() == 1


def test_7_a_link_restores_the_page_in_a_fresh_browser_and_after_reload(visit):
    wanted = {
        "model": "digits",
        "layer": "blocks.2.project",
        "strategies": ["osg(stripes=3)", "assignment"],
        "seed": 11,
        "tab": "Layer",
    }
    page = visit(asked(**wanted))
    for _ in range(2):
        titled(page, wanted["layer"])
        assert page.page.get_by_label("Model", exact=True).input_value() == "digits"
        assert page.page.get_by_label("Seed").input_value() == "11"
        for text in wanted["strategies"]:
            assert page.page.locator(".choices__item--selectable", has_text=text).count() > 0
        page.page.locator(".bk-tab.bk-active").get_by_text("Layer", exact=True).wait_for()
        found = address(page)
        assert json.loads(found.pop("strategies")) == wanted["strategies"]
        assert found == {name: str(wanted[name]) for name in found}
        assert set(found) == {"model", "layer", "seed", "tab"}
        page.page.reload()
        page.page.wait_for_function("window.Bokeh?.documents?.[0]?.is_idle")
    titled(page, wanted["layer"])


def test_7_of_a_broken_link_everything_possible_is_taken(visit):
    page = visit(asked(tab="Nonsense", seed=-1, layer="blocks.0.expand"))
    page.see("which is impossible")
    page.page.locator(".tabulator-selected", has_text="blocks.0.expand").wait_for()
    assert page.page.get_by_label("Seed").input_value() == "0"
    assert page.button("Start").is_enabled()


def test_8_two_browsers_are_independent_and_a_closed_tab_ends_its_work(visit, server):
    before = set(search_threads(server))
    one = visit(asked(strategies=[ENDLESS], layer="blocks.1.expand"))
    other = visit(asked(strategies=["osg"], layer="classifier"))
    for page in (one, other):
        page.see(re.compile("^ready: "))
    one.button("Start").click()
    one.see(re.compile("^running: "))
    wait_for(lambda: set(search_threads(server)) - before)
    ours = set(search_threads(server)) - before
    other.page.get_by_text(re.compile("^ready: ")).wait_for()
    assert other.button("Start").is_enabled()
    assert address(other)["layer"] == "classifier"
    picks_the_layer(other, "blocks.0.expand")
    assert address(one)["layer"] == "blocks.1.expand"
    one.close()
    other.button("Start").click()
    other.see(re.compile("^finished: "))
    other.see("passed")
    wait_for(lambda: not ours & set(search_threads(server)))


def test_9_a_file_of_100_megabytes_is_loaded(visit, tmp_path):
    """A training checkpoint: the weights, and beside them an optimizer's state."""
    state = {
        name: tensor * 20 if "classifier" in name else tensor
        for name, tensor in load_model("digits").model.state_dict().items()
    }
    optimizer = torch.randn(HUNDRED_MEGABYTES // 4)
    file = tmp_path / "training.pt"
    torch.save({"state_dict": state, "optimizer": optimizer}, file)
    assert file.stat().st_size > HUNDRED_MEGABYTES
    page = visit(asked(layer="classifier"))
    page.see(re.compile("^ready: "))
    page.see(share_by_default(load_model("digits")))
    page.page.get_by_text("Weights from a file").click()
    page.page.locator("input[type=file]").first.set_input_files(file)
    page.see("digits with weights from training.pt.")
    assert page.button("Back to the model's own weights").is_visible()
    page.see(share_by_default(load_state("digits", file)))


def share_by_default(loaded):
    """What 2:4 keeps of a model's magnitude without a permutation, as the page says it."""
    graph = pv.analyze(loaded.model, loaded.example_inputs)
    totals = model_totals(pv.Session(graph, pv.SearchSettings()))
    return f"{100 * totals.default / totals.dense:.2f} %"


def test_12_the_report_opens_from_disk_without_a_network(browser, tmp_path):
    folder, report = tmp_path / "out", tmp_path / "report.html"
    model = load_model("digits")
    graph = pv.analyze(model.model, model.example_inputs)
    pv.export(model.model, pv.plan(graph, "osg"), folder, example_inputs=model.example_inputs)
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["report", str(folder), "-o", str(report)])
    context = browser.new_context(offline=True, viewport={"width": 1280, "height": 800})
    wrong, asked_for = [], []
    page = context.new_page()
    page.on("console", lambda said: said.type == "error" and wrong.append(said.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: asked_for.append(request.url))
    page.goto(report.as_uri())
    page.get_by_role("heading", name="out at 2:4").wait_for()
    rows = page.locator("tbody th").all_inner_texts()
    assert [row.partition("\n")[0] for row in rows if "\n" in row] == [
        layer.name for layer in graph.layers
    ]
    assert wrong == []
    assert {url for url in asked_for if not url.startswith(("data:", "blob:"))} == {report.as_uri()}
    context.close()
