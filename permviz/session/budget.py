"""Share a strategy's seconds out over the groups of a model."""

import threading

_EVEN = 0.2
"""Share of the seconds that is given evenly: a small search needs some of them to begin at all."""


class SharedBudget:
    """Seconds for many searches, given by their price; what one leaves unused goes on.

    Args:
        seconds: searching time by the wall clock for all searches together.
        costs: relative price of each search.
        workers: how many searches run at a time.
    """

    def __init__(self, seconds: float, costs: list[float], workers: int) -> None:
        self._wall = seconds
        self._left = seconds * min(workers, max(1, len(costs)))
        self._even = _EVEN / (1 - _EVEN) * sum(costs) / max(1, len(costs))
        self._cost_left = sum(costs) + self._even * len(costs)
        self._lock = threading.Lock()

    def take(self, cost: float) -> float:
        """The share of the next search, in seconds, at most the whole wall-clock budget."""
        cost += self._even
        with self._lock:
            share = self._left * cost / self._cost_left if self._cost_left > 0 else self._left
            share = max(min(share, self._wall), 1e-3)
            self._left = max(0.0, self._left - share)
            self._cost_left -= cost
            return share

    def give_back(self, seconds: float) -> None:
        """Return what a search did not use."""
        with self._lock:
            self._left += max(0.0, seconds)
