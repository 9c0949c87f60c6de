"""The page's content: the views bound to one state, and the clock that drives it."""

from functools import partial
from html import escape
from typing import Any

import panel as pn
import param
from panel.io.callbacks import PeriodicCallback

from permviz.app.controls import Controls
from permviz.app.flow import Opened
from permviz.app.garbage import collect, put_off
from permviz.app.quiet import note_act, note_arrival, quiet
from permviz.app.right_of_way import go_first
from permviz.app.state import Explorer
from permviz.app.values import BEST, CHOSEN, TABS, Notice, Task
from permviz.graph.types import ChannelGraph
from permviz.views.compare import CompareView
from permviz.views.drawn import Drawn
from permviz.views.export import ExportView
from permviz.views.groups import GroupsView
from permviz.views.layer import LayerView
from permviz.views.layers import LayersView
from permviz.views.sight import after_a_breath, connected, served
from permviz.views.summary import SummaryView

TICK_MILLISECONDS = 50


class Page(pn.viewable.Viewer):
    """Controls, summary and tabs of an `Explorer`; in a notebook it stands for itself."""

    def __init__(self, state: Explorer, **params: Any) -> None:
        super().__init__(**params)
        self.state = state
        self.controls = Controls(state)
        refs = state.param
        self.summary = SummaryView(totals=refs.totals, check=refs.check, accuracy=refs.accuracy)
        layers = LayersView(rows=refs.rows, strategies=refs.searched)
        self._layer = layer = LayerView(
            state.watch_again,
            rows=refs.rows,
            pair=refs.pair,
            tracks=refs.tracks,
            orders=_orders(state),
            replay=refs.replay,
            seen=False,
        )
        compare = CompareView(comparison=refs.comparison, seen=False)
        groups = GroupsView(
            graph=pn.bind(_graph, refs.opened), comparison=refs.comparison, seen=False
        )
        export = ExportView(
            state.export,
            state.verify_export,
            rows=refs.rows,
            pattern=refs.pattern,
            orders=_exports(state),
            packed=refs.packed,
            busy=pn.bind(_exporting, refs.tasks),
        )
        for view in (layers, layer, compare, groups):
            tie(view, state, "layer")
        tie(compare, state, "choice")
        tie(layer, state, "shown")
        self._views = (layers, layer, compare, groups, export)
        self._places = [pn.Column(sizing_mode="stretch_width") for _ in TABS]
        self.tabs = pn.Tabs(
            *zip(TABS, self._places, strict=True),
            active=TABS.index(state.tab),
            sizing_mode="stretch_width",
        )
        self._tie_tabs()
        self._starts = False
        self._drawn = Drawn(self._start_clock)
        state.param.watch(lambda *_: note_act(), ["layer", "shown", "strategies", "tab", "status"])
        standing = pn.bind(_standing, refs.opened, refs.status, refs.tasks)
        self.main = (
            self.summary,
            pn.pane.HTML(
                standing,
                sizing_mode="stretch_width",
                styles={"font-size": "13px"},
                margin=(0, 4),
            ),
            self.tabs,
        )

    def __panel__(self) -> pn.viewable.Viewable:
        side = pn.Column(self.controls, width=320)
        told = [] if pn.state.notifications else [_notices(self.state)]
        drawn = [] if self._starts else [self._drawn]
        main = pn.Column(*told, *self.main, *drawn, sizing_mode="stretch_width")
        return pn.Row(side, main, sizing_mode="stretch_width")

    def tick(self) -> None:
        """Start the clock once the page is there to be updated.

        What is displayed later, as in a notebook, tells by itself that it is there.
        """
        if served():
            self._starts = True
            note_arrival()
            pn.state.onload(self._start_clock)

    def _start_clock(self) -> None:
        # In the background, or the page would be marked as busy and idle at every tick.
        clock = PeriodicCallback(
            callback=self._drain, period=TICK_MILLISECONDS, background=True, log=False
        )
        clock.start()
        note_act()
        if served():
            put_off()
            go_first()
            after_a_breath(self._prepare)

    def _prepare(self) -> None:
        if not self._ready():
            after_a_breath(self._prepare)
            return
        self._fill(TABS.index("Layer"))
        after_a_breath(partial(self._layer.prepare, self._ready))

    def _ready(self) -> bool:
        """Whether to build what may be looked at later: not for a page that was closed."""
        return quiet() and connected()

    def _drain(self) -> None:
        with pn.io.hold():
            self.state.drain()
        if quiet():
            collect()

    def _tie_tabs(self) -> None:
        tabs, state = self.tabs, self.state
        tabs.param.watch(lambda event: state.param.update(tab=TABS[event.new]), "active")
        self._see_tab()
        self._fill_tab()
        # The tab itself turns at once; its figures take a moment longer.
        tabs.param.watch(lambda _: pn.state.execute(self._turn, schedule=True), "active")
        state.param.watch(lambda event: tabs.param.update(active=TABS.index(event.new)), "tab")

    def _turn(self) -> None:
        if served() and not self._places[self.tabs.active].objects:
            self._fill_tab()
            after_a_breath(self._see_tab)
        else:
            self._see_tab()
            self._fill_tab()

    def _fill_tab(self) -> None:
        """Build the active tab's view if it was never seen.

        Dynamic tabs would go on updating models that have left their document, and a table
        that is taken away in the middle of an update breaks the page.
        """
        self._fill(self.tabs.active)

    def _fill(self, number: int) -> None:
        if not self._places[number].objects:
            self._places[number].objects = [self._views[number]]

    def _see_tab(self) -> None:
        """Out of sight views are kept, but not updated."""
        for number, view in enumerate(self._views):
            view.seen = number == self.tabs.active


