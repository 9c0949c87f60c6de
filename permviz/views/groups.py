"""Which layers share their channels, and what keeps the others from being permuted."""

import math
from collections.abc import Sequence
from functools import partial
from html import escape
from typing import Any

import panel as pn
import param
from holoviews.streams import Tap

from permviz.figures.groups import GroupsInfo, groups_info, groups_plot
from permviz.figures.tabular import csv_text
from permviz.graph.types import ChannelGraph, ChannelGroup, Frozen, Layer
from permviz.session.comparison import NOTHING, Comparison, comparison
from permviz.session.report import layer_rows
from permviz.session.session import Session
from permviz.views.chart import Chart, Staged
from permviz.views.following import Following
from permviz.views.menu import Menu
from permviz.views.plots import SMALL, savable
from permviz.views.sight import Sighted

HEIGHT = 560
_WIDTH = 640
_NOTHING = "No model is loaded yet; choose one on the left."
_LEGEND = (
    '<div style="font-size: 12px">&#9632; layer, in the color of the channels it reads '
    "&middot; &#9679; reads a group &middot; &#9675; writes it &middot; "
    '<span style="color: #8c8c8c">&#10005;</span> cannot be permuted</div>'
)


class GroupsView(Sighted):
    """Layers and lanes of a model's channel groups, with words on the picked layer.

    Attributes:
        graph: ChannelGraph, or None.
        comparison: Comparison of what was found for its groups.
        layer: name of the picked layer.
    """

    graph = param.Parameter(None, allow_refs=True)
    comparison = param.Parameter(NOTHING, allow_refs=True)
    layer = param.String("")

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._layout = pn.Column(pn.pane.Markdown(_NOTHING), sizing_mode="stretch_width")
        self._of: object = None
        self._chart: Staged | None = None
        self._show()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    @param.depends("graph", "comparison", "layer", "seen", watch=True)
    def _show(self) -> None:
        if not self.seen:
            return
        graph: ChannelGraph | None = self.graph
        if graph is None:
            self._of = None
            self._layout.objects = [pn.pane.Markdown(_NOTHING)]
        elif self._of is not graph:
            self._of = graph
            self._layout.objects = self._new_parts(self._info(graph))
            self._tell(graph)
        elif self._chart is not None:
            self._tell(graph)
            self._chart.data = self._info(graph)

    def _new_parts(self, info: GroupsInfo) -> list[pn.viewable.Viewable]:
        names = [node.name for node in info.nodes]
        self._picked = Menu(label="Layer", width=230, options=names)
        self._picked.param.watch(self._pick, "value")
        self._told = pn.pane.HTML(
            "", min_width=220, sizing_mode="stretch_width", styles={"font-size": "12px"}
        )
        self._chart = Staged(partial(self._new_chart, names), _tall(names), look=_look, data=info)
        picture = pn.Column(
            self._chart,
            scroll=True,
            height=HEIGHT,
            width=_WIDTH + 20,
            sizing_mode="fixed",
        )
        return [
            pn.Row(
                self._picked,
                pn.pane.HTML(_legend(info), margin=(18, 10), sizing_mode="stretch_width"),
                sizing_mode="stretch_width",
            ),
            pn.Row(picture, self._told, sizing_mode="stretch_width"),
        ]

    def _new_chart(self, names: Sequence[str], info: GroupsInfo) -> Chart:
        chart = Chart(
            groups_plot,
            info,
            name="channel groups",
            hooks=[savable],
            width=_WIDTH,
            height=_tall(names),
            toolbar="right",
            active_tools=[],
            fontsize=SMALL,
        )
        tap = Tap(source=chart.drawn, x=None, y=None)
        tap.add_subscriber(lambda **at: self._tap(names, at["y"]))
        return chart

    def _info(self, graph: ChannelGraph) -> GroupsInfo:
        return groups_info(graph, self.layer, self.comparison)

    def _tell(self, graph: ChannelGraph) -> None:
        known = self.layer if self.layer in self._picked.options else None
        if self._picked.value != known:
            self._picked.value = known
        self._told.object = layer_story(graph, self.layer, self.comparison)

    def _pick(self, event: param.parameterized.Event) -> None:
        if event.new:
            self.layer = event.new

    def _tap(self, names: Sequence[str], y: float | None) -> None:
        if y is not None and 0 <= round(y) < len(names):
            self.layer = names[round(y)]


