"""What the searches did for each layer, computed from the weights and not from the searches.

A layer's figures apply the pattern to its own scores in its own channel order, so layers
that a search did not count (other stripes, frozen inputs) are valued like all others.
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from permviz.core.score import Scores, as_array, efficacy_percent
from permviz.graph.types import Layer
from permviz.session.layers import score_matrix, unsearched
from permviz.session.session import Session

LayerStatus = Literal["permuted", "frozen", "dense", "skipped", "waiting", "searching"]


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One layer in the table of results; scores in units of the importance.

    Attributes:
        name: module path.
        kind: conv or linear.
        shape: of the weight.
        groups: channel groups on its input axis.
        status: what became of it.
        reason: why it is frozen, dense or skipped, and notes otherwise.
        rows: rows of its score matrix.
        channels: input channels of its score matrix.
        total: sum of all scores.
        default: retained without permutation.
        row_optimum: retained that nothing can exceed.
        by_strategy: retained under the best order of each strategy so far.
        conv_groups: number of convolution groups.
        axes: axes of the weight that write and read channels.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    groups: tuple[str, ...]
    status: LayerStatus
    reason: str
    rows: int
    channels: int
    total: float
    default: float
    row_optimum: float
    by_strategy: dict[str, float] = field(default_factory=dict)
    conv_groups: int = 1
    axes: tuple[int, int] = (0, 1)

    @property
    def sides(self) -> tuple[int, int]:
        """Output and input channels of the weight, or of each matrix of a stack."""
        return self.shape[self.axes[0]], self.shape[self.axes[1]]

    def efficacy(self, strategy: str) -> float:
        """Efficacy of one strategy on this layer, in percent."""
        return efficacy_percent(self.default, self.by_strategy[strategy], self.row_optimum)

    @property
    def best(self) -> float:
        """Retained under the best strategy, or without permutation."""
        return max(self.by_strategy.values(), default=self.default)

    @property
    def best_strategy(self) -> str:
        """The strategy that retains most on this layer; empty if none has run."""
        return max(self.by_strategy, key=lambda name: self.by_strategy[name], default="")


@dataclass(frozen=True, slots=True)
class ModelTotals:
    """All layers together; scores in units of the importance.

    Attributes:
        dense: sum of all scores of all layers.
        default: retained without permutation.
        permuted: retained under the best order of each group.
        row_optimum: retained that nothing can exceed.
        permuted_layers: layers whose inputs are, or will be, permuted.
        frozen_layers: pruned layers whose inputs cannot be permuted.
        dense_layers: layers that the pattern leaves alone.
    """

    dense: float
    default: float
    permuted: float
    row_optimum: float
    permuted_layers: int
    frozen_layers: int
    dense_layers: int

    @property
    def efficacy(self) -> float:
        """Efficacy over the whole model, in percent."""
        return efficacy_percent(self.default, self.permuted, self.row_optimum)


def layer_scores(session: Session, layer: str) -> Scores:
    """A layer's scores by input channel: float[rows, channels], see `score_matrix`."""
    return session.layers.problem(layer).scores


def layer_weights(session: Session, layer: str) -> Scores:
    """A layer's weights with their signs, laid out like its scores: float[rows, channels]."""
    found = session.layers.layer(layer)
    weight = as_array(session.graph.model.state_dict()[found.tensor])
    return score_matrix(found, np.asarray(weight, dtype=np.result_type(weight, np.float32)))


def layer_order(session: Session, layer: str, strategy: str | None = None) -> NDArray[np.int64]:
    """The order of a layer's input channels so far: int64[channels], `order[new] = old`.

    Args:
        session: the session, running or ended.
        layer: the layer's name.
        strategy: whose order; None for the best of each channel group.
    """
    orders: dict[str, NDArray[np.int64]] = {}
    for name in session.layers.layer(layer).inputs:
        found = best_order(session, name, strategy)
        if found is not None:
            orders[name] = session.group_problems[name].group_order(found[1]).order
    return session.layers.order(layer, orders)


def best_order(
    session: Session, group: str, strategy: str | None = None
) -> tuple[str, NDArray[np.int64], float] | None:
    """Strategy, order and retained score of a group's problem so far; None before any search.

    Args:
        session: the session, running or ended.
        group: name of a channel group.
        strategy: whose order; None for the best.
    """
    if group not in session.problems:
        return None
    names = session.settings.strategies if strategy is None else (strategy,)
    found = [
        (name, *priced) for name in names if (priced := session.priced(group, name)) is not None
    ]
    return max(found, key=lambda item: item[2], default=None)


def layer_rows(session: Session) -> tuple[LayerRow, ...]:
    """The table of results so far, in the order of execution."""
    running = {search.group for search in session.progress.running}
    return tuple(_row(session, layer, running) for layer in session.graph.layers)


def model_totals(session: Session, rows: tuple[LayerRow, ...] | None = None) -> ModelTotals:
    """All layers of the table together, each group under its best order so far."""
    rows = layer_rows(session) if rows is None else rows
    states = [row.status for row in rows]
    return ModelTotals(
        dense=sum(row.total for row in rows),
        default=sum(row.default for row in rows),
        permuted=sum(
            row.total
            if row.status == "dense"
            else session.layers.retained(row.name, layer_order(session, row.name))
            for row in rows
        ),
        row_optimum=sum(row.row_optimum for row in rows),
        permuted_layers=sum(state in ("permuted", "waiting", "searching") for state in states),
        frozen_layers=sum(state in ("frozen", "skipped") for state in states),
        dense_layers=states.count("dense"),
    )


def _row(session: Session, layer: Layer, running: set[str]) -> LayerRow:
    status, reason = _status(session, layer, running)
    total, default, optimum = session.layers.limits(layer.name)
    if status == "dense":
        default = optimum = total
    shape = session.layers.problem(layer.name).scores.shape
    return LayerRow(
        name=layer.name,
        kind=layer.kind,
        shape=layer.shape,
        groups=layer.inputs,
        status=status,
        reason=reason,
        rows=shape[0],
        channels=shape[1],
        total=total,
        default=default,
        row_optimum=optimum,
        by_strategy={
            text: session.layers.retained(layer.name, layer_order(session, layer.name, text))
            for text in session.settings.strategies
            if status != "dense"
            and any(session.order(name, text) is not None for name in layer.inputs)
        },
        conv_groups=layer.conv_groups,
        axes=(layer.output_axis, layer.input_axis),
    )


def _status(session: Session, layer: Layer, running: set[str]) -> tuple[LayerStatus, str]:
    searched = [name for name in layer.inputs if name in session.problems]
    if layer.name in session.dense or not searched:
        return unsearched(layer, session.dense, session.skipped)
    notes = " ".join(note for name in searched for note in session.notes.get(name, ()))
    if any(name in running for name in searched):
        return "searching", notes
    waiting = any(
        (name, text) not in session.results
        for name in searched
        for text in session.settings.strategies
    )
    return ("waiting" if waiting else "permuted"), notes
