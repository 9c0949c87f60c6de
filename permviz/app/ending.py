"""Work that ends with its page, or with the server, whose process waits for its threads."""

from weakref import WeakSet

import panel as pn
from bokeh.application.application import Application, ServerContext
from bokeh.application.handlers.lifecycle import LifecycleHandler
from bokeh.server.contexts import BokehServerContext, BokehSessionContext

from permviz.app.state import Explorer

_open: WeakSet[Explorer] = WeakSet()


def ends_in_time(state: Explorer) -> None:
    """End the work of a page when its session ends, and when its server does."""
    _open.add(state)
    pn.state.on_session_destroyed(lambda _: state.close())
    application = _application()
    if application is not None and not any(isinstance(h, _Ending) for h in application.handlers):
        application.add(_Ending())


def _application() -> Application | None:
    """What serves the page that is being built; None in a notebook."""
    page = pn.state.curdoc
    session = None if page is None else page.session_context
    server = session.server_context if isinstance(session, BokehSessionContext) else None
    context = server.application_context if isinstance(server, BokehServerContext) else None
    return None if context is None else context.application


def end_all() -> None:
    """End the work of all pages: nobody sees what it would come to."""
    for state in tuple(_open):
        state.close()


class _Ending(LifecycleHandler):
    """Ends all work when the server is stopped."""

    def on_server_unloaded(self, server_context: ServerContext) -> None:  # noqa: ARG002 - Bokeh's
        end_all()
