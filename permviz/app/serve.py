"""Serve the explorer from this process."""

import contextlib
import logging
import signal
import threading
from collections.abc import Iterator

import panel as pn
from holoviews.plotting import list_cmaps

from permviz.app.ending import end_all
from permviz.app.flow import Flow, remember
from permviz.app.port import check_port
from permviz.app.shell import TITLE, build
from permviz.errors import PermvizError
from permviz.models.sources import LoadedModel
from permviz.views.notebook import EXTENSIONS

DEFAULT_MODEL = "digits"
PAGE = "explorer"
"""The page's path, the same as of apps/explorer.py; the root leads there."""

_PATIENCE = 10.0
"""Seconds that the first page may wait for its model; a slower one is loaded in sight."""

_LOG = logging.getLogger(__name__)


def serve(
    model: str | LoadedModel | None = None,
    port: int = 5006,
    address: str = "127.0.0.1",
    *,
    open_browser: bool = True,
) -> None:
    """Serve the explorer until the process is interrupted.

    Args:
        model: what pages open with: a name, or a model that is in memory; by default the
            digits demo.
        port: TCP port; 0 lets the system choose.
        address: to listen on; by default only this machine can connect.
        open_browser: whether to open a page at once.

    Raises:
        ServeError: the port is in use or not allowed, or the address is not this machine's.
    """
    check_port(port, address)
    pn.extension(*EXTENSIONS, notifications=True)
    name = model.name if isinstance(model, LoadedModel) else model or DEFAULT_MODEL
    if isinstance(model, LoadedModel):
        remember(model)

    def page() -> pn.viewable.Viewable:
        return build(name)

    warming = threading.Thread(target=_warm_up, args=(name,), daemon=True)
    warming.start()
    # A page that is built while all this is loaded takes longer than both one after the other.
    warming.join(_PATIENCE)
    with _ended_as_by_hand():
        pn.serve(
            # Only a plain function is called for every visit; a partial would be shown as text.
            {PAGE: page},
            port=port,
            address=address,
            title=TITLE,
            show=open_browser,
            liveness=True,
            # A page that nobody looks at any more must not go on searching.
            unused_session_lifetime_milliseconds=30_000,
            check_unused_sessions_milliseconds=2_000,
        )


@contextlib.contextmanager
def _ended_as_by_hand() -> Iterator[None]:
    """End all work when the server ends, and have a request to terminate end it as Ctrl+C does."""
    before = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        end_all()


def _warm_up(model: str) -> None:
    """Load what the first page will need while nobody waits."""
    # The first heatmap of a process looks through all of these.
    list_cmaps()
    flow = Flow()
    try:
        flow.open(model, _nobody)
        flow.warm(_nobody)
    except PermvizError as problem:
        _LOG.warning("Nothing could be prepared: %s", problem)


def _nobody(_text: str, _fraction: float) -> None:
    pass
