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
    """The group of this process, which gives way to others as long as anybody asks for it.

    Args:
        path: where the system tells and takes the group's nice value, if it has such groups.
    """

    def __init__(self, path: Path = Path("/proc/self/autogroup")) -> None:
        self._path, self._lock = path, threading.Lock()
        self._asking = 0
        self._before: int | None = None

    def give_way(self) -> None:
        """Give way from now on. A group that does so already is left to whoever had it do so."""
        with self._lock:
            self._asking += 1
            before = self._value()
            if self._before is None and before is not None and before < GIVING_WAY:
                self._before = before if self._set(GIVING_WAY) else None

    def stop(self) -> None:
        """Take back one call to give way; the last one has the group be as before, soon."""
        with self._lock:
            self._asking -= 1
            if self._asking or self._before is None:
                return
        threading.Timer(_PAUSE, self._restore).start()

    def _restore(self) -> None:
        with self._lock:
            if not self._asking and self._before is not None and self._set(self._before):
                self._before = None

    def _value(self) -> int | None:
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int(self._path.read_text().split()[-1])
        return None

    def _set(self, value: int) -> bool:
        # A sandbox may forbid it; then searches share as before.
        with contextlib.suppress(OSError):
            self._path.write_text(str(value))
            return True
        return False
