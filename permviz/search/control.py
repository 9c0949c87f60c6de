"""Pause, resume and cancel a search from another thread."""

import threading


class Control:
    """A switch that searches look at between their steps."""

    def __init__(self) -> None:
        self._running = threading.Event()
        self._running.set()
        self._cancelled = threading.Event()

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
