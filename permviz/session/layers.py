"""What any channel order is worth to each layer, remembered so that watching is cheap."""

import threading
from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from permviz.core.pattern import NMPattern
from permviz.core.problem import SearchProblem
from permviz.core.score import Scores
from permviz.errors import SessionError
from permviz.graph.types import ChannelGraph, ChannelGroup, Layer
from permviz.session.problems import FullScores


class LayerValues:
    """Score matrices, limits and retained scores of a model's layers.

    Args:
        graph: the analysed model.
        scores: importance of every prunable weight, by tensor name.
        pattern: the N:M pattern.
    """

    def __init__(self, graph: ChannelGraph, scores: FullScores, pattern: NMPattern) -> None:
        self._graph = graph
        self._scores = scores
        self._pattern = pattern
        self._layers: Mapping[str, Layer] = {layer.name: layer for layer in graph.layers}
        self._problems: dict[str, SearchProblem] = {}
        self._limits: dict[str, tuple[float, float, float]] = {}
        self._retained: dict[tuple[str, bytes], float] = {}
        self._lock = threading.Lock()

    def layer(self, name: str) -> Layer:
        """A layer by its name.

        Raises:
            SessionError: the model has no such layer.
        """
        found = self._layers.get(name)
        if found is None:
            raise SessionError(
                f"The model has no layer {name!r}; choose one of {', '.join(self._layers)}."
            )
        return found

    def problem(self, name: str) -> SearchProblem:
        """A layer's own scores under the pattern, a block for each conv group."""
        layer = self.layer(name)
        with self._lock:
            if name not in self._problems:
                width = layer.width
                blocks = [np.arange(g * width, g * width + width) for g in range(layer.conv_groups)]
                matrix = score_matrix(layer, self._scores[layer.tensor])
                self._problems[name] = SearchProblem.of(matrix, self._pattern, blocks)
            return self._problems[name]

    def limits(self, name: str) -> tuple[float, float, float]:
        """Sum of a layer's scores, retained as given, and row optimum."""
        if name not in self._limits:
            problem = self.problem(name)
            total = float(problem.scores.sum(dtype=np.float64))
            self._limits[name] = (total, problem.baseline, problem.row_optimum)
        return self._limits[name]

    def retained(self, name: str, order: NDArray[np.int64]) -> float:
        """Retained score of a layer in a channel order."""
        key = (name, order.tobytes())
        if key not in self._retained:
            self._retained[key] = self.problem(name).retained(order)
        return self._retained[key]

    def order(self, name: str, group_orders: Mapping[str, NDArray[np.int64]]) -> NDArray[np.int64]:
        """The order of a layer's input channels under orders of its channel groups."""
        layer = self.layer(name)
        order = np.arange(layer.channels)
        for group, group_order in group_orders.items():
            if group in layer.inputs:
                _move(order, self._graph.by_name[group], layer, group_order)
        return order


def dense_layers(graph: ChannelGraph, pattern: NMPattern) -> dict[str, str]:
    """Why layers are not pruned, by their names, in a sentence each; pruned ones are left out."""
    from permviz.models.prunable import eligibility  # noqa: PLC0415 - needs torch

    reasons = eligibility(graph.model, pattern, graph.stacks)
    found = {layer.name: reasons.get(_weight(layer), _UNMASKED) for layer in graph.layers}
    return {name: reason for name, reason in found.items() if reason}


def unsearched(
    layer: Layer, dense: Mapping[str, str], skipped: Mapping[str, str]
) -> tuple[Literal["dense", "frozen", "skipped"], str]:
    """Why no search moves a layer's input channels: its status, and the reason.

    Args:
        layer: none of whose channel groups is searched, or which is not pruned.
        dense: why layers are not pruned, by their names.
        skipped: why channel groups are not searched, by their names.
    """
    if layer.name in dense:
        return "dense", dense[layer.name]
    if layer.frozen is not None:
        return "frozen", layer.frozen.reason
    reasons = (skipped[name] for name in layer.inputs if name in skipped)
    return "skipped", next(reasons, "Nothing about its inputs can be permuted.")


def nothing_searched(
    graph: ChannelGraph, dense: Mapping[str, str], skipped: Mapping[str, str]
) -> str:
    """Why no channel group of a model can be searched: each reason once, with a layer."""
    first: dict[str, str] = {}
    for layer in graph.layers:
        first.setdefault(unsearched(layer, dense, skipped)[1], layer.name)
    told = [f"{name}: {reason}" for reason, name in first.items()][:_TOLD]
    return " ".join(
        ["No channel group of this model can be searched.", *(told or ["It has no layers."])]
    )


_TOLD = 4


def _weight(layer: Layer) -> str:
    """The name that a layer's weight has for its module, computed or not."""
    return f"{layer.name}.weight" if layer.computed else layer.tensor


_UNMASKED = (
    "Only weights of convolution, linear and attention modules are pruned; this one belongs to "
    "another kind of module, or is used without one."
)


def score_matrix(layer: Layer, weight: NDArray[np.floating]) -> Scores:
    """Lay a weight's scores out by input channel: float[rows, channels].

    A conv weight [K, C, R, S] becomes (K*R*S) x C. The groups of a grouped convolution
    stand side by side, so that every input channel has one column. A weight whose input
    axis is not axis 1, such as that of a transposed convolution, becomes (all its other
    axes) x C.
    """
    width, kernel = layer.shape[layer.input_axis], int(np.prod(layer.shape[2:]))
    if layer.input_axis != 1:
        return np.moveaxis(weight, layer.input_axis, -1).reshape(-1, width)
    grouped = weight.reshape(layer.conv_groups, -1, width, kernel)
    # conv group, row, channel, kernel position -> row, kernel position, conv group, channel
    return grouped.transpose(1, 3, 0, 2).reshape(-1, layer.conv_groups * width)


def _move(
    order: NDArray[np.int64], group: ChannelGroup, layer: Layer, group_order: NDArray[np.int64]
) -> None:
    """Write a group's order into the order of a layer's input axis."""
    rows_a_conv_group = layer.shape[0] // layer.conv_groups
    for place in group.consumers:
        if place.tensor != layer.tensor or place.axis != layer.input_axis:
            continue
        width = layer.shape[layer.input_axis]
        start = place.rows[0] // rows_a_conv_group * width if place.rows else 0
        at = np.full(group.size, -1, dtype=np.int64)
        at[place.channels] = np.arange(place.channels.size)
        taken = at[group_order[place.channels]]
        order[start + place.positions] = start + place.positions[taken]
