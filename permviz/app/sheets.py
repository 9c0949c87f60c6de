"""Tables that come to rest when the page gives them its colours."""

from typing import Any

import panel as pn

_ESM = """
const watched = new WeakSet();

const settle = table => {
  const links = [...table.shadow_el.querySelectorAll("link")];
  const loaded = new Map(links.map(link => [link.href, link.sheet != null]));
  table._initialized_stylesheets = loaded;
  const drawn = () => {
    // A table that waits draws itself as soon as it looks again.
    if ([...loaded.values()].every(known => known) && !table._resize_pending) table.style_redraw();
  };
  for (const link of links.filter(link => link.sheet == null))
    for (const end of ["load", "error"])
      link.addEventListener(end, () => (loaded.set(link.href, true), drawn()), {once: true});
  drawn();
};

export function render({view}) {
  const page = view.model.document;
  if (watched.has(page)) return;
  watched.add(page);
  page.on_change(({model, attr}) => {
    if (attr != "stylesheets" || !model.type.endsWith("DataTabulator")) return;
    // The table exchanges its sheets first.
    setTimeout(() => {
      const table = Bokeh.index.find_one_by_id(model.id);
      if (table?.shadow_el.querySelector("link") != null) settle(table);
    });
  });
}
"""


class Sheets(pn.custom.JSComponent):
    """Tells tables of the sheets that the page's theme exchanges.

    A table waits for its style sheets in a loop that takes a whole core of the browser. It
    does not look for those that the theme puts in the place of others still being loaded, and
    waited for the old ones for ever.
    """

    _esm = _ESM

    def __init__(self, **params: Any) -> None:
        super().__init__(width=0, height=0, margin=0, **params)
