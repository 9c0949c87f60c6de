"""The page's own thread goes first: searches step aside while it has something to do."""

import asyncio
import functools
import selectors
from typing import Any

from permviz.session.threads import CLEAR


def go_first() -> None:
    """Have searches step aside whenever this thread's loop does not wait for something to happen.

    A search wants the interpreter lock back after each step of its kernels, and takes it from
    a page that is being built for 5 ms each time. A loop that waits in a way of its own is
    left as it is.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return  # a page that is built before the server runs, to warm up
    # The loop of a server that others have started is there already, and has no public hook.
    selector = getattr(loop, "_selector", None)
    if not isinstance(selector, selectors.BaseSelector) or hasattr(selector.select, "__wrapped__"):
        return
    wait = selector.select

    @functools.wraps(wait)
    def select(timeout: float | None = None) -> list[Any]:
        if timeout is not None and timeout <= 0:
            return wait(timeout)
        CLEAR.set()
        try:
            return wait(timeout)
        finally:
            CLEAR.clear()

    selector.select = select
