"""Strategies compared layer by layer, and the choice between them."""

import io
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import panel as pn
import param
from holoviews.streams import Tap

from permviz.errors import SessionError
from permviz.figures.compare import CompareInfo, compare_info, compare_plot, layers_plot, shortened
from permviz.figures.frontier import FrontierInfo, frontier_info, frontier_plot
from permviz.search.result import SearchResult
from permviz.session.comparison import NOTHING, Comparison, compared, comparison
from permviz.session.report import layer_rows
from permviz.session.session import Session
from permviz.views.chart import Chart, Staged
from permviz.views.comparing import (
    AHEAD,
    SHARES,
    USED,
    WINNER,
    choice_sentence,
    compare_legend,
    comparison_csv,
    comparison_frame,
    sharing_sentence,
)
from permviz.views.following import Following
from permviz.views.menu import Menu
from permviz.views.plots import SMALL, margins, savable
from permviz.views.sight import Sighted, reveal
from permviz.views.table import LAYER, TABLE_CSS, TOLD_WHOLE, frame_patch, layer_width

_WIDE = {"sizing_mode": "stretch_width"}
_WIDTHS = {WINNER: 104, AHEAD: 80, USED: 104, SHARES: 300}
_TEXT = {"font-size": "12px"}
_BUTTON = {"margin": (14, 4, 4, 4), "align": "end"}
_NOTHING = (
    "No search has run yet. Choose several strategies on the left and press Start; what each "
    "of them finds on each layer is compared here while they run."
)


class CompareView(Sighted):
    """Map, chart, frontier and table of several strategies on the same layers.

    Attributes:
        comparison: Comparison of what was found.
        choice: strategy by channel group, where it is not simply the best.
        layer: name of the picked layer.
    """

    comparison = param.Parameter(NOTHING, allow_refs=True)
    choice = param.Dict({})
    layer = param.String("")

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._layout = pn.Column(pn.pane.Markdown(_NOTHING), **_WIDE)
        self._of: tuple[object, ...] = ()
        self._charts: Sequence[Staged] = ()
        self._show()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    @param.depends("comparison", "choice", "layer", "seen", watch=True)
    def _show(self) -> None:
        if not self.seen:
            return
        found: Comparison = self.comparison
        info = compare_info(found, self.choice, self.layer)
        if not found.begun:
            self._of = ()
            self._layout.objects = [pn.pane.Markdown(_NOTHING)]
        elif self._of != (info.layers, info.strategies):
            self._of = (info.layers, info.strategies)
            self._layout.objects = self._new_parts(info)
            self._tell(info)
            self._reveal()
        else:
            self._tell(info)
            for chart, data in zip(self._charts, (info, info, self._frontier()), strict=True):
                chart.data = data
            self._reveal()

    def _reveal(self) -> None:
        reveal([[chart] for chart in self._charts], seen=True, wanted=lambda: self.seen)

    # Building

    def _new_parts(self, info: CompareInfo) -> list[Any]:
        self._said = pn.pane.HTML("", styles=_TEXT, **_WIDE)
        self._legend = pn.pane.HTML("", margin=(2, 10), **_WIDE)
        self._table = self._new_table()
        rows = 30 + 24 * len(info.strategies)
        self._charts = (
            Staged(partial(self._new_map, rows), rows, data=info, seen=False),
            Staged(self._new_layers, _LAYERS, data=info, seen=False),
            Staged(self._new_frontier, _FRONTIER[1], data=self._frontier(), seen=False),
        )
        by_map, by_layer, by_time = self._charts
        return [
            self._new_choice(),
            self._said,
            self._legend,
            by_map,
            by_layer,
            pn.Row(pn.Column(by_time, width=_FRONTIER[0] + 5), self._table, **_WIDE),
        ]

    def _new_choice(self) -> pn.viewable.Viewable:
        self._picked = Menu(label="Layer", width=200)
        self._strategy = Menu(label="Strategy for it", width=230)
        self._picked.param.watch(self._pick_from_list, "value")
        use = pn.widgets.Button(label="Use this one", color="primary", **_BUTTON)
        best = pn.widgets.Button(label="Best everywhere", **_BUTTON)
        use.on_click(lambda _: self.use(self.layer, self._strategy.value))
        best.on_click(lambda _: self.use_best())
        csv = pn.widgets.FileDownload(
            callback=self._csv, filename="comparison.csv", label="CSV", **_BUTTON
        )
        return pn.Row(self._picked, self._strategy, use, best, csv, **_WIDE)

    def _new_map(self, height: int, info: CompareInfo) -> Chart:
        return _chart(compare_plot, info, "strategies by layers", height, self._tap)

    def _new_layers(self, info: CompareInfo) -> Chart:
        return _chart(
            layers_plot, info, "efficacy by layer", _LAYERS, lambda x, _: self._tap(x, None)
        )

    def _new_frontier(self, info: FrontierInfo) -> Chart:
        width, height = _FRONTIER
        return Chart(
            frontier_plot,
            info,
            name="efficacy by time",
            hooks=[savable],
            width=width,
            height=height,
            **_FIGURE,
        )

    def _new_table(self) -> pn.widgets.Tabulator:
        frame = comparison_frame(self.comparison, self.choice)
        table = pn.widgets.Tabulator(
            frame,
            show_index=False,
            disabled=True,
            selectable=1,
            layout="fit_data",
            height=280,
            pagination=None,
            frozen_columns=[LAYER],
            stylesheets=[TABLE_CSS],
            titles={AHEAD: "ahead by (points)"},
            widths={LAYER: layer_width(frame[LAYER])} | _WIDTHS,
            configuration=TOLD_WHOLE,
            **_WIDE,
        )
        table.param.watch(self._pick_row, "selection")
        return table

    # Showing

    def _tell(self, info: CompareInfo) -> None:
        found: Comparison = self.comparison
        said = [choice_sentence(found, self.choice, info), sharing_sentence(found, self.layer)]
        self._said.object = " ".join(part for part in said if part)
        self._legend.object = compare_legend(info)
        self._offer(info)
        patch = frame_patch(self._table.value, comparison_frame(found, self.choice))
        if patch:
            self._table.patch(patch)
        places = [] if info.selected is None else [info.selected]
        if self._table.selection != places:
            self._table.selection = places

    def _offer(self, info: CompareInfo) -> None:
        names = list(info.layers)
        picked = self.layer if self.layer in names else None
        if self._picked.options != names or self._picked.value != picked:
            self._picked.param.update(options=names, value=picked)
        texts: list[str] = []
        if info.selected is not None:
            texts = list(self.comparison.layers[info.selected].retained)
        kept = self._strategy.value
        if self._strategy.options != texts or kept not in texts:
            self._strategy.param.update(options=texts, value=self._proposed(info, texts))

    def _proposed(self, info: CompareInfo, texts: Sequence[str]) -> str | None:
        """The strategy that is offered for a layer at first: the one in use."""
        if info.selected is None or not texts:
            return None
        row = info.used[info.selected]
        return info.strategies[row] if row >= 0 else texts[0]

    # What the user does

    def use(self, layer: str, strategy: str | None) -> None:
        """Choose a strategy for the channel groups of a layer, and all layers that share them."""
        if strategy:
            try:
                self.choice = self.comparison.choose(self.choice, layer, strategy)
            except SessionError as problem:
                self._said.object = str(problem)

    def use_best(self) -> None:
        """Choose the best strategy of every channel group again."""
        self.choice = {}

    def _pick_from_list(self, event: param.parameterized.Event) -> None:
        if event.new:
            self.layer = event.new

    def _pick_row(self, event: param.parameterized.Event) -> None:
        if event.new and event.new[0] < len(self.comparison.layers):
            self.layer = self.comparison.layers[event.new[0]].name

    def _tap(self, x: float | None, y: float | None) -> None:
        found: Comparison = self.comparison
        if x is None or not 0 <= round(x) < len(found.layers):
            return
        self.layer = found.layers[round(x)].name
        if y is not None and 0 <= round(y) < len(found.strategies):
            text = found.strategies[round(y)]
            if text in self._strategy.options:
                self._strategy.value = text

    def _frontier(self) -> FrontierInfo:
        return frontier_info(self.comparison)

    def _csv(self) -> io.StringIO:
        return io.StringIO(comparison_csv(self.comparison, self.choice))


