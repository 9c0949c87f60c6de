"""An export takes the place of an older one in one step, and loses nothing when it fails."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from torch import Tensor, nn

from permviz.core.plan import PermutationPlan
from permviz.errors import ExportError
from permviz.export import checkpoint, files
from permviz.export.checkpoint import check, check_target, export
from permviz.export.names import NAMES
from permviz.export.report import read_report

Planned = Callable[..., PermutationPlan]


def test_a_previous_export_is_replaced(model: nn.Module, planned: Planned, exported: Path) -> None:
    newer = planned(model, 7)
    export(model, newer, exported)
    assert check(exported, model).directory == exported
    assert read_report(exported).fingerprints["permuted"] == newer.result_fingerprint
    assert [entry.name for entry in exported.parent.iterdir()] == [exported.name]


def test_an_empty_directory_is_used(
    model: nn.Module, plan: PermutationPlan, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    export(model, plan, tmp_path / "empty")
    assert sorted(entry.name for entry in (tmp_path / "empty").iterdir()) == sorted(NAMES)


def test_somebody_elses_directory_is_not_touched(
    model: nn.Module, plan: PermutationPlan, tmp_path: Path
) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ExportError, match=r"thesis\.tex.*choose an empty directory"):
        export(model, plan, tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_an_export_with_a_foreign_file_is_not_touched(
    model: nn.Module, plan: PermutationPlan, exported: Path
) -> None:
    (exported / "notes.txt").write_text("mine")
    with pytest.raises(ExportError, match=r"notes\.txt"):
        export(model, plan, exported)
    assert (exported / "notes.txt").read_text() == "mine"


def test_files_that_only_look_like_an_export_are_not_touched(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text('{"format": "something else"}')
    with pytest.raises(ExportError, match="choose an empty directory"):
        check_target(tmp_path)


def test_a_file_in_the_way_is_named(
    model: nn.Module, plan: PermutationPlan, tmp_path: Path
) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(ExportError, match="is a file"):
        export(model, plan, tmp_path / "out")
    with pytest.raises(ExportError, match="choose"):
        export(model, plan, tmp_path / "out" / "deeper")
    assert (tmp_path / "out").read_text() == "a file"


@pytest.mark.parametrize("broken", ["write_tensors", "write_text", "stamp"])
def test_a_full_disk_leaves_the_old_export(
    model: nn.Module,
    planned: Planned,
    exported: Path,
    monkeypatch: pytest.MonkeyPatch,
    broken: str,
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = read_report(exported)
    monkeypatch.setattr(checkpoint, broken, full)
    with pytest.raises(ExportError, match=r"No space left on device.*free space"):
        export(model, planned(model, 7), exported)
    assert read_report(exported) == before
    assert [entry.name for entry in exported.parent.iterdir()] == [exported.name]


def test_damage_on_the_way_to_the_disk_is_noticed(
    model: nn.Module,
    planned: Planned,
    exported: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def damaged(path: Path, tensors: dict[str, Tensor]) -> None:
        files.write_tensors(path, {name: tensor.clone() for name, tensor in tensors.items()})
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)

    before = read_report(exported)
    monkeypatch.setattr(checkpoint, "write_tensors", damaged)
    with pytest.raises(ExportError):
        export(model, planned(model, 7), exported)
    assert read_report(exported) == before


LIMITED = """
import resource, sys
from pathlib import Path
sys.path.insert(0, str(Path(sys.argv[1]).parent))
import conftest
from permviz.errors import ExportError
from permviz.export.checkpoint import export
model = conftest.Small().eval()
plan = conftest.plan_for(model, 3)
resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))
try:
    export(model, plan, sys.argv[2])
except ExportError as problem:
    print(problem)
    sys.exit(2)
"""

KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, str(Path(sys.argv[1]).parent))
import conftest
from permviz.export.checkpoint import export
model = conftest.Small().eval()
def die(doing, _fraction):
    if doing == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)
export(model, conftest.plan_for(model, 3), sys.argv[2], on_progress=die)
"""


def _run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    here = Path(__file__).with_name("conftest.py")
    command = [sys.executable, "-c", script, str(here), *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_a_disk_that_takes_no_more_leaves_the_old_export(exported: Path) -> None:
    before = read_report(exported)
    done = _run(LIMITED, exported)
    assert done.returncode == 2, done.stderr
    assert "failed" in done.stdout
    check(exported)
    assert read_report(exported) == before
    assert [entry.name for entry in exported.parent.iterdir()] == [exported.name]


@pytest.mark.parametrize("stage", ["Writing", "Reading back"])
def test_a_killed_export_leaves_the_old_one_and_the_next_cleans_up(
    model: nn.Module, planned: Planned, exported: Path, stage: str
) -> None:
    before = read_report(exported)
    assert _run(KILLED, exported, stage).returncode == -signal.SIGKILL
    check(exported, model)
    assert read_report(exported) == before
    export(model, planned(model, 7), exported)
    assert [entry.name for entry in exported.parent.iterdir()] == [exported.name]


def test_a_place_where_nothing_can_be_written_is_refused_before_any_work():
    with pytest.raises(ExportError, match="choose another directory"):
        check_target("/proc/permviz/export")
