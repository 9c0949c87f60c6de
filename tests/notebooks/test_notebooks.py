"""The notebooks run from top to bottom, as their readers would run them."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"
NAMES = (
    "1_five_minutes_with_permviz",
    "2_comparing_strategies_layer_by_layer",
    "3_bring_your_own_model",
    "4_the_paper_in_pictures",
)


def _run(name, folder):
    """Execute a notebook in processes of its own; None and what was said if a cell raised."""
    target = folder / f"{name}.ipynb"
    script = Path(__file__).parent / "execute.py"
    paths = [str(FOLDER.parent), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, script, FOLDER / target.name, target],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stderr if done.returncode else ""
    return (None if said else nbformat.read(target, as_version=4)), said


@pytest.mark.parametrize("name", NAMES)
def test_notebook_runs_and_shows_its_views(tmp_path, name):
    book, said = _run(name, tmp_path)
    assert book is not None, said
    cells = [cell for cell in book.cells if cell.cell_type == "code"]
    views = [cell for cell in cells if "pv.views." in cell.source or cell.source.endswith("view")]
    assert views
    for cell in views:
        assert any("text/html" in shown.get("data", {}) for shown in cell.outputs), cell.source
    outputs = [shown for cell in cells for shown in cell.outputs]
    assert [shown for shown in outputs if shown.get("name") == "stderr"] == []


def test_every_notebook_is_here_and_none_carries_outputs():
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == sorted(NAMES)
    for name in NAMES:
        book = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
        assert book.cells[0].cell_type == "markdown"
        assert all(not cell.get("outputs") for cell in book.cells)
