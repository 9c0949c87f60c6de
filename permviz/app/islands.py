"""Figures that are laid out by themselves, without the rest of the page."""

from typing import Any

import panel as pn
import param

_ESM = """
const owning = (view, name) => {
  let owner = null;
  for (let one = Object.getPrototypeOf(view); one != null; one = Object.getPrototypeOf(one))
    if (Object.hasOwn(one, name)) owner = one;
  return owner;
};

export function render({model, view}) {
  const layouts = owning(view, "invalidate_layout");
  if (layouts.islands) return;
  layouts.islands = true;
  const whole = layouts.invalidate_layout;
  layouts.invalidate_layout = function () {
    if (!this.model.tags.includes(model.tag)) return whole.call(this);
    const placed = this.layout != null;
    this.update_layout();
    // What has been emptied must leave the grid that its parent lays out.
    if (placed && this.layout == null) return whole.call(this);
    this.measure_layout();
    this.update_bbox();
    this._compute_layout();
    this.after_layout();
  };
}
"""


class Islands(pn.custom.JSComponent):
    """Keeps what happens inside parts of a fixed size from reaching the rest of the page.

    Whatever is added to a page or changes its size makes Bokeh lay out the whole page, which
    takes the browser a fifth of a second once some figures are there. A part whose size does
    not depend on what it holds concerns nobody else.

    Attributes:
        tag: of the models of such parts.
    """

    tag = param.String()
    _esm = _ESM

    def __init__(self, **params: Any) -> None:
        super().__init__(width=0, height=0, margin=0, **params)
