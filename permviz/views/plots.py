"""How a figure becomes one that is updated in place."""

from collections.abc import Callable, Sequence
from typing import Any

import holoviews as hv
from bokeh.models import HoverTool, SaveTool, TapTool
from holoviews.streams import Stream

Hook = Callable[[Any, Any], None]

SMALL = {"title": "10pt", "labels": "9pt", "ticks": "8pt"}
"""Font sizes of figures that stand side by side."""

LEGEND = {
    "label_text_font_size": "8pt",
    "title_text_font_size": "8pt",
    "glyph_height": 12,
    "label_height": 12,
    "spacing": 0,
    "padding": 4,
    "background_fill_alpha": 0.6,
}
"""A legend that fits into a small figure."""


def plainly(plot: Any, _element: Any) -> None:
    """Hook that leaves the toolbar to the tools, and WebGL to figures that need it.

    A few hundred bars or an image gain nothing from it, and where no graphics card helps
    it takes seconds before the first of them is seen.
    """
    plot.state.toolbar.logo = None
    plot.state.output_backend = "canvas"


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
        return drawn.opts(hooks=[plainly, *hooks], **options)

    return hv.DynamicMap(draw, streams=list(streams))
