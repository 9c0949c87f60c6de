"""All layers: a table, and the magnitude that each loses."""

from typing import Any

import panel as pn
import param
from bokeh.models.widgets.tables import NumberFormatter
from holoviews.streams import Tap

from permviz.figures.magnitude import (
    MagnitudeInfo,
    magnitude_colors,
    magnitude_info,
    magnitude_plot,
)
from permviz.views.chart import ISLAND, Chart, Staged
from permviz.views.plots import SMALL, savable
from permviz.views.press import Presses
from permviz.views.sight import Sighted
from permviz.views.table import (
    DEFAULT,
    LAYER,
    PERMUTED,
    REASON,
    STATUS,
    TABLE_CSS,
    TOLD_WHOLE,
    frame_patch,
    layer_frame,
    layer_width,
)
from permviz.views.words import legend_html

HEIGHT = 560


_WIDTHS = {STATUS: 78, DEFAULT: 64, PERMUTED: 76, REASON: 420}
_FILTERS = {
    LAYER: {"type": "input", "placeholder": "filter"},
    STATUS: {"type": "list", "valuesLookup": True, "clearable": True},
    REASON: {"type": "input", "placeholder": "filter"},
}


class LayersView(Sighted):
    """Table and bars; picking a row or a bar picks the layer.

    Attributes:
        rows: LayerRow of each layer.
        strategies: texts of the strategies that are compared.
        layer: name of the picked layer.
    """

    rows = param.Parameter((), allow_refs=True)
    strategies = param.Parameter((), allow_refs=True)
    layer = param.String("")

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._table = self._new_table()
        self._bars = pn.Column(
            scroll=True,
            height=HEIGHT,
            width=340,
            sizing_mode="fixed",
            margin=(0, 0, 0, 8),
            tags=[ISLAND],
        )
        self._chart: Staged | None = None
        self._drawn: tuple[object, ...] = ()
        self._loaded = False
        # The table is what people wait for; the bars may follow once it is there.
        pn.state.onload(self._follow)
        presses = Presses(self._press, field=LAYER)
        self._layout = pn.Row(self._table, self._bars, presses, sizing_mode="stretch_width")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    @param.depends("rows", "strategies", "seen", watch=True)
    def _show(self) -> None:
        if not self.seen:
            return
        patch = frame_patch(self._table.value, layer_frame(self.rows, self.strategies))
        if patch is None:
            # A table that gets other columns while it is still being built loses its rows.
            self._table = self._layout[0] = self._new_table()
        elif patch:
            self._table.patch(patch)
        self._select()

    @param.depends("layer", watch=True)
    def _select(self) -> None:
        if not self.seen:
            return
        if self._table.selection != self._places():
            self._table.selection = self._places()
        # Drawing takes a tenth of a second, and whoever picked a row waits for the answer.
        pn.state.execute(self._draw, schedule=True)

    def _pick(self, event: param.parameterized.Event) -> None:
        if event.new and event.new[0] < len(self.rows):
            self.layer = self.rows[event.new[0]].name

    def _press(self, name: str) -> None:
        if name in {row.name for row in self.rows}:
            self.layer = name

    def _places(self) -> list[int]:
        return [place for place, row in enumerate(self.rows) if row.name == self.layer]

    def _new_table(self) -> pn.widgets.Tabulator:
        percent = NumberFormatter(format="0.00", nan_format="-")
        table = pn.widgets.Tabulator(
            layer_frame(self.rows, self.strategies),
            selection=self._places(),
            show_index=False,
            disabled=True,
            selectable=1,
            layout="fit_data",
            height=HEIGHT,
            pagination=None,
            frozen_columns=[LAYER],
            sizing_mode="stretch_width",
            min_width=380,
            stylesheets=[TABLE_CSS],
            margin=0,
            formatters={DEFAULT: percent, PERMUTED: percent}
            | {text: _efficacy_cell() for text in self.strategies},
            widths=_WIDTHS
            | {LAYER: layer_width(row.name for row in self.rows)}
            | dict.fromkeys(self.strategies, 70),
            titles={text: f"efficacy % {text}" for text in self.strategies},
            text_align=dict.fromkeys([DEFAULT, PERMUTED], "right"),
            header_filters=_FILTERS,
            configuration=TOLD_WHOLE,
        )
        table.param.watch(self._pick, "selection")
        return table

    def _follow(self) -> None:
        self._loaded = True
        self._draw()

    def _draw(self) -> None:
        # A tab may be left before its bars are drawn.
        if not self._loaded or not self.seen:
            return
        info = magnitude_info(self.rows, self.layer, self.strategies)
        shape = (info.layers, info.strategies)
        if not info.layers:
            self._bars.objects = []
        elif self._drawn != shape or not self._bars.objects:
            self._drawn = shape
            legend = pn.pane.HTML(legend_html(magnitude_colors(info.strategies)), margin=(0, 8))
            self._chart = Staged(self._new_bars, _tall(info), data=info, seen=self.param.seen)
            self._bars.objects = [legend, self._chart]
        elif self._chart is not None:
            self._chart.data = info

    def _new_bars(self, info: MagnitudeInfo) -> Chart:
        chart = Chart(
            magnitude_plot,
            info,
            name="pruned magnitude",
            height=_tall(info),
            width=320,
            hooks=[savable],
            active_tools=[],
            fontsize=SMALL,
        )
        tap = Tap(source=chart.drawn, x=None, y=None)
        tap.add_subscriber(lambda **at: self._tap(info, at["y"]))
        return chart

    def _tap(self, info: MagnitudeInfo, y: float | None) -> None:
        if y is not None and 0 <= round(y) < len(info.layers):
            self.layer = info.layers[round(y)]


def _tall(info: MagnitudeInfo) -> int:
    return 60 + len(info.layers) * (8 + 9 * len(info.strategies))


def _efficacy_cell() -> dict[str, object]:
    return {
        "type": "progress",
        "min": 0,
        "max": 100,
        "color": "rgba(86, 180, 233, 0.45)",
        "legend": True,
        "legendAlign": "left",
        "legendColor": "inherit",
    }
