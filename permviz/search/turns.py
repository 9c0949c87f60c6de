"""Searches that take turns, so that the interpreter lock is free for others most of the time."""

import threading
import time
from collections import deque
from typing import Self

_SLICE_SECONDS = 0.02
_ASIDE_SECONDS = 0.1
"""A page that never rests must not end all searches; a slice follows each of these."""


class Turns:
    """Places for so many searches at a time; others wait in the order in which they came.

    Kernels release the interpreter lock, but every thread wants it back between its steps. With
    many more threads than cores a page's own thread then waits for all of them, again and
    again.

    Args:
        places: how many searches work at a time.
        clear: whether they need not step aside; by default they never do.
    """

    def __init__(self, places: int, clear: threading.Event | None = None) -> None:
        self._clear = clear
        self._free = places
        self._queue: deque[threading.Lock] = deque()
        self._lock = threading.Lock()

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for a place."""
        return bool(self._queue)

    def aside(self) -> bool:
        """Let whoever has the right of way go first; whether that was all done in time."""
        return self._clear is None or self._clear.wait(_ASIDE_SECONDS)

    def take(self) -> None:
        """Wait for a place, and take it."""
        with self._lock:
            if self._free > 0:
                self._free -= 1
                return
            called = threading.Lock()
            called.acquire()
            self._queue.append(called)
        called.acquire()

    def give(self) -> None:
        """Leave the place to whoever waits the longest."""
        with self._lock:
            if self._queue:
                # A free place would go to whoever asks next, which is the same thread again.
                self._queue.popleft().release()
            else:
                self._free += 1


class Turn:
    """One search's turn: held inside its ``with`` block, and passed on every few milliseconds.

    Args:
        turns: where a place is needed; None if the search always has one.
    """

    def __init__(self, turns: Turns | None) -> None:
        self._turns = turns
        self._held = False
        self._since = 0.0
        self._aside_after = 0.0

    def __enter__(self) -> Self:
        self.take()
        return self

    def __exit__(self, *_: object) -> None:
        self.give()

    def take(self) -> None:
        """Wait until it is this search's turn."""
        if self._turns is not None and not self._held:
            self._turns.take()
            self._held, self._since = True, time.perf_counter()

    def give(self) -> None:
        """Let others work."""
        if self._turns is not None and self._held:
            self._held = False
            self._turns.give()

    def pass_on(self) -> float:
        """Let others go first: those with the right of way, and searches that wait for long.

        Returns:
            The seconds that whoever has the right of way took.
        """
        if self._turns is None:
            return 0.0
        aside = self._step_aside(self._turns)
        if self._turns.wanted and time.perf_counter() - self._since >= _SLICE_SECONDS:
            self.give()
            self.take()
        return aside

    def _step_aside(self, turns: Turns) -> float:
        begun = time.perf_counter()
        if begun < self._aside_after:
            return 0.0
        in_time = turns.aside()
        ended = time.perf_counter()
        if not in_time:
            self._aside_after = ended + _SLICE_SECONDS
        return ended - begun
