"""One search of one model as the page follows it: the session and what it has said."""

import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Final
from weakref import WeakSet

from permviz.app.flow import Opened
from permviz.app.tracks import TrackLog
from permviz.figures.curves import UNBEGUN, Track
from permviz.session.events import SearchFailed, SessionEvent, StatusChanged
from permviz.session.session import Session
from permviz.session.settings import SearchSettings

# Drawing takes the page's thread a tenth of a second; between drawings it must be free. The
# table lays all its rows out anew, and a click that this falls into is lost.
SUM_SECONDS = 2.0
FIRST_SUM_SECONDS = 0.8
"""Improvements come fast at first and are worth little; their curves must not wait for tables."""

PROGRESS_SECONDS = 0.5
# Curves that are moved cost little; with a page's clock they are at most two ticks behind.
CURVE_SECONDS = 0.05
_CROWD = 4
"""Searches that one thread can draw at that pace beside answering clicks; more take turns."""


class Run:
    """Collects a session's events and says when its findings are worth summing up anew."""

    def __init__(self, opened: Opened, session: Session) -> None:
        self.opened = opened
        self.session = session
        self._events: deque[SessionEvent] = deque()
        self._log = TrackLog()
        self._failures: list[str] = []
        self._findings = _Pace(SUM_SECONDS)
        self._curves = _Pace(CURVE_SECONDS)
        self._progress = _Pace(PROGRESS_SECONDS)
        self._asked: object = None
        self._unsubscribe = session.subscribe(self._events.append)
        _runs.add(self)

    @property
    def settings(self) -> SearchSettings:
        """What the session searches with."""
        return self.session.settings

    def collect(self) -> None:
        """Take the events that came since the last call."""
        # Events may arrive faster than they are taken; the rest waits for the next call.
        for _ in range(len(self._events)):
            event = self._events.popleft()
            self._log.add(event)
            self._findings.wanted = self._curves.wanted = True
            if event == _STARTED:
                self._findings.rest(FIRST_SUM_SECONDS)
            if isinstance(event, SearchFailed):
                self._failures.append(f"{event.strategy} on {event.group}: {event.message}")

    def failures(self) -> list[str]:
        """What went wrong in single searches since the last call."""
        failures, self._failures = self._failures, []
        return failures

    def findings_due(self) -> bool:
        """Whether to sum up now: something happened, and the last time is a while ago.

        At the end of the search nobody waits for that.
        """
        return self._findings.take(at_once=self.session.status in {"finished", "cancelled"})

    def tracks_due(self, asked: object) -> bool:
        """Whether to show the curves anew: something happened, or others are asked for."""
        self._curves.wanted |= asked != self._asked
        self._asked = asked
        return self._curves.take()

    def progress_due(self) -> bool:
        """Whether to tell anew how far the search is."""
        self._progress.wanted = self.session.status == "running"
        return self._progress.take()

    def tracks(self, groups: Sequence[str], chosen: Sequence[str]) -> dict[str, Track]:
        """What each strategy has done on a channel group; of the chosen ones before any has.

        Their curves are drawn by then: the first improvements come while that would take as
        long as they do.
        """
        if self.session.status == "ready":
            return dict.fromkeys(chosen, UNBEGUN) if groups else {}
        return self._log.tracks(groups, self.settings.strategies)

    def close(self) -> None:
        """Stop listening and end the session's work, without waiting for its threads."""
        _runs.discard(self)
        self._unsubscribe()
        self.session.cancel()
        # The interpreter has to wait for it: torch aborts the process when a tensor is freed
        # by a thread that outlives the interpreter.
        threading.Thread(target=self.session.close).start()


_STARTED: Final = StatusChanged("running")
_runs: WeakSet[Run] = WeakSet()


def _slower() -> float:
    """How many times longer a page waits than it would alone on its server."""
    return max(1.0, sum(run.session.status == "running" for run in _runs) / _CROWD)


class _Pace:
    """Says yes when something is wanted, at most once in so many seconds.

    All pages are drawn by one thread, so that in a crowd it is less often.
    """

    def __init__(self, seconds: float) -> None:
        self.wanted = True
        self._seconds = seconds
        self._last = float("-inf")

    def rest(self, seconds: float) -> None:
        """Say yes in so many seconds at the earliest, but at once to who asks for that."""
        self._last = time.monotonic() + seconds - self._seconds * _slower()

    def take(self, *, at_once: bool = False) -> bool:
        now = time.monotonic()
        due = at_once or now - self._last >= self._seconds * _slower()
        if not (self.wanted and due):
            return False
        self.wanted, self._last = False, now
        return True
