"""How a figure becomes one that is updated in place."""

from collections.abc import Callable, Sequence
from typing import Any

import holoviews as hv
from bokeh.models import HoverTool, SaveTool, TapTool
from holoviews.streams import Stream

from permviz.figures.sources import fit

Hook = Callable[[Any, Any], None]

SMALL = {
    "title": "10pt",
    "labels": "9pt",
    "ticks": "8pt",
    "legend": "8pt",
    "clabel": "8pt",
    "cticks": "8pt",
}
"""Font sizes of figures that stand side by side."""

LEGEND = {
    "label_text_font_size": "8pt",
    "title_text_font_size": "8pt",
    "glyph_height": 12,
    "label_height": 12,
    "spacing": 0,
    "padding": 4,
    "background_fill_alpha": 0.6,
    # The theme of the served page overwrites the sizes above in the browser, where this wins.
    "stylesheets": [
        ".bk-label { font-size: 11px !important; } .bk-grid { row-gap: 1px !important; }"
    ],
}
"""A legend that fits into a small figure."""


def plainly(plot: Any, _element: Any) -> None:
    """Hook that leaves the toolbar to tools that need a button, and WebGL to other figures.

    A few hundred bars or an image gain nothing from it, and where no graphics card helps
    it takes seconds before the first of them is seen.
    """
    plot.state.toolbar.logo = None
    plot.state.output_backend = "canvas"
    for tool in plot.state.toolbar.tools:
        if isinstance(tool, HoverTool) and tool.visible:
            tool.visible = False


def once(plot: Any, _element: Any) -> None:
    """Hook that keeps a new figure with a zoom from being drawn twice.

    HoloViews lets the zoom draw it again for the limits that it was given, which are what
    it was drawn for.
    """
    plot._trigger = []  # noqa: SLF001 - nothing public knows


def savable(plot: Any, _element: Any) -> None:
    """Hook that offers the picture as PNG and nothing else; hovering and tapping go on."""
    toolbar = plot.state.toolbar
    kept = [tool for tool in toolbar.tools if isinstance(tool, SaveTool | HoverTool | TapTool)]
    for tool in kept:
        tool.visible = isinstance(tool, SaveTool)
    if len(kept) != len(toolbar.tools):
        toolbar.tools = kept


def margins(left: int, right: int) -> Hook:
    """Hook that keeps room beside a figure, so that figures above each other line up."""

    def keep(plot: Any, _element: Any) -> None:
        plot.state.min_border_left, plot.state.min_border_right = left, right

    return keep


def fitting(plot: Any, element: Any) -> None:
    """Hook that shows all of what is drawn when it has other ends than what was drawn before.

    While they stay, a zoom stays as it is. HoloViews fits an axis once, or at every drawing.
    """
    asked = hv.Store.lookup_options("bokeh", element, "plot").kwargs
    for key, axis in (("x", plot.state.x_range), ("y", plot.state.y_range)):
        limits = asked[f"{key}lim"]
        fit(axis, *(reversed(limits) if asked.get(f"invert_{key}axis") else limits))


def live(
    plot: Callable[..., Any], *streams: Stream, hooks: Sequence[Hook] = (), **options: Any
) -> hv.DynamicMap:
    """Draw whatever the streams hold, anew whenever one of them changes.

    Args:
        plot: from what the streams hold to a HoloViews object.
        streams: among them a `Pipe`, whose data come by the name `data`.
        hooks: what else is done to the figure whenever it was drawn.
        options: plot options of what is drawn.
    """

    # Options of the dynamic map itself would cost as much again as drawing does.
    def draw(data: Any, **ranges: Any) -> Any:
        drawn = plot(data, **ranges)
        return drawn.opts(hooks=[plainly, once, *hooks], **options)

    return hv.DynamicMap(draw, streams=list(streams))
