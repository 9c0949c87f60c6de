"""A search watched again, with a scrubber: magnitude is rescued step by step."""

from html import escape
from typing import Any

import panel as pn
import param

from permviz.figures.pair import OrderPair
from permviz.search.result import SearchResult
from permviz.session.replay import Replay as Steps
from permviz.session.replay import result_replay
from permviz.views.heatmaps import HeatmapPair
from permviz.views.sight import Sighted

_MILLISECONDS = 400


class ReplayBar(Sighted):
    """Player of a search's steps.

    Attributes:
        replay: `permviz.session.replay.Replay`, or None.
        step: which of its orders is looked at.
        pair: OrderPair of that step; set by the view.
    """

    replay = param.Parameter(None, allow_refs=True)
    step = param.Integer(0, bounds=(0, None))
    pair = param.Parameter(None)

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._player = pn.widgets.Player(
            start=0,
            end=0,
            interval=_MILLISECONDS,
            loop_policy="once",
            show_loop_controls=False,
            show_value=False,
            width=320,
            height=70,
        )
        self._player.param.watch(lambda event: self.param.update(step=event.new), "value")
        self._said = pn.pane.HTML("", styles={"font-size": "12px"}, margin=(24, 10))
        self._layout = pn.Row(self._player, self._said, sizing_mode="stretch_width")
        self._begin()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    @param.depends("replay", watch=True)
    def _begin(self) -> None:
        replay: Steps | None = self.replay
        self._layout.visible = replay is not None
        if replay is None:
            self.pair = None
            return
        self._player.param.update(end=len(replay.orders) - 1, value=0)
        self.step = 0
        self._show()

    @param.depends("step", watch=True)
    def _show(self) -> None:
        replay: Steps | None = self.replay
        if replay is None or self.step >= len(replay.orders):
            return
        self.pair = OrderPair(replay.layer, replay.scores, replay.orders[self.step], replay.pattern)
        self._said.object = replay_sentence(replay, self.step)


class Replay(pn.viewable.Viewer):
    """Watch the search of a matrix again in a notebook.

    Args:
        scores: float[rows, channels] that were searched.
        result: what `permviz.search` returned for them.
        title: what the matrix is called.
        params: parameters of the view.
    """

    def __init__(
        self, scores: object, result: SearchResult, *, title: str = "matrix", **params: Any
    ) -> None:
        super().__init__(**params)
        self._bar = ReplayBar(replay=result_replay(scores, result, title))
        heatmaps = HeatmapPair(pair=self._bar.param.pair)
        self._layout = pn.Column(
            self._bar, heatmaps.kind_buttons(), heatmaps, sizing_mode="stretch_width"
        )

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout


def replay_sentence(replay: Steps, step: int) -> str:
    """Where a replay stands, in a sentence of HTML."""
    return (
        f"{escape(replay.strategy)}, step {step} of {len(replay.orders) - 1}: iteration "
        f"{replay.iterations[step]}, efficacy <b>{replay.efficacies[step]:.2f} %</b>"
    )
