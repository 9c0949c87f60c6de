"""What an export did to each layer, computed from the tensors themselves.

The search's own figures are not used: retained scores are counted again with `core.score`
on the weights before and after, so the report of an export checks the search as well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from permviz.core.pattern import NMPattern
from permviz.core.plan import PermutationPlan
from permviz.core.score import efficacy_percent, retained, row_optimum
from permviz.errors import ExportError
from permviz.export.deployability import Deployability, deployability
from permviz.graph.types import ChannelGraph
from permviz.models.importance import weight_scores
from permviz.models.prunable import Prunable, prunables


@dataclass(frozen=True, slots=True)
class LayerExport:
    """One convolution or linear layer of an export.

    Attributes:
        name: module path.
        kind: ``conv1d`` to ``3d``, ``conv_transpose1d`` to ``3d``, ``linear`` or ``experts``.
        tensor: its weight's name in the state dict.
        shape: of its weight.
        status: ``sparse``, or ``dense`` where the pattern was not applied.
        permuted: whether the plan reorders its input channels.
        reason: why it is dense, or why its input channels could not move; may be empty.
        note: what stays dense inside a sparse layer; may be empty.
        total: sum of the scores.
        default: what the pattern retains in the order of the file; `total` where dense.
        retained: what it retains in the exported order; `total` where dense.
        row_optimum: what nothing can exceed; `total` where dense.
        zeros: number of zeros in the exported weight.
        deployability: which sparse tensor cores can run it.
        input_axis: axis of the weight that the pattern runs along.
    """

    name: str
    kind: str
    tensor: str
    shape: tuple[int, ...]
    status: str
    permuted: bool
    reason: str
    note: str
    total: float
    default: float
    retained: float
    row_optimum: float
    zeros: int
    deployability: Deployability
    input_axis: int = 1

    @property
    def efficacy(self) -> float:
        """Share of the possible gain that was found, in percent; 100 where there is none."""
        return efficacy_percent(self.default, self.retained, self.row_optimum)


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the layers of an export; a dense layer retains everything.

    Attributes:
        total: sum of the scores.
        default: retained in the order of the file.
        retained: retained in the exported order.
        row_optimum: retained score that nothing can exceed.
        sparse_layers: number of layers with the pattern.
        dense_layers: number of layers without.
        weights: number of weights in all layers.
        zeros: number of zeros among them.
    """

    total: float
    default: float
    retained: float
    row_optimum: float
    sparse_layers: int
    dense_layers: int
    weights: int
    zeros: int

    @property
    def efficacy(self) -> float:
        """Share of the possible gain that was found, in percent; 100 where there is none."""
        return efficacy_percent(self.default, self.retained, self.row_optimum)


@dataclass(frozen=True, slots=True)
class Pruned:
    """The tensors that a report compares.

    Attributes:
        before: state dict of the model as given.
        permuted: state dict of the permuted model, not pruned.
        after: state dict as exported.
        reasons: by weight, why it stays dense; empty for one that is pruned.
        notes: by weight, what stays dense inside a pruned one.
        importance: name of the importance that pruning ranks by.
    """

    before: Mapping[str, Tensor]
    permuted: Mapping[str, Tensor]
    after: Mapping[str, Tensor]
    reasons: Mapping[str, str]
    notes: Mapping[str, str]
    importance: str


def layer_exports(
    model: nn.Module, plan: PermutationPlan, pruned: Pruned, graph: ChannelGraph | None
) -> tuple[LayerExport, ...]:
    """Describe every layer of an export that takes a pattern, in the model's order."""
    moved = frozenset((move.tensor, move.axis) for move in plan.moves)
    frozen = _frozen_reasons(graph)
    return tuple(
        _layer_export(item, model, pruned, _Planned(plan.pattern, moved, frozen))
        for item in prunables(model, plan.stacks).values()
        if item.tensor in pruned.before
    )


def totals(layers: Sequence[LayerExport]) -> Totals:
    """Add up the layers of an export."""
    sparse = sum(layer.status == "sparse" for layer in layers)
    return Totals(
        total=sum(layer.total for layer in layers),
        default=sum(layer.default for layer in layers),
        retained=sum(layer.retained for layer in layers),
        row_optimum=sum(layer.row_optimum for layer in layers),
        sparse_layers=sparse,
        dense_layers=len(layers) - sparse,
        weights=sum(int(np.prod(layer.shape)) for layer in layers),
        zeros=sum(layer.zeros for layer in layers),
    )


@dataclass(frozen=True, slots=True)
class _Planned:
    pattern: NMPattern
    moved: frozenset[tuple[str, int]]
    frozen: Mapping[str, str]


def _layer_export(
    item: Prunable, model: nn.Module, pruned: Pruned, planned: _Planned
) -> LayerExport:
    tensor, axis = item.tensor, item.axis
    shape = tuple(pruned.after[tensor].shape)
    dense = pruned.reasons.get(tensor, "")
    permuted = (tensor, axis) in planned.moved
    weight = _Weight(tensor, axis, dense=bool(dense))
    total, default, kept, optimum = _figures(weight, pruned, planned.pattern)
    return LayerExport(
        name=item.layer,
        kind=item.kind,
        tensor=tensor,
        shape=shape,
        status="dense" if dense else "sparse",
        permuted=permuted,
        reason=dense or ("" if permuted else planned.frozen.get(tensor, "")),
        note=pruned.notes.get(tensor, ""),
        total=total,
        default=default,
        retained=kept,
        row_optimum=optimum,
        zeros=int((pruned.after[tensor] == 0).sum()),
        deployability=deployability(
            _output_input(shape, item),
            planned.pattern,
            conv_groups=int(getattr(model.get_submodule(item.module), "groups", 1)),
            dense_because=dense,
        ),
        input_axis=axis,
    )


@dataclass(frozen=True, slots=True)
class _Weight:
    tensor: str
    axis: int
    dense: bool

    def scores(self, state: Mapping[str, Tensor], importance: str) -> NDArray[np.floating]:
        """Scores as float[rows, channels], a row for each output channel and kernel position."""
        name = self.tensor.removesuffix(".weight")
        scores = np.moveaxis(weight_scores(name, state[self.tensor], importance), self.axis, -1)
        return scores.reshape(-1, scores.shape[-1])


def _figures(
    weight: _Weight, pruned: Pruned, pattern: NMPattern
) -> tuple[float, float, float, float]:
    """Total, default, retained and row optimum of one layer."""
    tensor = weight.tensor
    before = weight.scores(pruned.before, pruned.importance)
    total = float(before.sum(dtype=np.float64))
    if weight.dense:
        return total, total, total, total
    permuted = weight.scores(pruned.permuted, pruned.importance)
    kept = weight.scores(pruned.after, pruned.importance).sum(dtype=np.float64)
    best = retained(permuted, pattern)
    if not np.isclose(kept, best, rtol=1e-5):
        raise ExportError(
            f"The mask of {tensor} retains {kept:.6g} of a possible {best:.6g}; "
            "this is a fault of permviz, please report it."
        )
    return total, retained(before, pattern), best, row_optimum(before, pattern)


def _frozen_reasons(graph: ChannelGraph | None) -> dict[str, str]:
    layers = graph.layers if graph is not None else ()
    return {layer.tensor: layer.frozen.reason for layer in layers if layer.frozen is not None}


def _output_input(shape: tuple[int, ...], item: Prunable) -> tuple[int, int]:
    """Output and input channels of the matrix, or of each matrix of a stack."""
    first = 1 if item.kind == "experts" else 0
    other = first + 1 if item.axis == first else first
    return shape[other], shape[item.axis]
