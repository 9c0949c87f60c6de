"""The served page: a bar, the controls on the left, the findings in the middle.

panel-material-ui is used here only, so that everything else also works in notebooks.
"""

from functools import partial
from typing import Any

import panel as pn
import panel_material_ui as pmui
from bokeh.model import Model
from panel.util.parameters import edit_readonly

from permviz.app.address import address
from permviz.app.cells import Cells
from permviz.app.ending import ends_in_time
from permviz.app.islands import Islands
from permviz.app.page import Page, announce
from permviz.app.quiet import note_arrival
from permviz.app.references import References
from permviz.app.sheets import Sheets
from permviz.app.state import Explorer
from permviz.app.template import TEMPLATE, announce_largest_part
from permviz.views.chart import ISLAND
from permviz.views.sight import served

TITLE = "permviz: channel permutations for N:M sparsity"
_ADDRESS = ("model", "layer", "strategies", "seed", "tab")


def build(model: str = "digits") -> pmui.Page:
    """Build the page for one browser session; its work ends with that session."""
    document = pn.state.curdoc
    if served() and document is not None:
        note_arrival()
        document.models = References(document)
        announce_largest_part(document)
    state = Explorer(model=model)
    announce(state)
    location = address()
    if location is not None:
        # Nothing shows the state yet, so its defaults cannot overwrite the address.
        location.sync(state, list(_ADDRESS), partial(_take_what_fits, state))
    # What is known before a page is made needs to be drawn only once.
    state.begin()
    page = Page(state)
    shell = pmui.Page(
        title=TITLE,
        sidebar=[page.controls],
        sidebar_width=330,
        main=[
            Sheets(),
            Cells(),
            Islands(tag=ISLAND),
            pn.Column(*page.main, sizing_mode="stretch_width", margin=(8, 12)),
        ],
        theme_config=_THEME,
        sx=_COMPACT,
        busy_indicator=None,
        template=TEMPLATE,
    )
    _without_busy_sign(shell)
    _letting_go(shell)
    page.tick()
    pn.state.onload(partial(_name_layer, state))
    ends_in_time(state)
    _forget_notices()
    return shell


def _take_what_fits(state: Explorer, asked: dict[str, Any]) -> None:
    """Follow a link as far as its values are possible, and say which are not."""
    for name, value in asked.items():
        try:
            state.param.update({name: value})
        except ValueError:
            state.tell("warning", f"The address asks for {name} {value!r}, which is impossible.")


def _name_layer(state: Explorer) -> None:
    """Put the layer that is shown first into the address, which a page begins by reading."""
    location: Any = pn.state.location
    if location is not None and state.layer not in {"", location.query_params.get("layer")}:
        location.update_query(layer=state.layer)


def _letting_go(shell: pmui.Page) -> None:
    """Let the page clean up its parts when its session ends.

    Panel looks for them in models that Bokeh has emptied by then, so that the figures of all
    visits would stay in memory.
    """
    itself = shell._cleanup  # noqa: SLF001 - nothing public does it

    def cleanup(root: Model | None = None) -> None:
        for part in (*shell.sidebar, *shell.main):
            part._cleanup(root)  # noqa: SLF001 - as Panel does
        itself(root)

    shell._cleanup = cleanup  # noqa: SLF001 - a class of its own would need scripts of its own


def _forget_notices() -> None:
    """Let go of the notification area when the session ends.

    Panel has forgotten by then which one it was, and keeps its model, and by that the page.
    """
    area, views = pn.state.notifications, pn.state._views  # noqa: SLF001 - nothing public knows

    def forget(_: object) -> None:
        for ref in [ref for ref, view in views.items() if view[0] is area]:
            del views[ref]

    pn.state.on_session_destroyed(forget)


def _without_busy_sign(shell: pmui.Page) -> None:
    """Cut the page's tie to Panel's busy flag.

    The tie sends the page's own model at every event, which walks the whole document; jobs
    that take time say so themselves.
    """
    with edit_readonly(shell):
        # A plain value would leave a watcher at the flag, which keeps the page in memory.
        shell.param.update(busy=pn.rx(False))


_COMPACT = {
    "& .MuiToolbar-root": {"minHeight": "44px !important", "height": "44px"},
    "& header .MuiTypography-root": {"fontSize": "1.05rem"},
}
_THEME = {
    "palette": {"primary": {"main": "#0072b2"}},
    "shape": {"borderRadius": 8},
    # The theme's own comes in nine files one after the other, and the page is laid out for each.
    "typography": {"fontFamily": "Helvetica, Arial, sans-serif"},
}
