"""Presses on a table's rows, which count also when the rows are laid out anew meanwhile."""

from collections.abc import Callable
from typing import Any

import panel as pn
import param

_ESM = """
const pressed = (event, field) => {
  const row = event.composedPath().find(node => node.classList?.contains("tabulator-row"));
  return row?.querySelector(`[tabulator-field="${field}"]`)?.textContent.trim();
};

export function render({model, view}) {
  const beside = view.parent.el;
  let begun;
  beside.addEventListener("pointerdown", event => {
    begun = event.button == 0 ? pressed(event, model.field) : undefined;
  }, true);
  beside.addEventListener("pointerup", event => {
    if (begun !== undefined && pressed(event, model.field) == begun) model.send_msg(begun);
    begun = undefined;
  }, true);
}
"""


class Presses(pn.custom.JSComponent):
    """Tells which row of the tables beside it was pressed and released.

    A table whose cells change makes all its rows anew. Browsers make no click of a press whose
    element is gone when the button is released, so that a table alone loses it.

    Attributes:
        field: the column whose text names a row.
    """

    field = param.String()
    _esm = _ESM

    def __init__(self, heard: Callable[[str], None], **params: Any) -> None:
        super().__init__(width=0, height=0, margin=0, **params)
        self._heard = heard

    def _handle_msg(self, data: str) -> None:
        self._heard(data)