def tie(one: param.Parameterized, other: param.Parameterized, name: str) -> None:
    """Keep a parameter equal in two objects, beginning with the value of `other`."""
    one.param.update({name: getattr(other, name)})
    one.param.watch(lambda event: other.param.update({name: event.new}), name)
    other.param.watch(lambda event: one.param.update({name: event.new}), name)


def _orders(state: Explorer) -> Any:
    return pn.bind(lambda searched: [BEST, *searched], state.param.searched)


def _graph(opened: Opened | None) -> ChannelGraph | None:
    return None if opened is None else opened.graph


def _exports(state: Explorer) -> Any:
    def offered(searched: tuple[str, ...], choice: dict[str, str]) -> list[str]:
        return [*([CHOSEN] if choice else []), BEST, *searched]

    return pn.bind(offered, state.param.searched, state.param.choice)


def _exporting(tasks: tuple[Task, ...]) -> bool:
    return any(task.kind in {"export", "verify"} for task in tasks)


def _standing(opened: Opened | None, status: str, tasks: tuple[Task, ...]) -> str:
    """Where the page stands and what to do next."""
    loading = next((task for task in tasks if task.kind in {"open", "upload"}), None)
    if loading is not None:
        share = f" ({loading.fraction:.0%})" if loading.fraction >= 0 else ""
        return f"<b>One moment:</b> {escape(loading.text)}{share} ..."
    if opened is None:
        return _STANDING["empty"]
    return _STANDING[status]


_STANDING = {
    "empty": "<b>No model is loaded.</b> Choose one on the left, or open a file of weights.",
    "ready": (
        "<b>Ready.</b> Start looks for an order of the channels in which pruning keeps more; the "
        "dense output stays the same. Pick a layer to see its weights."
    ),
    "running": (
        "<b>Searching.</b> What is shown is the best order so far. Pick a layer to see its weights "
        "move; Cancel keeps what was found."
    ),
    "paused": "<b>Paused.</b> Resume goes on where the search stood; Cancel keeps what was found.",
    "cancelled": "<b>Cancelled.</b> The best orders found so far are shown, and can be exported.",
    "finished": (
        "<b>Finished.</b> Look at a layer before and after, compare the strategies, or export the "
        "sparse model."
    ),
    "failed": (
        "<b>Every search failed.</b> The notices say why; other strategies or another pattern may "
        "do."
    ),
}


def announce(state: Explorer) -> None:
    """Show the state's notices from now on, where there is a notification area."""
    state.param.watch(_notify, "notice")


def _notify(event: param.parameterized.Event) -> None:
    notice, area = event.new, pn.state.notifications
    if notice is None or area is None:
        return
    # Bad news stays until it is dismissed; it may tell what to do next.
    area.send(notice.text, duration=_STAY[notice.level], type=notice.level)


def _notices(state: Explorer) -> pn.viewable.Viewable:
    """The latest notice, where no notification area is: in a notebook."""

    def shown(notice: Notice | None) -> str:
        return "" if notice is None else notice.text

    def kind(notice: Notice | None) -> str:
        return "light" if notice is None else _ALERTS[notice.level]

    return pn.pane.Alert(
        pn.bind(shown, state.param.notice),
        alert_type=pn.bind(kind, state.param.notice),
        visible=state.param.notice.rx.is_not(None),
        sizing_mode="stretch_width",
        margin=(0, 0, 6, 0),
    )


_ALERTS = {"error": "danger", "warning": "warning", "success": "success"}
_STAY = {"error": 0, "warning": 15_000, "success": 8_000}
