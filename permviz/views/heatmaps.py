"""One layer before and after, with one zoom for both, and what its columns gain below."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any, Literal

import numpy as np
import panel as pn
import param
from holoviews.streams import RangeX, RangeXY
from numpy.typing import NDArray

from permviz.figures.gains import GainsInfo, follow_gains, gains_info, gains_plot
from permviz.figures.heatmap import (
    KINDS,
    HeatmapInfo,
    Kind,
    Window,
    heatmap_info,
    kind_limit,
)
from permviz.figures.heatmap_plot import follow_heatmap, heatmap_plot
from permviz.figures.pair import OrderPair
from permviz.views.chart import Chart, Follow, Staged, Zoom
from permviz.views.plots import SMALL, fitting, margins, savable
from permviz.views.sight import Sighted, reveal

HEIGHT, STRIP = 205, 82
_WIDE = {"sizing_mode": "stretch_width"}
_MARGINS = margins(70, 110)
"""Room for the row numbers and the colours, so that strips stand below their columns."""

Range = tuple[float, float] | None
Side = Literal["order as given", "permuted"]
SIDES: tuple[Side, Side] = ("order as given", "permuted")


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What one side shows.

    Attributes:
        pair: the layer in both orders.
        side: which of them.
        kind: what of the weights.
        limit: what the ends of the colours stand for.
    """

    pair: OrderPair
    side: Side
    kind: Kind
    limit: float

    @property
    def order(self) -> NDArray[np.int64]:
        """The order of the side."""
        return self.pair.given if self.side == SIDES[0] else self.pair.order

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the layer, which a zoom belongs to."""
        return self.pair.scores.shape

    @property
    def heatmap_look(self) -> tuple[object, ...]:
        """What the heatmap depends on; the one as given stays while a search runs."""
        order = self.pair.order if self.kind == "difference" else self.order
        return (*self._layer, self.kind, self.limit, order.tobytes())

    @property
    def gains_look(self) -> tuple[object, ...]:
        """What the gains depend on."""
        return (*self._layer, self.pair.order.tobytes())

    @property
    def scene(self) -> tuple[object, ...]:
        """What has to look the same in all figures at any time."""
        return self.pair.layer, self.shape, self.kind

    @property
    def frame(self) -> tuple[object, ...]:
        """What a figure is drawn for; all else it follows."""
        pair = self.pair
        return *self.scene, self.limit, pair.unit, pair.pattern

    @property
    def _layer(self) -> tuple[object, ...]:
        return self.pair.layer, id(self.pair.scores), str(self.pair.pattern)


def _heatmap_chart(shown: Shown) -> Chart:
    side = shown.side
    return Chart(
        lambda info: heatmap_plot(info, f"{info.layer}: {side}"),
        shown,
        _heatmap,
        name=f"heatmap {side}",
        follow=Follow(follow_heatmap, _FRAME),
        zoom=Zoom(RangeXY(), _SHAPE),
        hooks=[_MARGINS, fitting],
        height=HEIGHT,
        active_tools=["box_zoom"],
        fontsize=SMALL,
        responsive=True,
    )


def _heatmap(data: Shown, x_range: Range, y_range: Range) -> HeatmapInfo:
    window = visible_window(x_range, y_range)
    return heatmap_info(data.pair, data.order, window, data.kind, data.limit)


def _gains_chart(shown: Shown) -> Chart:
    return Chart(
        gains_plot,
        shown,
        _gains,
        name=f"gains {shown.side}",
        follow=Follow(follow_gains, _FRAME),
        zoom=Zoom(RangeX(), _SHAPE),
        hooks=[_MARGINS, fitting, savable],
        height=STRIP,
        active_tools=[],
        fontsize=SMALL | {"title": "8pt"},
        responsive=True,
    )


def _gains(data: Shown, x_range: Range) -> GainsInfo:
    window = visible_window(x_range, (0, 1))
    return gains_info(data.pair, data.order, None if window is None else window.channels)


class HeatmapPair(Sighted):
    """Heatmaps of a layer in the order as given and in the found order, and their strips.

    Attributes:
        pair: OrderPair, or None.
        kind: what of the weights is shown, see `KINDS`.
        parts: the charts that it consists of, heatmaps first.
        stages: the same, each built in a turn of its own.
    """

    pair = param.Parameter(None, allow_refs=True)
    kind = param.Selector(default="magnitude", objects=KINDS)

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        sides = [pn.bind(partial(_shown, side), self.param.pair, self.param.kind) for side in SIDES]
        maps = [
            Staged(_heatmap_chart, HEIGHT, look=_HEATMAP, scene=_SCENE, data=side, seen=False)
            for side in sides
        ]
        strips = [
            Staged(_gains_chart, STRIP, look=_GAINS, scene=_SCENE, data=side, seen=False)
            for side in sides
        ]
        self.parts: Sequence[Staged] = (*maps, *strips)
        self.stages = tuple([one] for one in self.parts)
        told = pn.pane.HTML(
            pn.bind(kind_sentence, self.param.kind, self.param.pair),
            styles={"font-size": "12px"},
            margin=(0, 10),
            **_WIDE,
        )
        rows = [pn.Row(*both, margin=0, **_WIDE) for both in (maps, strips)]
        self._layout = pn.Column(told, *rows, **_WIDE)
        self._reveal()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    @param.depends("seen", watch=True)
    def _reveal(self) -> None:
        reveal(self.stages, seen=self.seen, wanted=lambda: self.seen)

    def kind_buttons(self, **options: Any) -> pn.viewable.Viewable:
        """Buttons that choose what of the weights is shown."""
        return pn.widgets.RadioButtonGroup.from_param(self.param.kind, **({"name": ""} | options))


def _shown(side: Side, pair: OrderPair | None, kind: Kind) -> Shown | None:
    return None if pair is None else Shown(pair, side, kind, kind_limit(pair, kind))


_SHAPE, _SCENE, _FRAME = attrgetter("shape"), attrgetter("scene"), attrgetter("frame")
_HEATMAP, _GAINS = attrgetter("heatmap_look"), attrgetter("gains_look")


def kind_sentence(kind: Kind, pair: OrderPair | None) -> str:
    """What the colours tell, in a sentence of HTML."""
    if pair is None:
        return "The pattern does not apply to this layer, so there is no order to look at."
    told = _TOLD[kind].format(pattern=pair.pattern)
    return f"{told} {_BARS.format(gain=float(pair.gains.sum()))}"


_BARS = (
    "Bars: gain of each column (dark) and stripe (pale), <b>{gain:+.2f} %</b> of the layer in all."
)
_TOLD: dict[Kind, str] = {
    "magnitude": "Magnitude of every weight; zoomed in, what {pattern} prunes is veiled.",
    "sign": "Weights above 0 purple, below 0 orange; zoomed in, what {pattern} prunes is veiled.",
    "mask": "How much of the magnitude {pattern} keeps: all where yellow, nothing where blue.",
    "difference": "Weights that the new order rescues purple, those given up for them orange.",
    "kept": "Only what {pattern} keeps.",
    "pruned": "Only what {pattern} prunes.",
}


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
