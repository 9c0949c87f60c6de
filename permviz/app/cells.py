"""Tables whose cells change while everything else stays where it is."""

from typing import Any

import panel as pn

_ESM = """
const differing = ({model: {source}, tabulator}) => {
  const columns = source.columns().map(name => [name, source.get_array(name)]);
  return tabulator.getData().flatMap(row => {
    const changed = columns.filter(([name, values]) => !Object.is(values[row._index], row[name]));
    if (changed.length == 0) return [];
    const cells = changed.map(([name, values]) => [name, values[row._index]]);
    return [{...Object.fromEntries(cells), _index: row._index}];
  });
};

const arranged = ({model: {sorters, filters}}) => sorters.length > 0 || filters.length > 0;

const complete = ({model: {source}, tabulator, _initializing}) =>
  !_initializing && tabulator?.initialized && tabulator.getDataCount() == source.get_length();

export function render() {
  const tables = Bokeh.Models.get("panel.models.tabulator.DataTabulator")
    .prototype.default_view.prototype;
  if (tables.exchanging) return;
  const anew = tables.updateOrAddData;
  tables.exchanging = function () {
    const rows = differing(this);
    if (rows.length > 0) this.tabulator.updateData(rows);
  };
  tables.updateOrAddData = function () {
    // What is sorted or filtered by may have changed, too.
    if (complete(this) && !arranged(this) && !this._tabulator_cell_updating) this.exchanging();
    else anew.call(this);
  };
}
"""


class Cells(pn.custom.JSComponent):
    """Has tables exchange the cells that change, and not all of their rows.

    Panel fills a table anew for every cell. That takes a page a fifth of a second, moves
    the rows away under a pointer, and scrolls to the row that is picked and back.
    """

    _esm = _ESM

    def __init__(self, **params: Any) -> None:
        super().__init__(width=0, height=0, margin=0, **params)
