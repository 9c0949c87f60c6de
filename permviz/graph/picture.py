"""An analysed model as a small picture: which channels each layer reads and writes."""

from permviz.core.picture import strip, table
from permviz.graph.types import ChannelGraph, Layer


def graph_html(graph: ChannelGraph) -> str:
    """Counts, and two rows of squares: a square a layer, a colour a channel group."""
    numbers = {group.name: number for number, group in enumerate(graph.groups)}
    reads = [_square(layer, "reads", layer.inputs, numbers) for layer in graph.layers]
    writes = [_square(layer, "writes", layer.outputs, numbers) for layer in graph.layers]
    return table(
        [
            ("layers", str(len(graph.layers))),
            ("channel groups", str(len(graph.groups))),
            ("inputs frozen", str(frozen_inputs(graph))),
            ("reads and writes", strip([reads, writes])),
        ]
    )


def graph_text(graph: ChannelGraph) -> str:
    """The counts in a line."""
    return (
        f"ChannelGraph({len(graph.layers)} layers, {len(graph.groups)} channel groups, "
        f"{frozen_inputs(graph)} inputs frozen, {graph.fingerprint[:15]}...)"
    )


def frozen_inputs(graph: ChannelGraph) -> int:
    """How many layers cannot be permuted along their inputs."""
    return sum(layer.frozen is not None for layer in graph.layers)


def _square(
    layer: Layer, does: str, groups: tuple[str, ...], numbers: dict[str, int]
) -> tuple[str, int | None]:
    told = f"{layer.name} {does} {', '.join(groups) or 'what stays in place'}"
    return told, numbers.get(groups[0]) if groups else None
