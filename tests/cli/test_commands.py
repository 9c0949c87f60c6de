"""`permviz verify`, `report` and `explore`."""

import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

Program = Callable[..., int]


def test_verify_accepts_the_export_in_another_process(exported: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "permviz", "verify", exported, "--model", "digits"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "2:4 along their input channels" in done.stdout
    assert "bit for bit" in done.stdout
    assert re.search(r"Group blocks.0.expand alone: .* in float64 .*; wrongly", done.stdout)


def test_verify_alone_says_what_it_could_not_check(
    run: Program, exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("verify", exported) == 0
    assert "--model" in capsys.readouterr().out


def test_verify_compares_the_outputs_that_are_asked_for(
    run: Program, exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("verify", exported, "--model", "digits", "--outputs", "output") == 0
    assert "The output is unchanged" in capsys.readouterr().out
    assert run("verify", exported, "--model", "digits", "--outputs", "logits") == 2
    assert "no output 'logits'; it returns output" in capsys.readouterr().err
    assert run("verify", exported, "--outputs", "output") == 2
    assert "--outputs needs --model" in capsys.readouterr().err


def test_verify_refuses_a_changed_export(
    run: Program, copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = copied / "model.safetensors"
    tensors = load_file(file)
    tensors["classifier.bias"] = tensors["classifier.bias"] + np.float32(1)
    save_file(tensors, file)
    assert run("verify", copied) == 2
    captured = capsys.readouterr()
    assert "model.safetensors" in captured.err
    assert captured.err.count("\n") == 1


def test_report_writes_one_page(
    run: Program, copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("report", copied) == 0
    assert run("report", copied, "-o", tmp_path / "page.html") == 0
    assert str(tmp_path / "page.html") in capsys.readouterr().out
    page = (tmp_path / "page.html").read_text()
    assert unnumbered(page) == unnumbered((copied / "report.html").read_text())
    assert "blocks.0.expand" in page


def unnumbered(page: str) -> str:
    """The page without the numbers that every figure gets anew."""
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\bp\d{4,}\b", "", page)


def test_explore_refuses_a_port_in_use(run: Program, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run("explore", "digits", "--port", port, "--no-open") == 2
    captured = capsys.readouterr()
    assert str(port) in captured.err
    assert captured.err.count("\n") == 1


def test_explore_serves_the_model_that_was_asked_for(
    run: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def serve(model: str, port: int, *, open_browser: bool) -> None:
        asked.extend([model, port, open_browser])

    monkeypatch.setattr("permviz.app.serve.serve", serve)
    assert run("explore", "digits", "--port", "5099", "--no-open") == 0
    assert asked == ["digits", 5099, False]
