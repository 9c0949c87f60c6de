"""What the analysis makes of a network: how much can be permuted, how fast, and the proof."""

import time
import warnings
from dataclasses import dataclass, field
from math import prod

from permviz.errors import CaptureError
from permviz.graph.analyze import analyze
from permviz.graph.types import ChannelGraph, Layer
from permviz.models.networks import Network


@dataclass(frozen=True, slots=True)
class Covered:
    """One network, measured; seconds are wall time, changes are relative.

    Attributes:
        name: of the network.
        package: that it comes from.
        captured: whether its forward pass could be captured.
        note: what to know, such as why it was not captured; may be empty.
        capture_seconds: of torch, for the graph of operations.
        analysis_seconds: from that graph to the channel groups.
        verification_seconds: for trying every group out.
        groups: number of channel groups.
        layers: layers that read several channels a row.
        permutable_layers: those of them some of whose input channels can move.
        share: of the weights of these layers that stand in an input channel that can move,
            in percent.
        float64_change: of the outputs, all groups permuted at random together.
        native_change: the same in the model's own precision.
        control_change: the smallest change, over the groups, by moving one side alone.
    """

    name: str
    package: str
    captured: bool
    note: str = ""
    capture_seconds: float | None = None
    analysis_seconds: float | None = None
    verification_seconds: float | None = None
    groups: int | None = None
    layers: int | None = None
    permutable_layers: int | None = None
    share: float | None = None
    float64_change: float | None = None
    native_change: float | None = None
    control_change: float | None = None


def covered(network: Network) -> Covered:
    """Build a network with lively random weights, analyse it and try every group out."""
    if not network.installed:
        return Covered(network.name, network.package, False, f"{network.package} is not installed.")
    model, inputs = network.ready()
    forward = network.forward(model) if network.forward is not None else None
    clock = _Clock()
    try:
        with warnings.catch_warnings():
            # Running warns about the libraries' own habits.
            warnings.simplefilter("ignore")
            graph = analyze(model, inputs, forward=forward, on_progress=clock)
    except CaptureError as problem:
        return Covered(network.name, network.package, False, str(problem))
    return _summed(network, graph, clock)


@dataclass(slots=True)
class _Clock:
    """When each step of an analysis began."""

    began: dict[str, float] = field(default_factory=dict[str, float])

    def __call__(self, doing: str, _fraction: float) -> None:
        self.began.setdefault(doing, time.perf_counter())

    def between(self, one: str, other: str) -> float | None:
        """Seconds from the start of one step to that of another."""
        if one in self.began and other in self.began:
            return self.began[other] - self.began[one]
        return None


def _summed(network: Network, graph: ChannelGraph, clock: _Clock) -> Covered:
    layers = [layer for layer in graph.layers if layer.width > 1]
    shares = {layer.tensor: _movable(graph, layer) for layer in layers}
    weights = sum(prod(layer.shape) for layer in layers)
    moving = sum(prod(layer.shape) * shares[layer.tensor] for layer in layers)
    report = graph.verification
    left = f"Not counted: {', '.join(graph.left_out)}." if graph.left_out else ""
    own = "By a forward function over the same parameters." if network.forward else ""
    follow, check = "Following the channels", "Verifying the channel groups"
    return Covered(
        name=network.name,
        package=network.package,
        captured=True,
        note=" ".join(filter(None, (own, left))),
        capture_seconds=clock.between("Capturing the forward pass", follow),
        analysis_seconds=clock.between(follow, check),
        verification_seconds=clock.between(check, "Analysed"),
        groups=len(graph.groups),
        layers=len(layers),
        permutable_layers=sum(share > 0 for share in shares.values()),
        share=100 * moving / weights if weights else 0.0,
        float64_change=report.float64_error if report else None,
        native_change=report.native_error if report else None,
        control_change=report.control_change if report else None,
    )


def _movable(graph: ChannelGraph, layer: Layer) -> float:
    """Share of a layer's input positions that hold a channel which can move."""
    moved = sum(
        place.positions.size
        for name in layer.inputs
        for place in graph.by_name[name].consumers
        if (place.tensor, place.axis) == (layer.tensor, layer.input_axis)
    )
    return moved / layer.channels
