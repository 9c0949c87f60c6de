"""Pause, resume and cancel a search from another thread."""

import threading

from permviz.search.turns import Turn, Turns


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
