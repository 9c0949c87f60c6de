"""A directory is replaced in one step, or not at all."""

import os
from pathlib import Path

import pytest

from permviz.export import replace
from permviz.export.replace import recover, staged


def write(directory: Path, text: str | bytes) -> None:
    with staged(directory) as fresh:
        (fresh / "file").write_text(text)


def names(directory: Path) -> list[str]:
    return sorted(entry.name for entry in directory.iterdir())


@pytest.fixture(params=["exchange", "step aside"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "step aside":
        monkeypatch.setattr(replace, "_exchange", lambda *_: False)
    return request.param


def test_new_and_old_directories_are_put_in_place(tmp_path: Path, way: str) -> None:
    target = tmp_path / "deep" / "out [1]"
    write(target, "first")
    write(target, way)
    assert (target / "file").read_text() == way
    assert names(tmp_path / "deep") == ["out [1]"]


@pytest.mark.usefixtures("way")
def test_a_failure_inside_leaves_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "out"
    write(target, "first")
    with pytest.raises(TypeError):
        write(target, b"half of it")
    assert (target / "file").read_text() == "first"
    assert names(tmp_path) == ["out"]


def test_a_failing_second_rename_brings_the_old_one_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out"
    write(target, "first")
    monkeypatch.setattr(replace, "_exchange", lambda *_: False)
    rename = Path.rename

    def fail_for_fresh(self: Path, to: Path) -> Path:
        if self.name.endswith(".partial"):
            raise OSError(5, "Input/output error")
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", fail_for_fresh)
    with pytest.raises(OSError, match="Input/output"):
        write(target, "second")
    assert (target / "file").read_text() == "first"
    assert names(tmp_path) == ["out"]


def test_what_stepped_aside_when_the_program_was_killed_comes_back(tmp_path: Path) -> None:
    target = tmp_path / "out"
    write(target, "first")
    target.rename(tmp_path / ".out.previous")
    recover(target)
    assert (target / "file").read_text() == "first"
    recover(target)
    assert names(tmp_path) == ["out"]


def test_what_killed_programs_left_is_swept_and_the_living_are_not(tmp_path: Path) -> None:
    gone = os.fork()
    if gone == 0:
        os._exit(0)
    os.waitpid(gone, 0)
    for owner in (gone, os.getppid()):
        (tmp_path / f".out.{owner}-0123abcd.partial").mkdir()
    (tmp_path / ".out.mine.partial").mkdir()
    write(tmp_path / "out", "new")
    assert names(tmp_path) == [
        f".out.{os.getppid()}-0123abcd.partial",
        ".out.mine.partial",
        "out",
    ]


def test_a_parent_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"), staged(tmp_path / "file" / "out"):
        pass
