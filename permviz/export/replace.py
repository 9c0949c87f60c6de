"""Put a finished directory in the place of an old one, so that one of them is always there.

The new directory is written beside the old one. Where the system can exchange two names at
once (Linux), it does so; elsewhere the old one steps aside for an instant, and comes back
if the new one cannot take its place, or at the next look if the program was killed then.
"""

import ctypes
import errno
import os
import re
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_UNSUPPORTED = {errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP}


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """Give an empty directory beside `target`; it takes that place if the block succeeds.

    If the block fails, or the process is killed in it, `target` is as it was.

    Raises:
        OSError: the parent is not writable, or the disk is full.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    recover(target)
    _sweep(target)
    fresh = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}.partial")
    fresh.mkdir()
    try:
        yield fresh
        _sync_directory(fresh)
        _swap(fresh, target)
        _sync_directory(target.parent)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def recover(target: Path) -> None:
    """Bring back a directory that had stepped aside when the program was killed."""
    aside = _aside(target)
    if aside.is_dir() and not target.exists():
        aside.rename(target)


def _aside(target: Path) -> Path:
    return target.with_name(f".{target.name}.previous")


def _swap(fresh: Path, target: Path) -> None:
    if not target.exists():
        fresh.rename(target)
    elif not _exchange(fresh, target):
        _step_aside(fresh, target)


def _step_aside(fresh: Path, target: Path) -> None:
    aside = _aside(target)
    shutil.rmtree(aside, ignore_errors=True)
    target.rename(aside)
    try:
        fresh.rename(target)
    except OSError:
        aside.rename(target)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one step; False where the system or the disk cannot."""
    if sys.platform != "linux":
        return False
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    names = os.fsencode(one), os.fsencode(other)
    if rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0:
        return True
    problem = ctypes.get_errno()
    if problem in _UNSUPPORTED:
        return False
    raise OSError(problem, os.strerror(problem), str(other))


def _sweep(target: Path) -> None:
    """Remove what killed programs left behind; a living one's directory stays."""
    name = re.compile(re.escape(f".{target.name}.") + r"(\d+)-[0-9a-f]{8}\.partial")
    for left in target.parent.iterdir():
        found = name.fullmatch(left.name)
        if found and not _alive(int(found[1])):
            shutil.rmtree(left, ignore_errors=True)


def _alive(process: int) -> bool:
    if os.name != "posix":  # signal 0 would end the process on Windows
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _sync_directory(directory: Path) -> None:
    with suppress(OSError):  # not every system lets a directory be opened
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
