"""The threads that a session searches on."""

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from permviz.kernels.select import cores
from permviz.search.turns import Turns
from permviz.session.autogroup import GIVING_WAY, Autogroup

_NAME = "permviz-search"
_GROUP = Autogroup()

CLEAR = threading.Event()
"""Whether no page has anything to do just now, so that searches need not step aside."""
CLEAR.set()

TURNS = Turns(cores(), CLEAR)
"""Places of the searches that give way, in all sessions of the process together."""


def search_threads(*, giving_way: bool) -> ThreadPoolExecutor:
    """A pool with a thread for each core.

    Args:
        giving_way: let the system prefer all other threads, those of this process included,
            so that a page stays quick to answer, and all other login sessions until the pool
            is shut down, so that its browser does; only Linux can do so.
    """
    return _GivingWay() if giving_way else ThreadPoolExecutor(cores(), _NAME)


class _GivingWay(ThreadPoolExecutor):
    def __init__(self) -> None:
        super().__init__(cores(), _NAME, initializer=give_way)
        self._stop: Callable[[], None] | None = _GROUP.stop
        _GROUP.give_way()

    def shutdown(self, *args: Any, **options: Any) -> None:
        stop, self._stop = self._stop, None
        if stop is not None:
            stop()
        super().shutdown(*args, **options)


def give_way() -> None:
    """Let the system prefer all other threads to this one, where it can."""
    if sys.platform == "linux":
        # A sandbox may forbid it; then searches run as any other thread.
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), GIVING_WAY)
