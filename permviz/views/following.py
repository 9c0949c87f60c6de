"""Views of a session that show by themselves what it finds while it runs."""

import asyncio
from collections.abc import Callable

from panel.io.callbacks import PeriodicCallback

from permviz.session.session import Session

_REFRESH_MILLISECONDS = 1000
_GOES_ON = {"ready", "running", "paused"}


def follow(session: Session, refresh: Callable[[], None]) -> PeriodicCallback | None:
    """Call a view's refresh every second until the session is over, and once more then.

    Args:
        session: a session, waiting, running or ended.
        refresh: shows what the session has found by now.

    Returns:
        The clock that calls; None where there is nothing to wait for, or no event loop, as in
        a notebook, that could call back.
    """
    if session.status not in _GOES_ON or not _has_loop():
        return None

    def tick() -> None:
        over = session.status not in _GOES_ON
        refresh()
        if over:
            clock.stop()

    clock = PeriodicCallback(callback=tick, period=_REFRESH_MILLISECONDS)
    clock.start()
    return clock


def _has_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
