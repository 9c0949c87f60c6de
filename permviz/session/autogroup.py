"""Giving way to the programs of other login sessions, such as the browser that shows a page.

Linux shares the cores evenly between login sessions whenever it groups processes by them: a
nice value counts among the threads of one such group only, so that two searching threads and
a browser get the same, however nice the threads are.
"""

import contextlib
import threading
from pathlib import Path

GIVING_WAY = 10
"""Nice value of what gives way: it gets a tenth of a core that others want too."""

_PAUSE = 0.5
"""Seconds until a group is as before: the system lets it be changed ten times a second."""


class Autogroup:
    """The group of this process, which gives way to others while one asks for it.

    Where several ask, a process has more to do than to search, and keeps its share.

    Args:
        path: where the system tells and takes the group's nice value, if it has such groups.
    """

    def __init__(self, path: Path = Path("/proc/self/autogroup")) -> None:
        self._path, self._lock = path, threading.Lock()
        self._asking = 0
        self._before: int | None = None

    def give_way(self) -> None:
        """Ask for it. A group that gives way already is left to whoever had it do so."""
        with self._lock:
            self._asking += 1
            self._settle()

    def stop(self) -> None:
        """Ask for it no more, which has an effect in a moment."""
        with self._lock:
            self._asking -= 1
        try:
            self._later()
        except RuntimeError:  # an interpreter that ends starts no more threads
            self._settle_now()

    def _later(self) -> None:
        threading.Timer(_PAUSE, self._settle_now).start()

    def _settle_now(self) -> None:
        with self._lock:
            self._settle()

    def _settle(self) -> None:
        wanted = self._asking == 1
        try:
            if wanted and self._before is None:
                self._lower()
            elif not wanted and self._before is not None:
                self._path.write_text(str(self._before))
                self._before = None
        except BlockingIOError:  # changed too often of late
            self._later()
        except OSError:  # a sandbox may forbid it; then searches share as before
            return

    def _lower(self) -> None:
        value = self._value()
        # Whoever lowers what others have raised may not raise it again.
        if value is not None and 0 <= value < GIVING_WAY:
            self._path.write_text(str(GIVING_WAY))
            self._before = value

    def _value(self) -> int | None:
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int(self._path.read_text().split()[-1])
        return None
