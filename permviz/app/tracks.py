"""The improvements of every search, kept from the session's events."""

from array import array
from collections.abc import Sequence
from typing import Final

import numpy as np

from permviz.core.score import efficacy_percent
from permviz.core.trace import Bounded, Finished, Improved, SearchEvent, Started
from permviz.figures.curves import OPTIMUM, UNBEGUN, Track
from permviz.session.events import (
    SearchFailed,
    SearchMoved,
    SearchQueued,
    SessionEvent,
    Status,
    StatusChanged,
)


class TrackLog:
    """Turns events into one `Track` for each channel group and strategy.

    A search has one as soon as it waits for its turn, so that its curve has a place before
    there is anything to see of it; one that never begins loses it in the end.
    """

    def __init__(self) -> None:
        self._recorders: dict[tuple[str, str], _Recorder] = {}

    def add(self, event: SessionEvent) -> None:
        """Note that a search waits, what it has done, or that it will do nothing more."""
        if isinstance(event, SearchQueued):
            self._recorder(event)
        elif isinstance(event, SearchMoved):
            self._recorder(event).add(event.event)
        elif isinstance(event, SearchFailed):
            self._drop_unbegun((event.group, event.strategy))
        elif isinstance(event, StatusChanged) and event.status not in _GOING_ON:
            self._drop_unbegun(*self._recorders)

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

    def _recorder(self, of: SearchQueued | SearchMoved) -> "_Recorder":
        return self._recorders.setdefault((of.group, of.strategy), _Recorder())

    def _drop_unbegun(self, *keys: tuple[str, str]) -> None:
        for key in keys:
            if key in self._recorders and not self._recorders[key].begun:
                del self._recorders[key]

    def _known(self, group: str) -> bool:
        return any(name == group for name, _ in self._recorders)


_GOING_ON: Final[frozenset[Status]] = frozenset({"ready", "running", "paused"})


class _Recorder:
    def __init__(self) -> None:
        self.begun = False
        self._started = Started(0.0, 0.0)
        self._seconds = array("d")
        self._iterations = array("q")
        self._efficacies = array("d")
        self._now = (0.0, 0)
        self._bound = OPTIMUM
        self._finished = False

    def add(self, event: SearchEvent) -> None:
        if isinstance(event, Started):
            self._started, self.begun = event, True
        elif isinstance(event, Improved):
            self._improve(event)
        elif isinstance(event, Bounded):
            self._bound = self._efficacy(event.bound)
        elif isinstance(event, Finished):
            self._finish(event)

    def track(self) -> Track:
        if not self.begun:
            return UNBEGUN
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
