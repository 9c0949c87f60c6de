"""Where the searches of a session stand: running, over, best orders, results."""

import threading
import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from permviz.core.trace import Improved, SearchEvent
from permviz.search.result import SearchResult
from permviz.session.events import Progress, Running

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Run:
    """A search that runs: since when, and for how many seconds at most."""

    since: float
    budget: float | None

    def share(self, now: float) -> float:
        """How much of it is done; nothing is known without a budget."""
        if self.budget is None:
            return 0.0
        return min(1.0, max(0.0, (now - self.since) / self.budget))

    def left(self, now: float) -> float | None:
        """Seconds of the budget that are left; None without a budget."""
        return None if self.budget is None else max(0.0, self.budget - (now - self.since))


class Board:
    """The state of all searches, each change atomic.

    Args:
        costs: relative price of each search, by (group, strategy).
        sizes: number of channels of each search's problem.
    """

    def __init__(self, costs: dict[Key, float], sizes: dict[Key, int]) -> None:
        self._lock = threading.Lock()
        self._costs = costs
        self._sizes = sizes
        self._begun: float | None = None
        self._ended: float | None = None
        self._running: dict[Key, _Run] = {}
        self._paused: float | None = None
        self._over: set[Key] = set()
        self._orders: dict[Key, NDArray[np.int64]] = {}
        self._results: dict[Key, SearchResult] = {}

    def begin(self) -> None:
        """The session starts now."""
        self._begun = time.monotonic()

    def end(self) -> None:
        """The session ends now."""
        self._ended = time.monotonic()

    def pause(self) -> None:
        """Every search waits from now on."""
        self._paused = time.monotonic()

    def resume(self) -> None:
        """Every search goes on; the pause does not count as its time."""
        with self._lock:
            if self._paused is not None:
                waited = time.monotonic() - self._paused
                self._running = {
                    key: replace(run, since=run.since + waited)
                    for key, run in self._running.items()
                }
            self._paused = None

    def run(self, key: Key, budget: float | None = None) -> None:
        """A search starts from the order as given, perhaps with a budget in seconds."""
        with self._lock:
            self._running[key] = _Run(time.monotonic(), budget)
            self._orders[key] = np.arange(self._sizes[key])

    def move(self, key: Key, event: SearchEvent) -> None:
        """A search has said something; improvements change its best order."""
        if isinstance(event, Improved):
            with self._lock:
                order = self._orders[key].copy()
                order[event.slots] = event.moved
                self._orders[key] = order

    def close(self, key: Key, result: SearchResult | None) -> None:
        """A search is over, with or without a result."""
        with self._lock:
            self._running.pop(key, None)
            self._over.add(key)
            if result is not None:
                self._results[key] = result
                self._orders[key] = result.permutation.order

    def order(self, key: Key) -> NDArray[np.int64] | None:
        """Best order so far of one search's problem; None if it has not begun."""
        with self._lock:
            return self._orders.get(key)

    @property
    def orders(self) -> dict[Key, NDArray[np.int64]]:
        """Best orders so far; arrays are never changed in place."""
        with self._lock:
            return dict(self._orders)

    @property
    def results(self) -> dict[Key, SearchResult]:
        """Results of the searches that are over."""
        with self._lock:
            return dict(self._results)

    @property
    def idle(self) -> bool:
        """Whether nothing runs."""
        return not self._running

    @property
    def complete(self) -> bool:
        """Whether every search is over."""
        return len(self._over) == len(self._costs)

    @property
    def progress(self) -> Progress:
        """How far the searches are, weighted by their price."""
        with self._lock:
            now = self._ended or time.monotonic()
            seconds = now - self._begun if self._begun is not None else 0.0
            clock = self._paused or now
            total = sum(self._costs.values()) or 1.0
            done = sum(self._costs[key] for key in self._over)
            done += sum(self._costs[key] * run.share(clock) for key, run in self._running.items())
            fraction = min(1.0, done / total)
            return Progress(
                done=len(self._over),
                total=len(self._costs),
                fraction=fraction,
                seconds=seconds,
                seconds_left=seconds * (1 - fraction) / fraction if fraction > 0 else None,
                running=tuple(Running(*key, run.left(clock)) for key, run in self._running.items()),
            )
