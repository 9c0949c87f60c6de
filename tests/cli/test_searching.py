"""`permviz search`: what it prints and exports, and how Ctrl-C ends it."""

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest

from permviz.export.checkpoint import check
from permviz.graph.calling import Inputs
from permviz.graph.types import ChannelGraph
from permviz.models.accuracy_report import AccuracyRow, AccuracyTable
from permviz.models.sources import load_model
from permviz.session.session import Session

Program = Callable[..., int]


class Searched(Protocol):
    directory: Path
    output: str


def test_search_prints_the_layers_and_exports(searched: Searched) -> None:
    assert "blocks.0.expand" in searched.output
    assert "classifier" in searched.output
    assert "Retained at 2:4" in searched.output
    assert "osg" in searched.output
    assert f"dense ones to {searched.directory}. The output is unchanged" in searched.output


def test_the_report_of_a_search_tells_what_was_gained_and_verified(exported: Path) -> None:
    report = json.loads((exported / "report.json").read_text())
    assert report["totals"]["retained"] > report["totals"]["default"]
    assert report["verification"]["ok"] is True
    assert any(layer["reason"] for layer in report["layers"])


def test_search_keeps_the_outputs_that_are_asked_for(
    run: Program,
    graph: ChannelGraph,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: list[object] = []

    def analyzed(*_: object, outputs: object, **__: object) -> ChannelGraph:
        asked.append(outputs)
        return replace(graph, example_inputs=Inputs.of(graph.example_inputs, outputs=outputs))

    monkeypatch.setattr("permviz.cli.searching.analyze", analyzed)
    quick = ("--strategy", "random(count=2)", "--no-accuracy", "--out", tmp_path / "out")
    assert run("search", "digits", "--outputs", "output,-1", *quick) == 0
    assert asked == [["output", -1]]
    told = json.loads((tmp_path / "out" / "report.json").read_text())["verification"]
    assert told["outputs"] == ["output", -1]
    monkeypatch.setattr("permviz.cli.verifying.analyze", analyzed)
    assert run("verify", tmp_path / "out", "--model", "digits") == 0
    assert asked.pop() == ["output", -1]
    assert run("search", "digits", "--outputs", "logits", *quick) == 2
    assert "no output 'logits'" in capsys.readouterr().err


@pytest.mark.usefixtures("analyzed")
def test_search_prints_and_exports_the_accuracy(
    run: Program,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = (
        AccuracyRow("dense", 98.1, None, 98.25, None),
        AccuracyRow("5 random orders 2:4", 51.25, 3.5, 90.0, 1.25),
    )
    table = AccuracyTable(rows, 5, 1000)
    monkeypatch.setattr("permviz.cli.searching.accuracy_table", lambda *_, **__: table)
    out = tmp_path / "out"
    assert run("search", "digits", "--strategy", "random(count=2)", "--out", out) == 0
    printed = capsys.readouterr().out
    assert "51.25 ± 3.50" in printed
    assert "90.00 ± 1.25" in printed
    report = json.loads((out / "report.json").read_text())
    assert [row["accuracy"] for row in report["accuracy"]] == [98.1, 51.25]


@pytest.mark.usefixtures("analyzed")
def test_search_without_a_directory_writes_nothing(
    run: Program,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("search", "digits", "--strategy", "random(count=2)", "--no-accuracy") == 0
    told = capsys.readouterr().out
    assert "Exported" not in told
    assert "proved" not in told
    assert list(tmp_path.iterdir()) == []


def test_a_state_file_is_searched_instead_of_the_demo(
    run: Program,
    quick: tuple[str, ...],
    exported: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    weights = exported / "model.safetensors"
    arguments = ("--state", weights, *quick, "--out", tmp_path / "again")
    assert run("search", "digits", *arguments) == 0
    assert run("verify", tmp_path / "again", "--model", "digits", "--state", weights) == 0
    capsys.readouterr()
    assert run("verify", tmp_path / "again", "--model", "digits") == 2
    assert "plan was made for the model" in capsys.readouterr().err


@pytest.mark.usefixtures("analyzed")
def test_ctrl_c_keeps_the_best_so_far(
    run: Program,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    interrupt_after_the_first_result(monkeypatch)
    out = tmp_path / "out"
    assert run("search", "digits", "--strategy", "osg(stripes=2)", "--out", out) == 0
    captured = capsys.readouterr()
    assert "Interrupted" in captured.err
    assert "Exported" in captured.out
    check(out, load_model("digits").model)


@pytest.mark.usefixtures("analyzed")
def test_ctrl_c_without_a_directory_is_exit_code_130(
    run: Program, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    interrupt_after_the_first_result(monkeypatch)
    assert run("search", "digits", "--strategy", "osg(stripes=2)") == 130
    captured = capsys.readouterr()
    assert "Interrupted" in captured.err
    assert "Retained at 2:4" in captured.out


def interrupt_after_the_first_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the first wait for the search end in Ctrl-C, once something was found."""
    wait = Session.wait
    pressed = threading.Event()

    def interrupted(self: Session, timeout: float | None = None) -> bool:
        if pressed.is_set():
            return wait(self, timeout)
        while not self.results:
            wait(self, 0.01)
        pressed.set()
        raise KeyboardInterrupt

    monkeypatch.setattr(Session, "wait", interrupted)


def test_ctrl_c_elsewhere_is_exit_code_130(
    run: Program, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def press(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("permviz.cli.searching.load", press)
    assert run("search", "digits") == 130
    assert "Traceback" not in capsys.readouterr().err
