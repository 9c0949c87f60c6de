"""What the searches of a model have found, kept in a directory while they run.

A search that ended is kept whole; of one that runs, the best order so far is written as it
improves. A run that was killed is repeated with the same directory: what ended is read, what
did not begins again from its seed, and so ends as it would have. Where a time budget cuts a
search short it may find less the second time; then what was kept counts.

Files are replaced, never changed in place, so that a kill leaves the old one or the new one.
Arrays are read without unpickling and checked against the model, so a file can be damaged
or foreign but not do harm.
"""

import hashlib
import io
import json
import os
import threading
import time
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from permviz.core.permutation import Permutation
from permviz.core.problem import SearchProblem
from permviz.core.trace import Improved
from permviz.errors import SessionError
from permviz.search.result import SearchResult
from permviz.session.arrays import checked_order, from_arrays, to_arrays
from permviz.session.board import Key
from permviz.session.settings import SearchSettings

_ABOUT = "session.json"
_FORMAT = "permviz.session/1"
_SECONDS = 1.0
"""Between two writings of one running search's best order."""


class Store:
    """Searches of one model with one set of settings, in a directory.

    Args:
        directory: made if it is not there.
        fingerprint: of the model.
        settings: what is searched with; the strategies may differ from run to run.

    Attributes:
        failure: why something could not be kept, the last time; empty if all was.

    Raises:
        SessionError: the directory cannot be used, or keeps searches of another model or
            with other settings.
    """

    def __init__(self, directory: Path, fingerprint: str, settings: SearchSettings) -> None:
        self.directory = directory
        self.failure = ""
        self._lock = threading.Lock()
        self._written: dict[Key, float] = {}
        self._noted: dict[Key, float] = {}
        about = {
            "format": _FORMAT,
            "model": fingerprint,
            "pattern": str(settings.nm),
            "importance": settings.importance,
            "seed": settings.seed,
            "budget": settings.budget,
            "bound": settings.bound,
        }
        try:
            directory.mkdir(parents=True, exist_ok=True)
            known = directory / _ABOUT
            if known.exists():
                _demand_equal(directory, _read_about(known), about)
            else:
                _replace(known, json.dumps(about, indent=2).encode())
        except OSError as problem:
            raise SessionError(
                f"Searches cannot be kept in {directory} ({problem.strerror}); "
                "choose another directory."
            ) from problem

    def result(self, key: Key, problem: SearchProblem) -> SearchResult | None:
        """The result of a search that ended in an earlier run; None if there is none."""
        arrays = self._read(key, "ended")
        if arrays is None:
            return None
        try:
            return from_arrays(arrays, problem)
        except SessionError as found:
            self._fail(f"{self._path(key, 'ended')} is not used: {found}")
            return None

    def best(self, key: Key, problem: SearchProblem) -> NDArray[np.int64] | None:
        """The best order that a search had found when its run ended; None without any."""
        arrays = self._read(key, "best")
        if arrays is None or "order" not in arrays:
            return None
        try:
            return checked_order(arrays["order"], problem)
        except SessionError as found:
            self._fail(f"{self._path(key, 'best')} is not used: {found}")
            return None

    def keep(self, key: Key, result: SearchResult) -> None:
        """Keep a search that ended."""
        if self._write(key, "ended", to_arrays(result)):
            self._path(key, "best").unlink(missing_ok=True)

    def note(self, key: Key, order: NDArray[np.int64], retained: float) -> None:
        """Keep the best order so far, unless that was done a moment ago."""
        now = time.monotonic()
        with self._lock:
            if now - self._written.get(key, float("-inf")) < _SECONDS:
                return
            if key not in self._noted:
                earlier = self._read(key, "best") or {}
                self._noted[key] = float(earlier.get("retained", -np.inf))
            # A search that begins again passes worse orders than it had found before.
            if retained <= self._noted[key]:
                return
            self._written[key], self._noted[key] = now, retained
        self._write(key, "best", {"order": order, "retained": np.array(retained)})

    def _path(self, key: Key, kind: str) -> Path:
        named = hashlib.sha256("\n".join(key).encode()).hexdigest()[:20]
        return self.directory / f"{named}.{kind}.npz"

    def _read(self, key: Key, kind: str) -> Mapping[str, NDArray[Any]] | None:
        path = self._path(key, kind)
        if not path.exists():
            return None
        try:
            # numpy leaves a file open that it cannot read
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as kept:
                return {name: kept[name] for name in kept.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, KeyError) as problem:
            self._fail(f"{path} cannot be read ({problem}), so that search begins again")
            return None

    def _write(self, key: Key, kind: str, arrays: Mapping[str, NDArray[Any]]) -> bool:
        content = io.BytesIO()
        np.savez_compressed(content, allow_pickle=False, **dict(arrays))
        try:
            _replace(self._path(key, kind), content.getvalue())
        except OSError as problem:
            # A full disk must not end a search that runs.
            self._fail(f"{self.directory} takes no more ({problem.strerror}); free some space")
            return False
        return True

    def _fail(self, why: str) -> None:
        self.failure = why


def at_least(
    result: SearchResult, order: NDArray[np.int64] | None, problem: SearchProblem
) -> SearchResult:
    """The result, or what an earlier run had found if that keeps more."""
    retained = 0.0 if order is None else problem.retained(order)
    if order is None or retained <= result.retained:
        return result
    trace = result.trace
    before, last = trace.finished.permutation.order, trace.finished
    slots = np.flatnonzero(order != before)
    step = Improved(last.iteration, last.seconds, retained, slots, order[slots])
    found = Permutation(order)
    longer = replace(
        trace,
        improvements=(*trace.improvements, step),
        finished=replace(last, permutation=found),
    )
    return replace(
        result,
        permutation=found,
        retained=retained,
        bound=max(result.bound, retained),
        trace=longer,
    )


def _replace(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        with beside.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _read_about(path: Path) -> Mapping[str, object]:
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as problem:
        raise SessionError(
            f"{path} is damaged ({problem}); remove {path.parent}, or choose another directory."
        ) from problem
    return cast("Mapping[str, object]", about) if isinstance(about, dict) else {}


def _demand_equal(
    directory: Path, found: Mapping[str, object], wanted: Mapping[str, object]
) -> None:
    differing = [name for name in wanted if found.get(name) != wanted[name]]
    if differing:
        listed = ", ".join(f"{name} {found.get(name)} not {wanted[name]}" for name in differing)
        raise SessionError(
            f"{directory} keeps searches with {listed}; "
            "search as it was then, or choose another directory."
        )
