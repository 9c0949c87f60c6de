"""N:M masks on the layers of a model, held by parametrizations.

The weight of a pruned layer becomes `where(mask, original, 0)`: copies and fine-tuning keep
the zeros, and the dense weights stay in the state dict beside the masks. Which weights take
a pattern is in `permviz.models.prunable`.
"""

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import parametrize

from permviz.core.pattern import NMPattern
from permviz.core.score import mask
from permviz.errors import SourceError
from permviz.graph.wrappers import bare, duplicate
from permviz.models.importance import Scores, weight_scores
from permviz.models.prunable import NO_STACKS, Prunable, Stacks, eligibility, prunables

# Ranking a stripe takes eight bytes of index for each score, so tall layers go in parts.
_PART = 1 << 20


class Masked(nn.Module):
    """A parametrization that lets only the unmasked weights through.

    Attributes:
        mask: bool, of the shape of the weight; False is pruned.
        order: names of the parameters of its module, in their order before it was pruned.
    """

    mask: Tensor

    def __init__(self, kept: Tensor, order: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.register_buffer("mask", kept)
        self.order = order

    def forward(self, weight: Tensor) -> Tensor:
        """Zero the pruned weights; their gradient is zero too."""
        # Not a product, which would keep NaN and make negative zeros.
        return torch.where(self.mask, weight, weight.new_zeros(()))


def sparsify(
    model: nn.Module,
    pattern: NMPattern | str = "2:4",
    *,
    importance: str = "magnitude",
    layers: Collection[str] | None = None,
    stacks: Stacks = NO_STACKS,
) -> nn.Module:
    """Copy a model and prune its eligible layers to a pattern.

    Args:
        model: stays as it is.
        pattern: the N:M pattern, counted along the input axis of each weight.
        importance: what decides which weights stay.
        layers: names of the layers to prune; all eligible ones by default.
        stacks: input axes of stacks of expert matrices, by name, as `ChannelGraph.stacks`
            tells them; without them, stacks stay dense.

    Raises:
        SourceError: a named layer or stack does not exist or is not eligible.
        ScoresError: a weight is NaN or infinite, or the importance is unknown.
        PatternError: the pattern makes no sense.
    """
    parsed = NMPattern.parse(pattern)
    model = bare(model)
    sparse = duplicate(model)
    for item in _chosen(model, parsed, layers, stacks):
        layer = sparse.get_submodule(item.module)
        weight = layer.get_parameter(item.parameter)
        kept = weight_mask(weight_scores(item.layer, weight, importance), parsed, item.axis)
        _own_class(layer)
        order = tuple(model.get_submodule(item.module)._parameters)  # noqa: SLF001 # their order
        held = Masked(torch.from_numpy(kept).to(weight.device), order)
        parametrize.register_parametrization(layer, item.parameter, held)
        # A parametrization is born in training mode, whatever mode its layer is in.
        layer.train(layer.training)
    return sparse


def weight_mask(scores: Scores, pattern: NMPattern, axis: int = 1) -> NDArray[np.bool_]:
    """Mask the full scores of a weight along its input axis; True is kept.

    A convolution's K, C, R, S is masked as the matrix (K*R*S) x C.
    """
    last = np.moveaxis(scores, axis, -1)
    rows = last.reshape(-1, last.shape[-1])
    step = max(1, _PART // rows.shape[1])
    parts = [mask(rows[start : start + step], pattern) for start in range(0, len(rows), step)]
    whole = np.concatenate(parts).reshape(last.shape)
    return np.ascontiguousarray(np.moveaxis(whole, -1, axis))


def masks(sparse_model: nn.Module) -> dict[str, Tensor]:
    """The masks of a sparse model by the original names of the weights; True is kept."""
    return {tensor: held.mask for tensor, _, _, held in _masked(sparse_model)}


def plain(sparse_model: nn.Module) -> nn.Module:
    """Copy a sparse model into one without parametrizations: dense tensors with zeros.

    The state dict of the copy has the names and the order of the original's.
    """
    dense = duplicate(sparse_model)
    order: dict[nn.Module, tuple[str, ...]] = {}
    for _, layer, name, held in list(_masked(dense)):
        _own_class(layer)
        parametrize.remove_parametrizations(layer, name)
        order.setdefault(layer, held.order)
    for layer, names in order.items():
        # Registered anew, a weight comes last.
        own = layer._parameters  # noqa: SLF001 # torch has no public reordering
        for name in [*names, *(name for name in own if name not in names)]:
            if name in own:
                own[name] = own.pop(name)
    return dense


def _chosen(
    model: nn.Module, pattern: NMPattern, layers: Collection[str] | None, stacks: Stacks
) -> tuple[Prunable, ...]:
    known = prunables(model, stacks)
    reasons = eligibility(model, pattern, stacks)
    for name in layers or ():
        if name not in known:
            raise SourceError(
                f"The model has no convolution or linear layer {name!r}; "
                f"it has {', '.join(sorted(known)[:8]) or 'none'}{', ...' * (len(known) > 8)}."
            )
        if reasons[known[name].tensor]:
            raise SourceError(f"The layer {name!r} cannot be pruned: {reasons[known[name].tensor]}")
    return tuple(
        item
        for name, item in known.items()
        if not reasons[item.tensor] and (layers is None or name in layers)
    )


def _masked(model: nn.Module) -> Iterator[tuple[str, nn.Module, str, Masked]]:
    """Name of the weight, its module, its name there, and its mask."""
    for path, layer in model.named_modules():
        computed = layer._modules.get("parametrizations")  # noqa: SLF001 # torch keeps them there
        for name, steps in computed.named_children() if computed is not None else ():
            for held in steps.children():
                if isinstance(held, Masked):
                    yield f"{path}.{name}" if path else name, layer, name, held


def _own_class(layer: Any) -> None:
    """Give a parametrized layer a class of its own.

    Torch keeps the properties of parametrized tensors on a class that deep copies share, so
    registering or removing one on a copy would change, or break, the original.
    """
    if parametrize.is_parametrized(layer):
        shared = type(layer)
        layer.__class__ = type(shared.__name__, shared.__bases__, dict(vars(shared)))
