"""One layer: heatmaps and gains, the curves of all strategies, and where its channels went."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from operator import attrgetter
from typing import Any

import panel as pn
import param

from permviz.figures.curves import (
    UNBEGUN,
    Clock,
    CurveInfo,
    Track,
    curve_info,
    curve_plot,
    follow_curves,
)
from permviz.figures.moves import MovesInfo, follow_moves, moves_info, moves_plot
from permviz.figures.pair import OrderPair, StripeInfo, stripe_info, stripe_plot
from permviz.figures.tabular import csv_text
from permviz.views.chart import ISLAND, Chart, Follow, Staged
from permviz.views.heatmaps import HeatmapPair
from permviz.views.menu import Menu
from permviz.views.plots import LEGEND, SMALL, fitting, savable
from permviz.views.replay import ReplayBar
from permviz.views.sight import Sighted, Stages, prepare, reveal
from permviz.views.words import layer_sentence

HEIGHT = 158
_WIDE: dict[str, Any] = {
    "responsive": True,
    "height": HEIGHT,
    "active_tools": [],
    "hooks": [savable],
    "fontsize": SMALL,
}
_FITTING: dict[str, Any] = {"hooks": [savable, fitting]}
BUTTONS: dict[str, Any] = {
    "name": "",
    "margin": (2, 4),
    "stylesheets": [
        """.bk-btn { font-size: 12px !important; padding: 3px 8px !important; }
        .bk-btn.bk-active { font-weight: 600; box-shadow: inset 0 -2px 0 #56b4e9 !important; }"""
    ],
}
_STRETCH = {"sizing_mode": "stretch_width"}


class CurvesView(Sighted):
    """Efficacy curves that grow while a search runs.

    Attributes:
        tracks: Track of each strategy.
        clock: ``seconds`` or ``iterations``.
        scale: ``linear`` or ``log``, how time is drawn.
        whole: whether the axis reaches up to the row optimum.
    """

    tracks = param.Parameter({}, allow_refs=True)
    clock = param.Selector(default="seconds", objects=["seconds", "iterations"])
    scale = param.Selector(default="linear", objects=["linear", "log"])
    whole = param.Selector(default=True, objects={"to the optimum": True, "close up": False})

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        mine = self.param
        info = pn.bind(_curves, mine.tracks, mine.clock, mine.scale, whole=mine.whole)
        # A line more or less, or another kind of axis, is another figure.
        self.staged = Staged(
            _curves_chart, HEIGHT, figure=_lines_and_axes, data=info, seen=self.param.seen
        )
        buttons = [
            pn.widgets.RadioButtonGroup.from_param(chosen, **BUTTONS)
            for chosen in (mine.clock, mine.scale, mine.whole)
        ]
        nothing = pn.pane.HTML(pn.bind(_unsearched, mine.tracks), margin=0, styles=_OVER)
        drawn = pn.Column(
            self.staged,
            nothing,
            styles={"position": "relative"},
            margin=0,
            tags=[ISLAND],
            **_STRETCH,
        )
        self._layout = pn.Column(pn.Row(*buttons, margin=0, **_STRETCH), drawn, **_STRETCH)

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    @property
    def built(self) -> bool:
        """Whether its chart is there."""
        return self.staged.built

    @property
    def waiting(self) -> bool:
        """Whether its chart has no place on the page yet."""
        return self.staged.waiting

    def arrive(self) -> None:
        """Give its chart the place."""
        self.staged.arrive()


_OVER = {
    "position": "absolute",
    "top": "40%",
    "left": "75px",
    "font-size": "12px",
    "pointer-events": "none",
}
"""Over a figure, which neither moves for it nor is out of reach below it."""


def _unsearched(tracks: Mapping[str, Track]) -> str:
    begun = any(track is not UNBEGUN for track in tracks.values())
    return "" if begun else "No search has run on this layer yet."


def _curves(tracks: Mapping[str, Track], clock: Clock, scale: str, *, whole: bool) -> Any:
    return curve_info(tracks, clock, log=scale == "log", whole=whole) if tracks else None


def _lines_and_axes(info: CurveInfo) -> tuple[object, ...]:
    return info.clock, info.log, info.bounded, *(line.strategy for line in info.lines)


def _curves_chart(info: CurveInfo) -> Chart:
    return Chart(
        curve_plot,
        info,
        name=f"curves by {info.clock}",
        follow=Follow(follow_curves, _lines_and_axes),
        legend_opts=LEGEND,
        **_WIDE,
    )


def moves_view(pair: Any, **params: Any) -> Staged:
    """Where each channel went, for a `pair`."""
    scene = attrgetter("layer", "new.size")
    return _of_pair(moves_info, _moves_chart, _style, scene=scene, pair=pair, **params)


def stripes_view(pair: Any, **params: Any) -> Staged:
    """What each stripe loses, before and after, for a `pair`."""
    return _of_pair(stripe_info, _stripes_chart, _stripes, pair=pair, **params)


