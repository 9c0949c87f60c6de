"""Knowing when a browser has drawn a view, and can be told more."""

from collections.abc import Callable
from typing import Any

import panel as pn

_ESM = """
export function render({model}) {
  model.send_msg("drawn");
}
"""


class Drawn(pn.custom.JSComponent):
    """Calls once a browser has drawn the view that this is a part of.

    A notebook loses what is sent between the moment when a cell's output is written and the
    moment when it is drawn, and later updates then refer to models that are not there.
    """

    _esm = _ESM

    def __init__(self, call: Callable[[], None], **params: Any) -> None:
        super().__init__(width=0, height=0, margin=0, **params)
        self._call: Callable[[], None] | None = call

    def _handle_msg(self, data: str) -> None:  # noqa: ARG002 - there is only one message
        call, self._call = self._call, None
        if call is not None:
            call()
