"""Channel groups as a picture: layers from top to bottom, groups as coloured lanes beside them.

A lane is a line from the first to the last layer that its channels touch. A ring on it is a
layer that writes the channels, a dot one that reads them. What cannot be permuted is grey,
with the operation that is in the way.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import holoviews as hv

from permviz.figures.palette import DEFAULT, strategy_colors
from permviz.figures.tabular import Columns
from permviz.graph.types import ChannelGraph, ChannelGroup, Layer
from permviz.session.comparison import NOTHING, Comparison

_NODE = -0.9
_TEXT_UNITS = 9.0
_LONGEST_TEXT = 62
_FAINT, _PLAIN, _BOLD = 0.4, 0.85, 1.0


@dataclass(frozen=True, slots=True)
class LayerNode:
    """One layer.

    Attributes:
        name: module path.
        place: its row, 0 on top, in the order of execution.
        reads: channel groups on its input axis.
        writes: channel groups on its output axis.
        frozen: why its input axis stays as it is; empty if it can be permuted.
        op: the operation that froze it; empty if none did.
    """

    name: str
    place: int
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    frozen: str
    op: str


@dataclass(frozen=True, slots=True)
class GroupLane:
    """One channel group.

    Attributes:
        name: of the group.
        lane: its column; no two groups overlap in one.
        color: its colour; groups that are drawn one after the other differ.
        first: row of the first layer that it touches.
        last: row of the last one.
        channels: how many channels it has.
        found: what the search has found for it, in words; empty before any.
    """

    name: str
    lane: int
    color: str
    first: int
    last: int
    channels: int
    found: str


@dataclass(frozen=True, slots=True)
class GroupsInfo:
    """The picture of a model's coupling.

    Attributes:
        nodes: its layers, in the order of execution.
        lanes: its channel groups, by first layer.
        selected: row of the picked layer, None if it is not shown.
    """

    nodes: tuple[LayerNode, ...]
    lanes: tuple[GroupLane, ...]
    selected: int | None

    @property
    def columns(self) -> int:
        """How many lanes stand side by side."""
        return 1 + max((lane.lane for lane in self.lanes), default=-1)

    @property
    def lit(self) -> frozenset[str]:
        """Groups of the picked layer."""
        if self.selected is None:
            return frozenset()
        node = self.nodes[self.selected]
        return frozenset((*node.reads, *node.writes))

    @property
    def table(self) -> Columns:
        """One line a layer."""
        told = {lane.name: lane.found for lane in self.lanes}
        sizes = {lane.name: lane.channels for lane in self.lanes}
        return {
            "layer": [node.name for node in self.nodes],
            "reads": [" ".join(node.reads) for node in self.nodes],
            "writes": [" ".join(node.writes) for node in self.nodes],
            "found_for_what_it_reads": [
                "; ".join(filter(None, map(told.get, one.reads))) for one in self.nodes
            ],
            "channels_read": [sum(sizes.get(name, 0) for name in one.reads) for one in self.nodes],
            "frozen_by": [node.op for node in self.nodes],
            "reason": [node.frozen for node in self.nodes],
        }


def groups_info(graph: ChannelGraph, selected: str = "", found: Comparison = NOTHING) -> GroupsInfo:
    """Lay the layers and the channel groups of a model out.

    Args:
        graph: of the model.
        selected: name of the picked layer.
        found: what the strategies have found so far.
    """
    nodes = tuple(_node(place, layer) for place, layer in enumerate(graph.layers))
    names = [node.name for node in nodes]
    return GroupsInfo(
        nodes,
        tuple(
            replace(lane, found=_found(lane.name, found)) for lane in _lanes(graph.groups, nodes)
        ),
        names.index(selected) if selected in names else None,
    )


def _found(group: str, found: Comparison) -> str:
    efficacy = found.group_efficacy(group)
    return "" if math.isnan(efficacy) else f"{efficacy:.1f} % with {found.best[group]}"


def _node(place: int, layer: Layer) -> LayerNode:
    frozen = layer.frozen
    return LayerNode(
        name=layer.name,
        place=place,
        reads=layer.inputs,
        writes=layer.outputs,
        frozen="" if frozen is None else frozen.reason,
        op="" if frozen is None else frozen.op,
    )


def _lanes(groups: Sequence[ChannelGroup], nodes: Sequence[LayerNode]) -> tuple[GroupLane, ...]:
    """Give every group the leftmost column that is free by then."""
    touched = {
        group.name: [node.place for node in nodes if group.name in (*node.reads, *node.writes)]
        for group in groups
    }
    shown = sorted(
        (group for group in groups if touched[group.name]),
        key=lambda group: (touched[group.name][0], touched[group.name][-1]),
    )
    colors = strategy_colors([group.name for group in shown])
    ends: list[int] = []
    lanes: list[GroupLane] = []
    for group in shown:
        first, last = touched[group.name][0], touched[group.name][-1]
        lane = next((lane for lane, end in enumerate(ends) if end < first), len(ends))
        ends[lane : lane + 1] = [last]
        lanes.append(GroupLane(group.name, lane, colors[group.name], first, last, group.size, ""))
    return tuple(lanes)


def groups_plot(info: GroupsInfo) -> hv.Overlay:
    """Draw nodes, lanes and what froze the rest; the picked layer and its groups stand out."""
    parts = [_band(info), _beams(info), _lines(info), _places(info), _nodes(info), _reasons(info)]
    overlay = hv.Overlay(parts)
    overlay.opts(
        invert_yaxis=True,
        yticks=[(node.place, node.name) for node in info.nodes],
        ylim=(-0.6, max(len(info.nodes), 1) - 0.4),
        xlim=(_NODE - 0.7, info.columns + _TEXT_UNITS),
        xaxis=None,
        ylabel="",
        xlabel="",
        show_grid=False,
    )
    return overlay


def _by_name(info: GroupsInfo) -> Mapping[str, GroupLane]:
    return {lane.name: lane for lane in info.lanes}


def _alpha(info: GroupsInfo, group: str) -> float:
    if not info.lit:
        return _PLAIN
    return _BOLD if group in info.lit else _FAINT


def _band(info: GroupsInfo) -> hv.HSpans:
    at = [] if info.selected is None else [(info.selected - 0.5, info.selected + 0.5)]
    band = hv.HSpans(at, ["from", "to"])
    band.opts(color="#e69f00", alpha=0.18, line_alpha=0)
    return band


def _beams(info: GroupsInfo) -> hv.Segments:
    """A thin line from each layer to the farthest of its lanes."""
    lanes = _by_name(info)
    data = [
        (_NODE, node.place, max(lanes[name].lane for name in own), node.place)
        for node in info.nodes
        if (own := [name for name in (*node.reads, *node.writes) if name in lanes])
    ]
    beams = hv.Segments(data, ["x", "y", "end", "level"])
    beams.opts(color=DEFAULT, alpha=0.35, line_width=1)
    return beams


def _lines(info: GroupsInfo) -> hv.Segments:
    data = [
        (
            *(lane.lane, lane.first, lane.lane, lane.last),
            *(lane.name, lane.channels, lane.color, lane.found or "not searched"),
            *(_alpha(info, lane.name), 6.0 if lane.name in info.lit else 3.5),
        )
        for lane in info.lanes
    ]
    values = ["group", "channels", "paint", "found", "strength", "width"]
    lines = hv.Segments(data, ["x", "y", "end", "level"], values)
    lines.opts(
        color="paint",
        alpha="strength",
        line_width="width",
        tools=["hover"],
        hover_tooltips=[
            ("group", "@group"),
            ("channels", "@channels"),
            ("efficacy", "@found"),
        ],
    )
    return lines


def _places(info: GroupsInfo) -> hv.Points:
    """Rings where channels are written, dots where they are read."""
    lanes = _by_name(info)
    data = [
        (lane.lane, node.place, name, does, node.name, lane.color, fill, _alpha(info, name))
        for node in info.nodes
        for names, does, fill in ((node.writes, "writes", 0.0), (node.reads, "reads", 1.0))
        for name in names
        if (lane := lanes.get(name)) is not None
    ]
    values = ["group", "does", "layer", "paint", "fill", "strength"]
    places = hv.Points(data, ["x", "y"], values)
    places.opts(
        line_color="paint",
        fill_color="paint",
        fill_alpha="fill",
        line_alpha="strength",
        line_width=2.5,
        size=11,
        tools=["hover", "tap"],
        nonselection_alpha=1.0,
        hover_tooltips=[("@layer", "@does @group")],
    )
    return places


def _nodes(info: GroupsInfo) -> hv.Points:
    lanes = _by_name(info)
    data = [
        (_NODE, node.place, node.name, *_look(node, lanes), node.frozen or "can be permuted")
        for node in info.nodes
    ]
    nodes = hv.Points(data, ["x", "y"], ["layer", "paint", "sign", "told"])
    nodes.opts(
        color="paint",
        marker="sign",
        size=13,
        line_width=2,
        tools=["hover", "tap"],
        nonselection_alpha=1.0,
        hover_tooltips=[("layer", "@layer"), ("its inputs", "@told")],
    )
    return nodes


def _look(node: LayerNode, lanes: Mapping[str, GroupLane]) -> tuple[str, str]:
    """Colour and marker: the group that it reads, or a grey cross."""
    own = [lanes[name].color for name in node.reads if name in lanes]
    return (own[0], "square") if own else (DEFAULT, "x")


def _reasons(info: GroupsInfo) -> hv.Labels:
    data = [
        (info.columns, node.place, _cut(f"{node.op}: {node.frozen}" if node.op else node.frozen))
        for node in info.nodes
        if node.frozen
    ]
    reasons = hv.Labels(data, ["x", "y"], "text")
    reasons.opts(text_color=DEFAULT, text_font_size="8pt", text_align="left")
    return reasons


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"
