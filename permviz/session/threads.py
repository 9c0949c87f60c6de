"""The threads that a session searches on."""

import contextlib
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from permviz.kernels.select import cores
from permviz.search.turns import Turns

_GIVING_WAY = 10
"""Nice value of threads that give way: they get a tenth of a core that others want too."""

CLEAR = threading.Event()
"""Whether no page has anything to do just now, so that searches need not step aside."""
CLEAR.set()

TURNS = Turns(cores(), CLEAR)
"""Places of the searches that give way, in all sessions of the process together."""


def search_threads(*, giving_way: bool) -> ThreadPoolExecutor:
    """A pool with a thread for each core.

    Args:
        giving_way: let the system prefer all other threads, those of this process included,
            so that a page stays quick to answer; only Linux can do so for single threads.
    """
    return ThreadPoolExecutor(
        cores(),
        thread_name_prefix="permviz-search",
        initializer=give_way if giving_way else None,
    )


def give_way() -> None:
    """Let the system prefer all other threads to this one, where it can."""
    if sys.platform == "linux":
        # A sandbox may forbid it; then searches run as any other thread.
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _GIVING_WAY)
