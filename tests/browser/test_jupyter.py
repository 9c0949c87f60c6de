"""A notebook in JupyterLab: what its cells show is alive."""

import contextlib
import http.client
import os
import re
import subprocess
import sys

import nbformat
import pytest
from playwright.sync_api import TimeoutError as TooLateError

from tests.browser.visits import ROOT, TICK, Visit, free_port

LAYERS = """digits = pv.load_model("digits")
graph = pv.analyze(digits.model, digits.example_inputs)
session = pv.Session(graph, pv.SearchSettings(("osg",)))
pv.views.Layers(session)"""
CELLS = ("import permviz as pv\npv.explore()", LAYERS, "session.start(); session.wait()")
PRIVATE = ("CONFIG", "DATA", "RUNTIME")
# How Panel knows these two; it then shows views as widgets, or loads its parts for every cell.
OTHERS = {
    "vscode": 'import os\nos.environ["VSCODE_PID"] = "1"',
    "colab": 'import sys, types\nsys.modules["google.colab"] = types.ModuleType("colab")',
}


BOOKS = {"jupyterlab": ""} | OTHERS


def write(path, before):
    """A notebook of `CELLS` that says something before."""
    cells = [f"{before}\n{CELLS[0]}".strip(), *CELLS[1:]]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    book.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python",
        "language": "python",
    }
    nbformat.write(book, path)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab with notebooks in it, which knows nothing of the user's."""
    tmp_path = tmp_path_factory.mktemp("lab")
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    for name, before in BOOKS.items():
        write(notebooks / f"{name}.ipynb", before)
    settings = tmp_path / "SETTINGS" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    # By default cells that are out of sight leave the page, and others take their places.
    (settings / "tracker.jupyterlab-settings").write_text('{"windowingMode": "none"}')
    port = free_port()
    own = {f"JUPYTER_{name}_DIR": str(tmp_path / name) for name in PRIVATE}
    own |= {f"JUPYTERLAB_{name}_DIR": str(tmp_path / name) for name in ("SETTINGS", "WORKSPACES")}
    arguments = [
        *("-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"),
        *(f"--port={port}", f"--ServerApp.root_dir={notebooks}", "--IdentityProvider.token="),
        *("--LabApp.news_url=None", "--LabApp.extension_manager=readonly"),
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    log = tmp_path / "lab.log"
    with log.open("w") as said:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env=os.environ | own | {"PYTHONPATH": str(ROOT), "IPYTHONDIR": str(tmp_path / "IPY")},
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_for(port, process, log)
            yield f"http://127.0.0.1:{port}/lab"
        finally:
            process.terminate()
            process.wait(30)


def wait_for(port, process, log):
    while process.poll() is None:
        asked = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            asked.request("GET", "/api")
            asked.getresponse()
        except (OSError, http.client.HTTPException):
            TICK.wait(0.1)
        else:
            return
        finally:
            asked.close()
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()}")


@pytest.fixture
def book():
    return "jupyterlab"


@pytest.fixture
def notebook(lab, browser, book):
    """A notebook in JupyterLab; whatever goes wrong in its page fails."""
    # In a workspace of its own, or JupyterLab opens what it showed before, too.
    visit = Visit(browser, f"{lab}/workspaces/{book}/tree/{book}.ipynb", ready=".jp-Notebook")
    yield visit.page
    visit.shoot("jupyter")
    visit.close()
    assert visit.wrong == []


@pytest.mark.parametrize("book", OTHERS)
def test_a_click_changes_a_live_view_as_other_notebooks_show_it(notebook):
    a_row_is_picked_in_the_explorer(the_explorer(notebook))


def test_12_a_click_in_jupyterlab_changes_a_live_view(notebook):
    explorer = the_explorer(notebook)
    a_row_is_picked_in_the_explorer(explorer)
    a_search_is_started_in_the_explorer(explorer)
    notebook.locator(".jp-CodeCell", has_text="pv.views").locator(".cm-content").click()
    notebook.keyboard.press("Shift+Enter")
    layers = notebook.locator(".jp-CodeCell", has_text="pv.views")
    # A key that is pressed while JupyterLab goes on to the next cell may be lost.
    layers.locator(".tabulator-row").first.wait_for()
    notebook.keyboard.press("Shift+Enter")
    layers.locator(".tabulator-row", has_text="permuted").first.wait_for()
    a_row_is_picked(layers, "blocks.1.expand")


def the_explorer(notebook):
    notebook.get_by_text("| Idle").wait_for()
    notebook.locator(".jp-Cell").first.click()
    notebook.keyboard.press("Shift+Enter")
    return notebook.locator(".jp-CodeCell", has_text="pv.explore()")


def a_row_is_picked(cell, layer):
    """A click on a table that lays its rows out anew just then is lost, and is repeated."""
    picked = cell.locator(".tabulator-selected [tabulator-field=layer]", has_text=layer)
    for _ in range(12):
        cell.locator(".tabulator-cell[tabulator-field=layer]", has_text=layer).click()
        with contextlib.suppress(TooLateError):
            picked.wait_for(timeout=5_000)
            return
    picked.wait_for()


def a_row_is_picked_in_the_explorer(cell):
    """Another view than the table tells of it."""
    a_row_is_picked(cell, "blocks.0.expand")
    cell.locator(".bk-tab").get_by_text("Layer", exact=True).click()
    cell.get_by_text(re.compile(r"conv2d 128 x 32 x 1 x 1")).wait_for()


def a_search_is_started_in_the_explorer(cell):
    # Its name is also a part of "Restart", in JupyterLab's own menus.
    budget = cell.get_by_label("Seconds a strategy")
    budget.fill("1")
    budget.press("Tab")
    cell.get_by_role("button", name="Start", exact=True).click()
    cell.get_by_text(re.compile("^finished: ")).wait_for()
    cell.get_by_text("passed").wait_for()