_FIGURE = {
    "active_tools": [],
    "toolbar": "right",
    "fontsize": SMALL,
}


_LAYERS = 290
"""Height of the chart by layers, in points."""

_FRONTIER = (360, 280)
"""Width and height of the frontier."""

_COLORBAR = 104
"""Points beside the map, for its colours and their scale."""


def _chart(
    plot: Callable[[CompareInfo], Any],
    info: CompareInfo,
    name: str,
    height: int,
    tapped: Callable[[float | None, float | None], None],
) -> Chart:
    """A figure as wide as there is room, its layers above those of its neighbour."""
    names = max(len(shortened(text)) for text in info.strategies)
    keep = margins(36 + 6 * names, _COLORBAR)
    chart = Chart(
        plot, info, name=name, hooks=[savable, keep], responsive=True, height=height, **_FIGURE
    )
    tap = Tap(source=chart.drawn, x=None, y=None)
    tap.add_subscriber(lambda **at: tapped(at["x"], at["y"]))
    return chart


class Compare(CompareView):
    """Compare searches in a notebook.

    >>> import numpy as np, permviz as pv
    >>> scores = np.random.default_rng(0).random((8, 16))
    >>> view = pv.views.Compare([pv.search(scores, text) for text in ("osg", "exact")])

    Args:
        results: a `Session`, which is followed while it runs; results of one matrix; or
            lists of results, by the name of their matrix.
        params: parameters of the view.
    """

    def __init__(
        self,
        results: Session | Sequence[SearchResult] | Mapping[str, Sequence[SearchResult]],
        **params: Any,
    ) -> None:
        self._results = results
        found = _comparison(results)
        first = found.layers[0].name if found.layers else ""
        super().__init__(**({"comparison": found, "layer": first} | params))
        followed = isinstance(results, Session)
        self._following = Following(results, self.refresh) if followed else None

    def __panel__(self) -> pn.viewable.Viewable:
        layout = super().__panel__()
        return layout if self._following is None else self._following.under(layout)

    def refresh(self) -> None:
        """Show what the searches have found by now."""
        self.comparison = _comparison(self._results)


def _comparison(results: Any) -> Comparison:
    if isinstance(results, Session):
        return comparison(results, layer_rows(results))
    if isinstance(results, Mapping):
        return compared(results)
    return compared({"matrix": list(results)})