def _of_pair(
    compute: Callable[[OrderPair], Any],
    build: Callable[[Any], Chart],
    figure: Callable[[Any], object],
    *,
    pair: Any,
    **params: Any,
) -> Staged:
    def info(pair: OrderPair | None) -> Any:
        return None if pair is None else compute(pair)

    data = pn.bind(info, pair) if isinstance(pair, param.Parameter) else info(pair)
    return Staged(build, HEIGHT, figure=figure, look=csv_text, data=data, **params)


def _style(info: MovesInfo) -> tuple[object, ...]:
    # The ticks of stripes belong to one number of channels.
    ticks = (info.new.size, info.pattern.m) if info.style == "lines" else ()
    return info.style, *ticks


def _stripes(info: StripeInfo) -> tuple[object, ...]:
    return info.size, info.before.size


def _moves_chart(info: MovesInfo) -> Chart:
    return Chart(
        moves_plot,
        info,
        name="channels",
        follow=Follow(follow_moves, attrgetter("new.size", "pattern")),
        **(_WIDE | _FITTING),
    )


def _stripes_chart(info: StripeInfo) -> Chart:
    return Chart(stripe_plot, info, name="stripes", legend_opts=LEGEND, **_WIDE)


class LayerView(Sighted):
    """Everything about one layer.

    Attributes:
        rows: LayerRow of each layer.
        pair: OrderPair of the picked layer.
        tracks: Track of each strategy.
        orders: texts that `shown` may be.
        layer: name of the picked layer.
        shown: whose order is looked at.
        aside: which figure stands beside the curves.
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
    aside = param.Selector(
        default="moves", objects={"where each channel went": "moves", "lost by stripe": "stripes"}
    )
    replay = param.Parameter(None, allow_refs=True)
    looked = param.Parameter(None)

    def __init__(self, on_replay: Callable[[], None] | None = None, **params: Any) -> None:
        super().__init__(**params)
        self._layers = Menu(label="Layer", width=165)
        self._orders = Menu(label="Order shown", width=175)
        self._layers.param.watch(self._pick_layer, "value")
        self._orders.param.watch(self._pick_order, "value")
        self._offer()
        self._heatmaps = HeatmapPair(pair=self.param.looked, seen=False)
        self._curves = CurvesView(tracks=self.param.tracks, seen=False)
        self._asides = {
            "moves": moves_view(pair=self.param.looked, seen=False),
            "stripes": stripes_view(pair=self.param.looked, seen=False),
        }
        self._beside = pn.Column(margin=0, **_STRETCH)
        self._player = ReplayBar(replay=self.param.replay)
        self._player.param.watch(lambda _: self._look(), "pair")
        self._look()
        self._layout = self._laid_out(on_replay)
        self._reveal()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    def prepare(self, quiet: Callable[[], bool]) -> None:
        """Build the figures while it is `quiet`, before anybody would have to wait for them."""
        prepare(self._stages(), wanted=lambda: not self.seen, quiet=quiet)

    def _laid_out(self, on_replay: Callable[[], None] | None) -> pn.Column:
        kind = self._heatmaps.kind_buttons(**(BUTTONS | {"margin": (10, 6)}))
        again = pn.widgets.Button(label="Replay", width=76, margin=(14, 4))
        again.visible = on_replay is not None
        again.on_click(lambda _: on_replay() if on_replay is not None else None)
        told = pn.bind(layer_sentence, self.param.rows, self.param.layer, self.param.pair)
        aside = pn.widgets.RadioButtonGroup.from_param(self.param.aside, **BUTTONS)
        return pn.Column(
            pn.Row(self._layers, self._orders, kind, again, **_STRETCH),
            pn.pane.HTML(told, margin=(0, 10), styles={"font-size": "12px"}, **_STRETCH),
            self._player,
            self._heatmaps,
            pn.Row(self._curves, pn.Column(aside, self._beside, **_STRETCH), **_STRETCH),
            **_STRETCH,
        )

    @param.depends("seen", watch=True)
    def _reveal(self) -> None:
        reveal(self._stages(), seen=self.seen, wanted=lambda: self.seen)

    def _stages(self) -> Stages:
        chosen = self._asides[self.aside]
        if self._beside.objects != [chosen.__panel__()]:
            self._beside.objects = [chosen]
        return [*self._heatmaps.stages, [self._curves], [chosen]]

    @param.depends("aside", watch=True)
    def _turn_aside(self) -> None:
        """Draw the figure that is chosen to stand beside the curves."""
        for name, view in self._asides.items():
            if name != self.aside:
                view.seen = False
        self._reveal()

    @param.depends("pair", "replay", watch=True)
    def _look(self) -> None:
        step: OrderPair | None = self._player.pair
        pair: OrderPair | None = self.pair
        if step is None or self.replay is None or self.replay.layer != step.layer:
            self.looked = pair
        elif pair is None or pair.layer != step.layer:
            self.looked = step
        else:
            self.looked = replace(step, weights=pair.weights, unit=pair.unit)

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
