"""One layer before and after, with one zoom for both."""

import math
from dataclasses import dataclass
from typing import Any

import holoviews as hv
import numpy as np
import panel as pn
import param
from holoviews.streams import Pipe, RangeXY
from numpy.typing import NDArray

from permviz.figures.heatmap import (
    HeatmapInfo,
    Kind,
    Window,
    color_limit,
    heatmap_info,
    heatmap_plot,
)
from permviz.figures.pair import OrderPair
from permviz.figures.rescue import difference_info
from permviz.views.plots import SMALL, live
from permviz.views.sight import Sighted

HEIGHT = 300
Range = tuple[float, float] | None


class HeatmapPair(Sighted):
    """Heatmaps of a layer in the order as given and in the found order.

    Attributes:
        pair: OrderPair, or None.
        kind: ``magnitude``, ``kept``, ``pruned`` or ``difference``.
    """

    pair = param.Parameter(None, allow_refs=True)
    kind = param.Selector(
        default="magnitude", objects=["magnitude", "kept", "pruned", "difference"]
    )

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._layout = pn.Column(sizing_mode="stretch_width", min_height=HEIGHT)
        self._of: tuple[object, ...] = ()
        self._given, self._found = Pipe(), Pipe()
        self._show()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    @param.depends("pair", "kind", "seen", watch=True)
    def _show(self) -> None:
        if not self.seen:
            return
        pair: OrderPair | None = self.pair
        if pair is None:
            self._of = ()
            self._layout.objects = [pn.pane.Markdown(_NOTHING)]
            return
        # Another layer or session gets new figures, and differences do: axes and colours differ.
        signed = self.kind == "difference"
        of = (pair.layer, pair.scores.shape, str(pair.pattern), float(pair.scores.sum()), signed)
        given, found = _Shown(pair, pair.given, self.kind), _Shown(pair, pair.order, self.kind)
        if of != self._of:
            self._of = of
            self._layout.objects = [self._new_plots(given, found)]
            return
        # While a search runs only the found order changes, and what it rescues.
        other_kind = self._given.data.kind != self.kind
        other_order = bool((self._found.data.order != pair.order).any())
        if other_kind or (other_order and self.kind == "difference"):
            self._given.send(given)
        if other_kind or other_order:
            self._found.send(found)

    def _new_plots(self, given: "_Shown", found: "_Shown") -> pn.viewable.Viewable:
        self._given, self._found = Pipe(data=given), Pipe(data=found)
        limit = color_limit(given.pair.scores)
        # Panel links axes of equal dimensions on a page; all other figures here opt out.
        panes = [
            pn.pane.HoloViews(
                _heatmap(pipe, f"{given.pair.layer}: {title}", limit),
                sizing_mode="stretch_width",
                linked_axes=True,
                margin=0,
            )
            for pipe, title in ((self._given, "order as given"), (self._found, "permuted"))
        ]
        return pn.Row(*panes, sizing_mode="stretch_width")


@dataclass(frozen=True, slots=True, eq=False)
class _Shown:
    pair: OrderPair
    order: NDArray[np.int64]
    kind: Kind


def _info(data: _Shown, window: Window | None, limit: float) -> HeatmapInfo:
    if data.kind == "difference":
        return difference_info(data.pair, data.order, window, limit)
    return heatmap_info(data.pair.scores, data.order, data.pair.pattern, window, data.kind, limit)


def _heatmap(pipe: Pipe, title: str, limit: float) -> hv.DynamicMap:
    def draw(data: _Shown, x_range: Range, y_range: Range) -> hv.Overlay:
        window = visible_window(x_range, y_range)
        return heatmap_plot(_info(data, window, limit), title)

    return live(
        draw,
        pipe,
        RangeXY(),
        responsive=True,
        height=HEIGHT,
        active_tools=["box_zoom"],
        fontsize=SMALL,
    )


_NOTHING = "The pattern does not apply to this layer, so there is no order to look at."


def visible_window(x_range: Range, y_range: Range) -> Window | None:
    """The entries that axis ranges touch; None for axes that have no range yet.

    >>> visible_window((-0.5, 3.5), (7.5, 1.5))
    Window(rows=(2, 8), channels=(0, 4))
    """
    if x_range is None or y_range is None or None in (*x_range, *y_range):
        return None
    left, right = sorted(x_range)
    top, bottom = sorted(y_range)
    return Window(
        (math.floor(top + 0.5), math.ceil(bottom + 0.5)),
        (math.floor(left + 0.5), math.ceil(right + 0.5)),
    )
