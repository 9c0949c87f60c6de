"""The address of a page, which holds what is looked at."""

from typing import Any
from urllib.parse import parse_qsl

import panel as pn
from bokeh.server.contexts import BokehSessionContext
from panel.io.location import Location

_TEXTS = ("model", "layer", "tab")
"""What is a text, whatever it looks like."""


class Address(Location):
    """An address that keeps names as they are.

    Panel reads those that look like numbers as numbers, such as "2" or "1.10", which layers
    of a sequence of modules are called.
    """

    @property
    def query_params(self) -> dict[str, Any]:
        """What the address asks for, by name."""
        asked = dict(parse_qsl(self.search.removeprefix("?")))
        texts = {name: asked[name] for name in _TEXTS if name in asked}
        return super().query_params | texts


def address() -> Location | None:
    """The address of the page that is built; None where there is none, as in a notebook."""
    page = pn.state.curdoc
    context = None if page is None else page.session_context
    if page is not None and isinstance(context, BokehSessionContext):
        known = pn.state._locations  # noqa: SLF001 - nothing public takes another class
        if not isinstance(known.get(page), Address):
            known[page] = Address.from_request(context.request)
    return pn.state.location
