"""A channel graph for people: its data as lines, and the same lines as text and as HTML."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from permviz.core.picture import strip

if TYPE_CHECKING:  # what is rendered imports its renderer
    from collections.abc import Iterable, Sequence

    from permviz.graph.types import ChannelGraph, ChannelGroup, Layer
    from permviz.graph.verify_report import GroupError

_ROLES = ("consumer", "producer", "passenger")


@dataclass(frozen=True, slots=True)
class LayerLine:
    """One layer.

    Attributes:
        name: module path.
        kind: of layer.
        weight: its shape, as ``64x32x3x3``.
        reads: names of the groups on its input axis.
        writes: names of the groups on its output axis.
        reason: why its input channels stay; empty if some can move.
        op: operation that froze them; empty if none did.
        source: line of the model that called the operation; empty if unknown.
    """

    name: str
    kind: str
    weight: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    reason: str
    op: str
    source: str


@dataclass(frozen=True, slots=True)
class GroupLine:
    """One channel group.

    Attributes:
        name: of the group.
        channels: how many it has.
        blocks: sizes of the sets inside which channels may move.
        tensors: names of the tensors that read, write and carry its channels, by role.
        control: how much moving one side alone changed the output; None if not tried.
        error: how much the group by itself changed the output in float64; None if not tried.
    """

    name: str
    channels: int
    blocks: tuple[int, ...]
    tensors: tuple[tuple[str, tuple[str, ...]], ...]
    control: float | None
    error: float | None = None


@dataclass(frozen=True, slots=True)
class GraphLines:
    """All there is to show of a graph.

    Attributes:
        summary: in one sentence.
        proof: what the verification said, or why there was none.
        layers: in the order of execution.
        groups: in the order of their first reader.
    """

    summary: str
    proof: str
    layers: tuple[LayerLine, ...]
    groups: tuple[GroupLine, ...]


def lines(graph: ChannelGraph) -> GraphLines:
    """Lay a graph out in lines."""
    free = sum(layer.frozen is None for layer in graph.layers)
    channels = sum(group.size for group in graph.groups)
    summary = (
        f"{type(graph.model).__name__}: {free} of {len(graph.layers)} layers can be permuted, in "
        f"{len(graph.groups)} groups of {channels} channels together."
    )
    if graph.left_out:
        summary += f" Outputs that do not count: {', '.join(graph.left_out)}."
    report = graph.verification
    proof = report.message if report is not None else graph.unverified or "No group held."
    return GraphLines(
        summary=summary,
        proof=proof,
        layers=tuple(_layer_line(layer) for layer in graph.layers),
        groups=tuple(_group_line(group, graph) for group in graph.groups),
    )


def as_line(graph: ChannelGraph) -> str:
    """The counts in a line."""
    frozen = sum(layer.frozen is not None for layer in graph.layers)
    return (
        f"ChannelGraph({len(graph.layers)} layers, {len(graph.groups)} channel groups, "
        f"{frozen} inputs frozen, {graph.fingerprint[:15]}...)"
    )


def as_text(graph: ChannelGraph) -> str:
    """The lines as text, columns aligned."""
    told = lines(graph)
    rows = [("layer", "kind", "weight", "reads, or why it stays")]
    rows += [(line.name, line.kind, line.weight, _story(line)) for line in told.layers]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    table = ["  ".join([*map(str.ljust, row, widths), row[3]]).rstrip() for row in rows]
    groups = [f"{_sizes(line)}: {_tensors(line)}" for line in told.groups]
    return "\n".join([told.summary, told.proof, "", *table, "", *groups]).rstrip()


def as_html(graph: ChannelGraph) -> str:
    """The lines as HTML for a notebook, in the colours of its theme."""
    told = lines(graph)
    layers = _table(
        ("layer", "kind", "weight", "reads", "writes", "why it stays"),
        (
            (
                line.name,
                line.kind,
                line.weight,
                *map(", ".join, (line.reads, line.writes)),
                _why(line),
            )
            for line in told.layers
        ),
    )
    groups = _table(
        ("group", "error", "control", *_ROLES),
        (
            (
                _sizes(line),
                _change(line.error),
                _change(line.control),
                *(", ".join(names) for _, names in line.tensors),
            )
            for line in told.groups
        ),
    )
    return (
        f"<div><p><b>{escape(told.summary)}</b><br>{escape(told.proof)}</p>{_picture(graph)}"
        f"<details open><summary>Layers</summary>{layers}</details>"
        f"<details><summary>Channel groups</summary>{groups}</details></div>"
    )


def _picture(graph: ChannelGraph) -> str:
    """Two rows of squares, what layers read and what they write: a colour a group."""
    numbers = {group.name: number for number, group in enumerate(graph.groups)}

    def square(layer: Layer, does: str, groups: tuple[str, ...]) -> tuple[str, int | None]:
        told = f"{layer.name} {does} {', '.join(groups) or 'what stays in place'}"
        return told, numbers.get(groups[0]) if groups else None

    reads = [square(layer, "reads", layer.inputs) for layer in graph.layers]
    writes = [square(layer, "writes", layer.outputs) for layer in graph.layers]
    return strip([reads, writes])


def _layer_line(layer: Layer) -> LayerLine:
    frozen = layer.frozen
    return LayerLine(
        name=layer.name,
        kind=layer.kind,
        weight="x".join(map(str, layer.shape)),
        reads=layer.inputs,
        writes=layer.outputs,
        reason=frozen.reason if frozen else "",
        op=frozen.op if frozen else "",
        source=frozen.source if frozen else "",
    )


def _group_line(group: ChannelGroup, graph: ChannelGraph) -> GroupLine:
    by_role = {role: dict[str, None]() for role in _ROLES}
    for place in group.occurrences:
        by_role[place.role][place.tensor] = None
    return GroupLine(
        name=group.name,
        channels=group.size,
        blocks=tuple(block.size for block in group.blocks),
        tensors=tuple((role, tuple(names)) for role, names in by_role.items()),
        control=graph.controls.get(group.name),
        error=next((e.float64_error for e in _errors(graph) if e.name == group.name), None),
    )


def _story(line: LayerLine) -> str:
    return _why(line) or ", ".join(line.reads)


def _why(line: LayerLine) -> str:
    cause = " ".join(filter(None, (line.op, f"at {line.source}" if line.source else "")))
    return f"{line.reason} ({cause})" if cause else line.reason


def _sizes(line: GroupLine) -> str:
    """Such as ``layer1.0.conv1, 12 channels in blocks of 2 x 4, 1 x 4``."""
    if len(line.blocks) == 1:
        return f"{line.name}, {line.channels} channels"
    counted = ", ".join(f"{count} x {size}" for size, count in Counter(line.blocks).items())
    return f"{line.name}, {line.channels} channels in blocks of {counted}"


def _tensors(line: GroupLine) -> str:
    verbs = {"consumer": "read by", "producer": "written by", "passenger": "carried by"}
    return "; ".join(f"{verbs[role]} {', '.join(names)}" for role, names in line.tensors if names)


def _errors(graph: ChannelGraph) -> Sequence[GroupError]:
    return graph.verification.by_group if graph.verification is not None else ()


def _change(size: float | None) -> str:
    return "" if size is None else f"{size:.1e}"


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
