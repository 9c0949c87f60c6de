"""Views of a session that show by themselves what it finds while it runs."""

from collections.abc import Callable
from typing import Any

import panel as pn
from panel.io.callbacks import PeriodicCallback

from permviz.session.session import Session
from permviz.views.drawn import Drawn

_REFRESH_MILLISECONDS = 1000
_GOES_ON = {"ready", "running", "paused"}


class Following(Drawn):
    """Calls a view's refresh every second until a session is over, and once more then.

    It begins when the view is drawn, as a part of which it has to be laid out.

    Args:
        session: a session, waiting, running or ended.
        refresh: shows what the session has found by now.
        params: parameters of the component.
    """

    def __init__(self, session: Session, refresh: Callable[[], None], **params: Any) -> None:
        super().__init__(self._start, **params)
        self._session, self._refresh = session, refresh
        self._clock = PeriodicCallback(callback=self._tick, period=_REFRESH_MILLISECONDS)

    def under(self, layout: pn.viewable.Viewable) -> pn.viewable.Viewable:
        """The layout of a view, with this as a part of it."""
        return pn.Column(layout, self, sizing_mode="stretch_width")

    @property
    def running(self) -> bool:
        """Whether the clock is on."""
        return self._clock.running

    def _start(self) -> None:
        self._refresh()
        if self._session.status in _GOES_ON:
            self._clock.start()

    def _tick(self) -> None:
        over = self._session.status not in _GOES_ON
        self._refresh()
        if over:
            self._clock.stop()
