"""An export travels as one zip file that unpacks to the same export."""

import zipfile
from pathlib import Path

import pytest

from permviz.errors import ExportError
from permviz.export.archive import archive
from permviz.export.checking import check
from permviz.export.html import write_page
from permviz.export.names import NAMES


def test_the_archive_unpacks_to_an_export_that_passes(exported: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(archive(exported)) as packed:
        assert sorted(packed.namelist()) == sorted(f"sparse/{name}" for name in NAMES)
        packed.extractall(tmp_path / "there")
    check(tmp_path / "there" / "sparse")


def test_only_files_of_the_export_are_packed(exported: Path) -> None:
    write_page(exported)
    (exported / "secret.txt").write_text("mine")
    with zipfile.ZipFile(archive(exported)) as packed:
        assert sorted(packed.namelist()) == sorted(
            f"sparse/{name}" for name in (*NAMES, "report.html")
        )


def test_equal_exports_are_equal_archives(exported: Path) -> None:
    assert archive(exported).read() == archive(str(exported)).read()


def test_what_is_no_export_is_refused(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"report\.json"):
        archive(tmp_path / "nowhere")
    (exported / "masks.safetensors").unlink()
    with pytest.raises(ExportError, match="cannot be packed"):
        archive(exported)
