"""From channel permutations to moves of tensor axes, and from moves to a permuted model."""

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from permviz.core.permutation import Permutation
from permviz.core.plan import PermutationPlan, TensorMove
from permviz.errors import PlanError
from permviz.graph.capture import named_tensors
from permviz.graph.fingerprint import fingerprint
from permviz.graph.labels import Labels
from permviz.graph.types import ChannelGraph, ChannelGroup, Occurrence
from permviz.graph.wrappers import bare, duplicate

Place = tuple[str, int, tuple[int, int] | None]


def moves(graph: ChannelGraph, by_group: Mapping[str, Permutation]) -> tuple[TensorMove, ...]:
    """Translate one permutation a group into moves of tensor axes, all groups composed.

    Groups that are not named stay, and axes on which nothing moves are left out.

    Raises:
        PlanError: an unknown group, a wrong number of channels, or a channel that leaves
            its block.
    """
    known = graph.by_name
    for name, permutation in by_group.items():
        if name not in known:
            raise PlanError(
                f"The model has no channel group {name!r}; it has {len(known)}, "
                "named in ChannelGraph.groups."
            )
        _check_blocks(known[name], permutation)
    places = [(p, by_group[name]) for name in by_group for p in known[name].occurrences]
    return occurrence_moves(graph.model, places)


def occurrence_moves(
    model: nn.Module, places: Iterable[tuple[Occurrence, Permutation]]
) -> tuple[TensorMove, ...]:
    """Moves of the given places only, each by the permutation of its group."""
    shapes = {name: tuple(tensor.shape) for name, tensor in named_tensors(model)}
    orders: dict[Place, Labels] = {}
    for place, permutation in places:
        key = (place.tensor, place.axis, place.rows)
        if key not in orders:
            orders[key] = np.arange(shapes[place.tensor][place.axis], dtype=np.int64)
        came_from = np.searchsorted(place.channels, permutation.order[place.channels])
        orders[key][place.positions] = place.positions[came_from]
    made = [TensorMove(*key, Permutation(order)) for key, order in orders.items()]
    return tuple(move for move in made if not move.permutation.is_identity)


def apply_moves(model: nn.Module, moves: Iterable[TensorMove]) -> nn.Module:
    """Return a copy of the model with tensor axes moved.

    Types, devices, `requires_grad` and training flags are those of the model.

    Raises:
        PlanError: a move does not fit the model's tensors.
    """
    permuted = duplicate(bare(model))
    tensors = dict(named_tensors(permuted))
    with torch.no_grad():
        for move in moves:
            _check_move(tensors, move)
            # Written in place, so that tied parameters and views of memory stay tied.
            tensors[move.tensor].copy_(moved(tensors[move.tensor], move))
    return permuted


def moved(tensor: Tensor, move: TensorMove) -> Tensor:
    """A copy of the tensor with one axis, or a window of its rows, reordered."""
    order = torch.as_tensor(move.permutation.order.copy(), device=tensor.device)
    if move.rows is None:
        return tensor.index_select(move.axis, order)
    result = tensor.clone()
    start, stop = move.rows
    result[start:stop] = tensor[start:stop].index_select(move.axis, order)
    return result


def apply(model: nn.Module, plan: PermutationPlan) -> nn.Module:
    """Return the model permuted as planned, a copy; of a wrapped model what is inside.

    Raises:
        PlanError: the plan was made for another model, or gives another result than the
            one it names.
    """
    found = fingerprint(model)
    if found != plan.fingerprint:
        raise PlanError(
            f"The plan was made for the model {_short(plan.fingerprint)}, but this one is "
            f"{_short(found)}; load the weights that were searched, or search these."
        )
    permuted = apply_moves(model, plan.moves)
    result = fingerprint(permuted)
    if result != plan.result_fingerprint:
        raise PlanError(
            f"The plan gives the model {_short(result)} and not {_short(plan.result_fingerprint)}"
            " as it says; it was changed after it was made, export again."
        )
    return permuted


def _check_blocks(group: ChannelGroup, permutation: Permutation) -> None:
    if len(permutation) != group.size:
        raise PlanError(
            f"A permutation of {len(permutation)} channels does not fit the group "
            f"{group.name!r} with {group.size} channels."
        )
    home = np.empty(group.size, dtype=np.int64)
    for number, block in enumerate(group.blocks):
        home[block] = number
    if not np.array_equal(home[permutation.order], home):
        raise PlanError(
            f"The permutation of the group {group.name!r} moves channels out of their blocks; "
            "channels may move only inside the blocks that the group lists."
        )


def _check_move(tensors: Mapping[str, Tensor], move: TensorMove) -> None:
    tensor = tensors.get(move.tensor)
    if tensor is None or move.axis >= tensor.ndim:
        raise PlanError(
            f"The model has no axis {move.axis} of a tensor {move.tensor!r}; "
            "apply the plan to the model that it was made for."
        )
    if tensor.shape[move.axis] != len(move.permutation):
        raise PlanError(
            f"Axis {move.axis} of {move.tensor!r} has {tensor.shape[move.axis]} indices, "
            f"but the plan moves {len(move.permutation)}."
        )
    if move.rows is not None and not 0 <= move.rows[0] <= move.rows[1] <= tensor.shape[0]:
        raise PlanError(f"{move.tensor!r} has no rows {move.rows[0]}..{move.rows[1] - 1}.")


def _short(name: str) -> str:
    return name.removeprefix("sha256:")[:12]
