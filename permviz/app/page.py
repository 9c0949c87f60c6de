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
from permviz.app.tabs import VIEWS
from permviz.app.values import TABS, Notice, Task
from permviz.views.drawn import Drawn
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
        self._views: dict[str, Any] = {}
        self._places = {tab: pn.Column(sizing_mode="stretch_width") for tab in TABS}
        self.tabs = pn.Tabs(
            *self._places.items(),
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

    def view(self, tab: str, *, seen: bool = False) -> Any:
        """The view of a tab; whoever asks first has it built, seen or not."""
        if tab not in self._views:
            self._views[tab] = VIEWS[tab](self.state, seen=seen)
        return self._views[tab]

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
        self._fill("Layer")
        after_a_breath(partial(self.view("Layer").prepare, self._ready))

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
        self._show_tab()
        # The tab itself turns at once; its figures take a moment longer.
        tabs.param.watch(lambda _: pn.state.execute(self._turn, schedule=True), "active")
        state.param.watch(lambda event: tabs.param.update(active=TABS.index(event.new)), "tab")

    def _turn(self) -> None:
        tab = TABS[self.tabs.active]
        if served() and not self._places[tab].objects:
            self._fill(tab)
            after_a_breath(self._see_tab)
        else:
            self._show_tab()

    def _show_tab(self) -> None:
        """Show the active tab, with its view complete before it is there."""
        tab = TABS[self.tabs.active]
        self.view(tab, seen=True)
        self._see_tab()
        self._fill(tab)

    def _fill(self, tab: str) -> None:
        """Put a tab's view into its place if it was never there.

        Dynamic tabs would go on updating models that have left their document, and a table
        that is taken away in the middle of an update breaks the page.
        """
        if not self._places[tab].objects:
            self._places[tab].objects = [self.view(tab)]

    def _see_tab(self) -> None:
        """Out of sight views are kept, but not updated."""
        for tab, view in self._views.items():
            view.seen = tab == TABS[self.tabs.active]


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