def _tall(names: Sequence[str]) -> int:
    return 40 + 24 * max(len(names), 1)


def _look(info: GroupsInfo) -> tuple[object, ...]:
    return info.selected, csv_text(info)


class Groups(GroupsView):
    """Show the channel groups of an analysed model in a notebook.

    Args:
        graph: what `permviz.analyze` returned; or a `Session`, whose findings are shown, and
            followed while it runs.
        params: parameters of the view.
    """

    def __init__(self, graph: ChannelGraph | Session, **params: Any) -> None:
        self._session = graph if isinstance(graph, Session) else None
        shown = graph.graph if isinstance(graph, Session) else graph
        first = next((layer.name for layer in shown.layers if layer.inputs), "")
        super().__init__(**({"graph": shown, "layer": first} | params))
        self.refresh()
        followed = self._session
        self._following = None if followed is None else Following(followed, self.refresh)

    def __panel__(self) -> pn.viewable.Viewable:
        layout = super().__panel__()
        return layout if self._following is None else self._following.under(layout)

    def refresh(self) -> None:
        """Show what the session has found by now."""
        if self._session is not None:
            self.comparison = comparison(self._session, layer_rows(self._session))


def _legend(info: GroupsInfo) -> str:
    frozen = sum(bool(node.frozen) for node in info.nodes)
    counts = f"{len(info.nodes)} layers, {len(info.lanes)} channel groups, {frozen} inputs frozen"
    return f"{_LEGEND}<div style='font-size: 12px'>{counts}</div>"


def layer_story(graph: ChannelGraph, name: str, found: Comparison = NOTHING) -> str:
    """What one layer shares with which others and what is frozen about it, as HTML."""
    layer = next((one for one in graph.layers if one.name == name), None)
    if layer is None:
        return "Pick a layer to see what it shares its channels with."
    shape = " x ".join(map(str, layer.shape))
    parts = [f"<h3 style='margin: 0'>{escape(name)}</h3>{escape(layer.kind)} {shape}"]
    groups = graph.by_name
    for does, names in (("Reads", layer.inputs), ("Writes", layer.outputs)):
        parts += [
            f"{_group_story(graph, layer, groups[group], does)} {_found_story(found, group)}"
            for group in names
        ]
    if layer.frozen is not None:
        parts.append(_frozen_story("Its inputs keep their order", layer.frozen))
    parts += [
        _frozen_story("Its outputs keep their order", one)
        for one in graph.frozen
        if (one.tensor, one.axis) == (layer.tensor, 0) and not layer.outputs
    ][:1]
    return "".join(f"<p style='margin: 0 0 10px 0'>{part}</p>" for part in parts)


def _group_story(graph: ChannelGraph, layer: Layer, group: ChannelGroup, does: str) -> str:
    readers = [one.name for one in graph.layers if group.name in one.inputs]
    writers = [one.name for one in graph.layers if group.name in one.outputs]
    carried = sum(place.role == "passenger" for place in group.occurrences)
    told = [f"<b>{does}</b> the group <b>{escape(group.name)}</b> of {group.size} channels."]
    told += [
        f"{what} {escape(', '.join(names))}."
        for what, names in (
            ("Also read by", [one for one in readers if one != layer.name]),
            ("Also written by", [one for one in writers if one != layer.name]),
        )
        if names
    ]
    if carried:
        several = "biases, norms and the like move"
        moves = "bias, norm or the like moves" if carried == 1 else several
        told.append(f"{carried} {moves} with it.")
    return " ".join(told)


def _found_story(found: Comparison, group: str) -> str:
    efficacy = found.group_efficacy(group)
    if math.isnan(efficacy):
        return ""
    return f"Best so far: <b>{efficacy:.1f} %</b> with {escape(found.best[group])}."


def _frozen_story(what: str, frozen: Frozen) -> str:
    told = f"<b>{what}.</b> {escape(frozen.reason)}"
    if frozen.op:
        told += f"<br>Operation: <code>{escape(frozen.op)}</code>"
    if frozen.source:
        told += f"<br>Called at: <code>{escape(frozen.source)}</code>"
    return told
