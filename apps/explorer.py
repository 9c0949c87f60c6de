"""The explorer, to be served with `panel serve apps/explorer.py`."""

import panel as pn

pn.extension("tabulator", "filedropper", notifications=True)

from permviz.app.shell import build  # noqa: E402 - widgets need their extensions first

build().servable()
