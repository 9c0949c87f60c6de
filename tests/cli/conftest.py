"""The command line in this process, and one whole run of it."""

import contextlib
import io
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from permviz.cli import main
from permviz.graph.analyze import analyze
from permviz.graph.types import ChannelGraph
from permviz.models.sources import load_model

Program = Callable[..., int]
QUICK = ("--strategy", "osg(stripes=2)", "--budget", "1", "--no-accuracy")


def _run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    assert isinstance(left.value.code, int)
    return left.value.code


@pytest.fixture(scope="session")
def run() -> Program:
    """Run the command line with some arguments and return its exit code."""
    return _run


@pytest.fixture(scope="session")
def quick() -> tuple[str, ...]:
    """Options of a search that ends soon."""
    return QUICK


@dataclass(frozen=True)
class Searched:
    directory: Path
    output: str


@pytest.fixture(scope="session")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    """One whole run on the digits demo."""
    out, printed = tmp_path_factory.mktemp("cli") / "digits", io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert _run("search", "digits", *QUICK, "--out", out) == 0
    return Searched(out, printed.getvalue())


@pytest.fixture
def exported(searched: Searched) -> Path:
    """Its export; read it, do not change it."""
    return searched.directory


@pytest.fixture
def copied(exported: Path, tmp_path: Path) -> Path:
    """A copy of it, to change."""
    return Path(shutil.copytree(exported, tmp_path / "copy"))


@pytest.fixture(scope="session")
def graph() -> ChannelGraph:
    loaded = load_model("digits")
    return analyze(loaded.model, loaded.example_inputs)


@pytest.fixture
def analyzed(graph: ChannelGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare a test the analysis of the demo, which is the same each time."""
    monkeypatch.setattr("permviz.cli.searching.analyze", lambda *_, **__: graph)
