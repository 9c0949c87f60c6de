"""What has to be set up before a view can be shown, in a notebook or on a served page."""

import builtins
from importlib import import_module

import panel as pn
from bokeh.models import ImportedStyleSheet, InlineStyleSheet
from panel import reactive
from panel.io.resources import CDN_DIST, DIST_DIR, LOCAL_DIST
from panel.pane import base as panes
from panel.theme import base as theme
from panel.widgets import base as widgets
from panel.widgets import tables

EXTENSIONS = ("tabulator", "filedropper")
"""The parts of Panel that views use; a page lacks those that it did not name itself."""

_MAKERS = (reactive, panes, theme, widgets, tables)
"""Where Panel makes style sheets that are imported from somewhere."""

_loaded = False


def load() -> None:
    """Load Panel's extension; in a notebook once, with the browser's part in the notebook itself.

    A served page names its extensions at every visit, or the second one would be blank.
    """
    global _loaded  # noqa: PLW0603 - a kernel has one notebook, and sends it some megabytes
    served = pn.state.curdoc is not None
    if _loaded and not served:
        return
    pn.extension(*EXTENSIONS, notifications=served, inline=True)
    if not served and hasattr(builtins, "__IPYTHON__"):
        _loaded = True
        # Panel fills in the style sheets of what a cell shows at first; what a view adds later,
        # and all of what VS Code shows, would refer to a server. Where there is none, a table
        # waits for its style sheet for ever, with a core of its own.
        for module in _MAKERS:
            vars(module)["ImportedStyleSheet"] = _StyleSheet
        # Only where there is a notebook is there what this imports.
        import_module("permviz.views.delivery").install()


class _StyleSheet:
    """A style sheet of Panel's with its content instead of its address."""

    def __new__(cls, url: str) -> ImportedStyleSheet | InlineStyleSheet:  # pyright: ignore[reportInconsistentConstructor]
        name = url.partition("?")[0].removeprefix(CDN_DIST).removeprefix(LOCAL_DIST)
        file = DIST_DIR / name
        if not file.is_file():
            return ImportedStyleSheet(url=url)
        sheet = InlineStyleSheet(css=file.read_text(encoding="utf-8"))
        vars(sheet)["url"] = url  # by which Panel knows it again
        return sheet
