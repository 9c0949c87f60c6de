"""One layer: heatmaps, the curves of all strategies, and what its stripes lose."""

from collections.abc import Callable
from typing import Any

import panel as pn
import param
from holoviews.streams import Pipe

from permviz.figures.curves import CurveInfo, curve_info, curve_plot
from permviz.figures.pair import StripeInfo, stripe_info, stripe_plot
from permviz.views.heatmaps import HeatmapPair
from permviz.views.plots import LEGEND, SMALL, live
from permviz.views.replay import ReplayBar
from permviz.views.sight import Sighted, reveal
from permviz.views.words import layer_sentence

HEIGHT = 215
_WIDE = {
    "responsive": True,
    "height": HEIGHT,
    "active_tools": [],
    "toolbar": None,
    "fontsize": SMALL,
    "legend_opts": LEGEND,
}


_SMALL_BUTTONS = {
    "name": "",
    "margin": (8, 6),
    "stylesheets": [".bk-btn { font-size: 12px !important; padding: 4px 10px !important; }"],
}


class CurvesView(Sighted):
    """Efficacy curves that grow while a search runs.

    Attributes:
        tracks: Track of each strategy.
        clock: ``seconds`` or ``iterations``.
    """

    tracks = param.Parameter({}, allow_refs=True)
    clock = param.Selector(default="seconds", objects=["seconds", "iterations"])

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._layout = pn.Column(sizing_mode="stretch_width", height=HEIGHT)
        self._of: tuple[object, ...] = ()
        self._pipe = Pipe()
        self._show()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    @param.depends("tracks", "clock", "seen", watch=True)
    def _show(self) -> None:
        if not self.seen:
            return
        info = curve_info(self.tracks, self.clock)
        of = (info.clock, *(line.strategy for line in info.lines))
        if not info.lines:
            self._of = ()
            self._layout.objects = [pn.pane.Markdown("No search has run on this layer yet.")]
        elif of == self._of:
            self._pipe.send(info)
        else:
            self._of = of
            self._layout.objects = [self._new_plot(info)]

    def _new_plot(self, info: CurveInfo) -> pn.viewable.Viewable:
        self._pipe = Pipe(data=info)
        curves = live(curve_plot, self._pipe, **_WIDE)
        return pn.pane.HoloViews(curves, sizing_mode="stretch_width", linked_axes=False, margin=0)


class StripesView(Sighted):
    """What each stripe loses, before and after.

    Attributes:
        pair: OrderPair, or None.
    """

    pair = param.Parameter(None, allow_refs=True)

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._layout = pn.Column(sizing_mode="stretch_width", height=HEIGHT)
        self._of: tuple[object, ...] = ()
        self._pipe = Pipe()
        self._show()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    @param.depends("pair", "seen", watch=True)
    def _show(self) -> None:
        if not self.seen:
            return
        if self.pair is None:
            self._of = ()
            self._layout.objects = []
            return
        info = stripe_info(self.pair)
        of = (self.pair.layer, info.size, info.positions.size)
        if of == self._of:
            self._pipe.send(info)
        else:
            self._of = of
            self._layout.objects = [self._new_plot(info)]

    def _new_plot(self, info: StripeInfo) -> pn.viewable.Viewable:
        self._pipe = Pipe(data=info)
        strip = live(stripe_plot, self._pipe, **_WIDE)
        return pn.pane.HoloViews(strip, sizing_mode="stretch_width", linked_axes=False, margin=0)


class LayerView(Sighted):
    """Everything about one layer.

    Attributes:
        rows: LayerRow of each layer.
        pair: OrderPair of the picked layer.
        tracks: Track of each strategy.
        orders: texts that `shown` may be.
        layer: name of the picked layer.
        shown: whose order is looked at.
        replay: Replay of the picked layer that is watched, or None.
        looked: OrderPair that is drawn: the picked layer's, or a step of the replay; set by
            the view.
    """

    rows = param.Parameter((), allow_refs=True)
    pair = param.Parameter(None, allow_refs=True)
    tracks = param.Parameter({}, allow_refs=True)
    orders = param.List([], allow_refs=True)
    layer = param.String("")
    shown = param.String("")
    replay = param.Parameter(None, allow_refs=True)
    looked = param.Parameter(None)

    def __init__(self, on_replay: Callable[[], None] | None = None, **params: Any) -> None:
        super().__init__(**params)
        self._layers = pn.widgets.Select(label="Layer", width=165)
        self._orders = pn.widgets.Select(label="Order shown", width=175)
        self._layers.param.watch(self._pick_layer, "value")
        self._orders.param.watch(self._pick_order, "value")
        self._offer()
        heatmaps = HeatmapPair(pair=self.param.looked, seen=False)
        curves = CurvesView(tracks=self.param.tracks, seen=False)
        stripes = StripesView(pair=self.param.looked, seen=False)
        self._parts = (heatmaps, curves, stripes)
        kind = pn.widgets.RadioButtonGroup.from_param(heatmaps.param.kind, **_SMALL_BUTTONS)
        clock = pn.widgets.RadioButtonGroup.from_param(curves.param.clock, **_SMALL_BUTTONS)
        self._player = ReplayBar(replay=self.param.replay)
        self._player.param.watch(lambda _: self._look(), "pair")
        again = pn.widgets.Button(label="Replay", width=76, margin=(14, 4))
        again.visible = on_replay is not None
        again.on_click(lambda _: on_replay() if on_replay is not None else None)
        self._look()
        told = pn.bind(layer_sentence, self.param.rows, self.param.layer, self.param.pair)
        self._layout = pn.Column(
            pn.Row(self._layers, self._orders, kind, clock, again, sizing_mode="stretch_width"),
            pn.pane.HTML(
                told, sizing_mode="stretch_width", margin=(0, 10), styles={"font-size": "12px"}
            ),
            self._player,
            heatmaps,
            pn.Row(curves, stripes, sizing_mode="stretch_width"),
            sizing_mode="stretch_width",
        )
        self._reveal()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    @param.depends("seen", watch=True)
    def _reveal(self) -> None:
        reveal(self._parts, seen=self.seen)

    @param.depends("pair", "replay", watch=True)
    def _look(self) -> None:
        step = self._player.pair
        watched = self.replay is not None and step is not None and self.replay.layer == step.layer
        self.looked = step if watched else self.pair

    @param.depends("rows", "orders", "layer", "shown", watch=True)
    def _offer(self) -> None:
        names = [row.name for row in self.rows]
        if self._layers.options != names or self._layers.value != self.layer:
            known = self.layer if self.layer in names else None
            self._layers.param.update(options=names, value=known)
        if self._orders.options != self.orders or self._orders.value != self.shown:
            shown = self.shown if self.shown in self.orders else None
            self._orders.param.update(options=list(self.orders), value=shown)

    def _pick_layer(self, event: param.parameterized.Event) -> None:
        if event.new:
            self.layer = event.new

    def _pick_order(self, event: param.parameterized.Event) -> None:
        if event.new:
            self.shown = event.new
