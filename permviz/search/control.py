"""Pause, resume and cancel a search from another thread."""

import math
import threading
import time

from permviz.search.turns import Turn, Turns

_PATIENCE = 0.5


class Control:
    """A switch that searches look at between their steps.

    Args:
        turns: places that the searches share with those of other controls; by default each
            works whenever it can.
    """

    def __init__(self, turns: Turns | None = None) -> None:
        self._turns = turns
        self._running = threading.Event()
        self._running.set()
        self._cancelled = threading.Event()

    def turn(self) -> Turn:
        """What one search works in."""
        return Turn(self._turns)

    def pause(self) -> None:
        """Let every search that looks at this control stop at its next step and wait."""
        self._running.clear()

    def resume(self) -> None:
        """Let paused searches go on."""
        self._running.set()

    def cancel(self) -> None:
        """End the searches at their next step, paused ones too, with the best so far."""
        self._cancelled.set()
        self._running.set()

    @property
    def paused(self) -> bool:
        """Whether searches wait."""
        return not self._running.is_set()

    @property
    def cancelled(self) -> bool:
        """Whether searches were told to end."""
        return self._cancelled.is_set()

    def wait(self) -> None:
        """Block while paused."""
        self._running.wait()


class Stopwatch:
    """Searching time: the clock, less pauses and the time in which others went first.

    Args:
        control: whose pauses do not count.
        budget: seconds that are searched for. So many of letting others go first do not
            count, or half a second where that is more: the share of a small search would be
            over before it began.
    """

    def __init__(self, control: Control, budget: float | None = None) -> None:
        self._control = control
        self._patience: float = math.inf if budget is None else max(budget, _PATIENCE)
        self._start = time.perf_counter()

    def seconds(self) -> float:
        """Searching time since the watch was made."""
        return time.perf_counter() - self._start

    def wait_while_paused(self) -> None:
        """Block while the control is paused; that time does not count."""
        if self._control.paused:
            before = time.perf_counter()
            self._control.wait()
            self._start += time.perf_counter() - before

    def leave_out(self, seconds: float) -> None:
        """Do not count so many seconds in which others went first, while patience lasts."""
        seconds = min(seconds, self._patience)
        self._patience -= seconds
        self._start += seconds
