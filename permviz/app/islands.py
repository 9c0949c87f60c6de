"""Parts of a page that are laid out by themselves, without the rest of it."""

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
  const {invalidate_layout, compute_layout, _after_resize} = layouts;
  layouts.invalidate_layout = function () {
    if (!this.model.tags.includes(model.tag)) return invalidate_layout.call(this);
    const placed = this.layout != null;
    this.update_layout();
    // What has been emptied must leave the grid that its parent lays out.
    if (placed && this.layout == null) return invalidate_layout.call(this);
    this.compute_layout();
  };
  layouts.compute_layout = function () {
    if (!this.model.tags.includes(model.tag)) return compute_layout.call(this);
    this.measure_layout();
    this.update_bbox();
    this._compute_layout();
    this.after_layout();
    this._layout_computed = true;
  };
  const widths = new WeakMap();
  layouts._after_resize = function () {
    const {width} = this.el.getBoundingClientRect();
    const same = widths.get(this) === width;
    widths.set(this, width);
    if (!same || this.canvas_view != null) _after_resize.call(this);
  };
}
"""


class Islands(pn.custom.JSComponent):
    """Keeps what happens inside some parts from reaching the rest of the page.

    Whatever is added to a page or changes its size, a line of text too, makes Bokeh lay out the
    whole page, which takes the browser a fifth of a second once some figures are there. A part
    whose size does not depend on what it holds concerns nobody else, nor does a column that
    stands by itself. What becomes higher moves the others, and has none of them drawn anew:
    figures have a height of their own and share the width.

    Attributes:
        tag: of the models of such parts.
    """

    tag = param.String()
    _esm = _ESM

    def __init__(self, **params: Any) -> None:
        super().__init__(width=0, height=0, margin=0, **params)
