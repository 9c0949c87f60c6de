"""The improvements of every search, kept from the session's events."""

from array import array
from collections.abc import Sequence

import numpy as np

from permviz.core.score import efficacy_percent
from permviz.core.trace import Bounded, Finished, Improved, SearchEvent, Started
from permviz.figures.curves import OPTIMUM, Track
from permviz.session.events import SearchMoved, SessionEvent


class TrackLog:
    """Turns events into one `Track` for each channel group and strategy."""

    def __init__(self) -> None:
        self._recorders: dict[tuple[str, str], _Recorder] = {}

    def add(self, event: SessionEvent) -> None:
        """Note what a search has done; other events are nobody's improvement."""
        if isinstance(event, SearchMoved):
            key = (event.group, event.strategy)
            self._recorders.setdefault(key, _Recorder()).add(event.event)

    def tracks(self, groups: Sequence[str], strategies: Sequence[str]) -> dict[str, Track]:
        """Tracks of one channel group, in the order of the strategies.

        Of several groups, the first one with a search counts.
        """
        group = next((name for name in groups if self._known(name)), "")
        return {
            strategy: self._recorders[group, strategy].track()
            for strategy in strategies
            if (group, strategy) in self._recorders
        }

    def _known(self, group: str) -> bool:
        return any(name == group for name, _ in self._recorders)


class _Recorder:
    def __init__(self) -> None:
        self._started = Started(0.0, 0.0)
        self._seconds = array("d")
        self._iterations = array("q")
        self._efficacies = array("d")
        self._now = (0.0, 0)
        self._bound = OPTIMUM
        self._finished = False

    def add(self, event: SearchEvent) -> None:
        if isinstance(event, Started):
            self._started = event
        elif isinstance(event, Improved):
            self._improve(event)
        elif isinstance(event, Bounded):
            self._bound = self._efficacy(event.bound)
        elif isinstance(event, Finished):
            self._finish(event)

    def track(self) -> Track:
        return Track(
            seconds=np.array(self._seconds),
            iterations=np.array(self._iterations, dtype=np.int64),
            efficacies=np.array(self._efficacies),
            seconds_now=self._now[0],
            iterations_now=self._now[1],
            finished=self._finished,
            bound=self._bound,
        )

    def _efficacy(self, retained: float) -> float:
        start = self._started
        return efficacy_percent(start.baseline, retained, start.row_optimum)

    def _improve(self, event: Improved) -> None:
        self._seconds.append(event.seconds)
        self._iterations.append(event.iteration)
        self._efficacies.append(self._efficacy(event.retained))
        self._now = (event.seconds, event.iteration)

    def _finish(self, event: Finished) -> None:
        self._now = (event.seconds, event.iteration)
        self._finished = True
