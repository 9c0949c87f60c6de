"""A figure on a page: updated in place, its picture as PNG and its data as CSV."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import holoviews as hv
import panel as pn
import param
from bokeh.models import SaveTool
from holoviews.streams import Pipe, Stream

from permviz.figures.tabular import Tabular, csv_text
from permviz.views.figure import Figure
from permviz.views.plots import Hook, live
from permviz.views.sight import Sighted, in_its_turn, next_turn, served

# The theme of the served page sets the size of all text in figures, in the browser, to about
# 1 em whatever was asked for; so the em has to be what is wanted.
_TEXT = {"font-size": "11px"}
_CSV_CSS = """
:host { position: absolute; right: 1px; bottom: 2px; margin: 0; }
.bk-btn { font-size: 10px !important; padding: 1px 3px !important; min-height: 18px !important;
  line-height: 1.2 !important; opacity: 0.75; text-transform: none !important; }
.bk-btn:hover, .bk-btn:focus-visible { opacity: 1; }
"""


ISLAND = "island"
"""Tag of what is of no concern to the size of others, and needs not be laid out with the page."""


@dataclass(frozen=True, slots=True)
class Zoom:
    """How a figure is looked at.

    Attributes:
        stream: holds what is in sight.
        of: what a zoom belongs to; data of another one are shown whole.
    """

    stream: Stream
    of: Callable[[Any], object]


@dataclass(frozen=True, slots=True)
class Follow:
    """How a figure is brought up to new data without drawing it anew.

    Attributes:
        bring: brings a figure of Bokeh's up to what is to be drawn, and says whether it could.
        scene: of what is sent; a figure of another one is drawn anew.
    """

    bring: Callable[[Any, Any], bool]
    scene: Callable[[Any], object]


class Chart(pn.viewable.Viewer):
    """A live figure with its two downloads.

    Args:
        plot: draws what `info` computes.
        data: what is drawn first.
        info: computes the figure's data from what is sent, and from what is in sight; by
            default they are what is sent.
        name: of the files that are saved, without their endings.
        follow: how it follows its data without being drawn anew; by default it is.
        zoom: makes the figure be drawn anew for what is in sight, and gives it the same
            axes as all figures of a page that have one.
        options: plot options, `hooks` among them.
    """

    def __init__(
        self,
        plot: Callable[[Any], Any],
        data: Any,
        info: Callable[..., Tabular] | None = None,
        *,
        name: str,
        follow: Follow | None = None,
        zoom: Zoom | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        self._pipe, self._zoom, self._follow = Pipe(data=data), zoom, follow
        self._compute: Callable[..., Any] = _as_it_is if info is None else info
        self._info: Tabular | None = None

        def draw(data: Any, **ranges: Any) -> Any:
            self._info = self._compute(data, **ranges)
            return plot(self._info)

        hooks = [*options.pop("hooks", ()), _named(name)]
        streams = [self._pipe] if zoom is None else [self._pipe, zoom.stream]
        self.drawn: hv.DynamicMap = live(draw, *streams, hooks=hooks, **options)
        width = options.get("width")
        size = {"sizing_mode": "stretch_width"} if width is None else {"width": width}
        # Panel links axes of equal dimensions on a page; figures of other things opt out.
        self._figure = Figure(
            self.drawn, linked_axes=zoom is not None, margin=0, styles=_TEXT, **size
        )
        csv = pn.widgets.FileDownload(
            callback=self.csv,
            filename=f"{name}.csv",
            label="csv",
            stylesheets=[_CSV_CSS],
            width=30,
            height=20,
        )
        self._layout = pn.Column(
            self._figure, csv, styles={"position": "relative"}, margin=0, **size
        )

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    @property
    def data(self) -> Any:
        """What was sent last."""
        return self._pipe.data

    @property
    def info(self) -> Tabular | None:
        """What is drawn; None before it was drawn once."""
        return self._info

    def make(self) -> None:
        """Draw for the page at hand, before the figure gets its place there."""
        self._figure.make()

    def send(self, data: Any) -> None:
        """Draw something else."""
        zoom = self._zoom
        if zoom is not None and zoom.of(data) != zoom.of(self.data):
            zoom.stream.reset()
        if not self._followed(data):
            self._pipe.send(data)

    def _followed(self, data: Any) -> bool:
        follow, figures = self._follow, self._figure.figures
        # In a notebook only drawing tells the browser.
        if follow is None or not figures or not served():
            return False
        if self._info is None or follow.scene(data) != follow.scene(self.data):
            return False
        info = self._compute(data, **({} if self._zoom is None else self._zoom.stream.contents))
        # What a click sets off runs without the document's lock, which models must not change
        # without; panel's and holoviews' own changes see to that themselves.
        with pn.io.unlocked():
            if not all(follow.bring(figure, info) for figure in figures):
                return False
        self._info = info
        self._pipe.update(data=data)
        return True

    def csv(self) -> io.StringIO:
        """The data of what is drawn, as a file of text."""
        return io.StringIO("" if self._info is None else csv_text(self._info))


def _as_it_is(data: Any) -> Any:
    return data


class Staged(Sighted):
    """A chart that is built when it is first seen, and drawn anew only when it looks different.

    A served page makes it in one turn and gets it in another, so that nobody who clicked
    waits for the server to make it and for the browser to draw it.

    Args:
        build: makes the chart of some data.
        height: of the chart, in points, which is kept free until it is there.
        figure: what needs another chart where it differs; by default nothing.
        look: what looks different where it differs; by default all data do.
        scene: what looks as different as another picture where it differs, and is drawn at
            once; where it stays the same, parts of the page are drawn one a turn. By default
            all data do.
        params: parameters of the view.

    Attributes:
        data: what is shown; None for nothing.
        chart: the chart, once it was seen.
    """

    data = param.Parameter(None, allow_refs=True)

    def __init__(
        self,
        build: Callable[[Any], Chart],
        height: int,
        *,
        figure: Callable[[Any], object] = lambda _: None,
        look: Callable[[Any], object] = id,
        scene: Callable[[Any], object] = id,
        **params: Any,
    ) -> None:
        super().__init__(**params)
        self._build, self._figure, self._look, self._scene = build, figure, look, scene
        self.chart: Chart | None = None
        self._layout = pn.Column(
            height=height, margin=0, sizing_mode="stretch_width", tags=[ISLAND]
        )
        self._show()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    @property
    def built(self) -> bool:
        """Whether its chart is there."""
        return self.chart is not None

    @param.depends("data", "seen", watch=True)
    def _show(self) -> None:
        if not self.seen:
            return
        data, chart = self.data, self.chart
        if data is None:
            self._layout.objects = []
            return
        if chart is None or self._figure(data) != self._figure(chart.data):
            self.chart = self._build(data)
            if served():
                self.chart.make()
                next_turn(self._come)
            else:
                self._place()
            return
        if self._look(data) != self._look(chart.data):
            if self._scene(data) == self._scene(chart.data):
                in_its_turn(self._send)
            else:
                chart.send(data)
        self._place()

    def _send(self) -> None:
        """Draw what is shown by now."""
        data, chart = self.data, self.chart
        if not self.seen or data is None or chart is None:
            return
        if self._figure(data) == self._figure(chart.data) and chart.data is not data:
            chart.send(data)

    @property
    def waiting(self) -> bool:
        """Whether there is a chart without its place on the page."""
        return self.built and self.data is not None and not self._layout.objects

    def arrive(self) -> None:
        """Give the chart its place."""
        self._place()

    def _come(self) -> None:
        # Drawing takes the browser long; what is not seen waits until it is told to arrive.
        if self.seen:
            self._place()

    def _place(self) -> None:
        placed = [] if self.data is None or self.chart is None else [self.chart.__panel__()]
        if self._layout.objects != placed:
            self._layout.objects = placed


def _named(name: str) -> Hook:
    """Hook that names the picture that the figure is saved as."""

    def call(plot: Any, _element: Any) -> None:
        for tool in plot.state.toolbar.tools:
            if isinstance(tool, SaveTool) and tool.filename != name:
                tool.filename = name

    return call
