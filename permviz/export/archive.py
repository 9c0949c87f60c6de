"""An export as one zip file, to download or to hand on."""

import io
import zipfile
from pathlib import Path

from permviz.errors import ExportError
from permviz.export.names import FIGURES, NAMES, PAGE
from permviz.export.report import read_report

# A fixed date makes equal exports equal archives; 1980 is the first that zip can tell.
_DATE = (1980, 1, 1, 0, 0, 0)


def archive(directory: Path | str) -> io.BytesIO:
    """Zip the files of an export, under a folder of the directory's name.

    Raises:
        ExportError: the directory holds no export, or a file of it cannot be read.
    """
    source = Path(directory).expanduser().resolve()
    read_report(source)
    packed = io.BytesIO()
    try:
        with zipfile.ZipFile(packed, "w") as target:
            for name in NAMES:
                _add(target, source / name, f"{source.name}/{name}")
            for name in (FIGURES, PAGE):
                if (source / name).is_file():
                    _add(target, source / name, f"{source.name}/{name}")
    except OSError as problem:
        raise ExportError(f"{source} cannot be packed ({problem}); export again.") from problem
    packed.seek(0)
    return packed


def _add(target: zipfile.ZipFile, path: Path, name: str) -> None:
    entry = zipfile.ZipInfo(name, _DATE)
    entry.external_attr = 0o644 << 16
    # Zeros shrink at the fastest level already, and the other weights at none.
    target.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=1)
