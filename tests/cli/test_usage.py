"""Help, usage errors, and one sentence for everything that cannot be done."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Program = Callable[..., int]
COMMANDS = ("explore", "search", "analyze", "verify", "report", "bench", "reproduce")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(
    run: Program, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command, "--help") == 0
    assert f"permviz {command}" in capsys.readouterr().out


def test_help_imports_nothing_heavy() -> None:
    script = """
import sys
from permviz.cli import main
try:
    main(["search", "--help"])
except SystemExit as left:
    assert left.code == 0
heavy = sorted({"torch", "numba", "numpy", "panel", "bokeh"} & set(sys.modules))
assert not heavy, heavy
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_program_lists_its_commands() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "permviz", "--help"], check=True, capture_output=True, text=True
    )
    assert all(command in done.stdout for command in COMMANDS)


@pytest.mark.parametrize(
    "arguments",
    [("serach",), ("search",), ("search", "digits", "--budget", "soon"), ("verify", "--nope")],
)
def test_usage_errors_are_exit_code_2(
    run: Program, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "permviz" in captured.err


@pytest.mark.usefixtures("analyzed")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("search", "resnet9000"), "resnet9000"),
        (("search", "digits", "--pattern", "4:2"), "4:2"),
        (("search", "digits", "--pattern", "half"), "half"),
        (("search", "digits", "--strategy", "magic"), "magic"),
        (("search", "digits", "--strategy", "osg(stripes=0)"), "stripes"),
        (("search", "digits", "--importance", "feeling", "--no-accuracy"), "feeling"),
        (("search", "digits", "--budget", "-1"), "budget"),
        (("search", "digits", "--device", "abacus"), "abacus"),
        (("search", "digits", "--state", "nowhere.safetensors"), "nowhere.safetensors"),
        (("search", "digits", "--out", __file__), "is a file"),
        (("verify", "nowhere"), "not a directory"),
        (("verify", "nowhere", "--state", "weights.pt"), "--model"),
        (("report", "nowhere"), "report.json"),
        (("explore", "resnet9000", "--no-open"), "resnet9000"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_on_stderr(
    run: Program, arguments: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert sentence in captured.err
    assert captured.err.count("\n") == 1
    assert "Traceback" not in captured.err


def test_a_long_sentence_is_not_folded_in_a_pipe(tmp_path: Path) -> None:
    deep = tmp_path / ("very " * 40).strip() / "deep"
    done = subprocess.run(
        [sys.executable, "-m", "permviz", "verify", deep],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert str(deep) in done.stderr
    assert done.stderr.count("\n") == 1
