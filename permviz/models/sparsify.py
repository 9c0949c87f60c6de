"""N:M masks on the layers of a model, held by parametrizations.

The weight of a pruned layer becomes `where(mask, original, 0)`: copies and fine-tuning keep
the zeros, and the dense weights stay in the state dict beside the masks.
"""

import sys
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

PRUNABLE = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
# GPT-2's linear layer, whose weight is input by output; found only where it is loaded, and by
# identity, because many other classes have its name.
_TRANSPOSED = ("transformers.pytorch_utils", "Conv1D")

# Ranking a stripe takes eight bytes of index for each score, so tall layers go in parts.
_PART = 1 << 20


class Masked(nn.Module):
    """A parametrization that lets only the unmasked weights through.

    Attributes:
        mask: bool, of the shape of the weight; False is pruned.
    """

    mask: Tensor

    def __init__(self, kept: Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", kept)

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
) -> nn.Module:
    """Copy a model and prune its eligible layers to a pattern.

    Args:
        model: stays as it is.
        pattern: the N:M pattern, counted along the input axis of each weight.
        importance: what decides which weights stay.
        layers: names of the layers to prune; all eligible ones by default.

    Raises:
        SourceError: a named layer does not exist or is not eligible.
        ScoresError: a weight is NaN or infinite, or the importance is unknown.
        PatternError: the pattern makes no sense.
    """
    parsed = NMPattern.parse(pattern)
    model = bare(model)
    sparse = duplicate(model)
    for name in _chosen(model, parsed, layers):
        layer = sparse.get_submodule(name)
        weight = layer.get_parameter("weight")
        axis = input_axis(model.get_submodule(name))
        kept = weight_mask(weight_scores(name, weight, importance), parsed, axis)
        _own_class(layer)
        held = Masked(torch.from_numpy(kept).to(weight.device))
        parametrize.register_parametrization(layer, "weight", held)
        # A parametrization is born in training mode, whatever mode its layer is in.
        layer.train(layer.training)
    return sparse


def prunable(layer: nn.Module) -> bool:
    """Whether the module is a convolution or linear layer, whose weight takes a pattern."""
    return isinstance(layer, PRUNABLE) or _transposed(layer)


def input_axis(layer: nn.Module) -> int:
    """The axis of a prunable layer's weight that reads its input channels."""
    return 0 if _transposed(layer) else 1


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
    return {_tensor(name): held.mask for name, _, held in _masked(sparse_model)}


def plain(sparse_model: nn.Module) -> nn.Module:
    """Copy a sparse model into one without parametrizations: dense tensors with zeros.

    The state dict of the copy has the names and the order of the original's.
    """
    dense = duplicate(sparse_model)
    for _, layer, _ in list(_masked(dense)):
        _own_class(layer)
        parametrize.remove_parametrizations(layer, "weight")
        # Registered anew, the weight comes last; it was before the bias.
        own = layer._parameters  # noqa: SLF001 # torch has no public reordering
        if "bias" in own:
            own["bias"] = own.pop("bias")
    return dense


def eligibility(model: nn.Module, pattern: NMPattern | str = "2:4") -> dict[str, str]:
    """Why each convolution and linear layer stays dense, by the name of its weight.

    Empty for a layer that `sparsify` prunes, else one sentence.

    Raises:
        PatternError: the pattern makes no sense.
    """
    reasons = _reasons(bare(model), NMPattern.parse(pattern))
    return {_tensor(name): reason for name, reason in reasons.items()}


def remainders(model: nn.Module, pattern: NMPattern | str = "2:4") -> dict[str, str]:
    """What stays dense inside pruned layers, by the name of the weight; one sentence each.

    Raises:
        PatternError: the pattern makes no sense.
    """
    parsed = NMPattern.parse(pattern)
    notes: dict[str, str] = {}
    for tensor, reason in eligibility(model, parsed).items():
        layer = model.get_submodule(tensor.rpartition(".")[0])
        channels = model.get_parameter(tensor).shape[input_axis(layer)] if not reason else 0
        rest = channels % parsed.m
        if rest:
            last = "channel stays" if rest == 1 else f"{rest} channels stay"
            notes[tensor] = (
                f"The last {last} dense, because {channels} is not a multiple of {parsed.m}."
            )
    return notes


def _chosen(
    model: nn.Module, pattern: NMPattern, layers: Collection[str] | None
) -> tuple[str, ...]:
    reasons = _reasons(model, pattern)
    for name in layers or ():
        if name not in reasons:
            raise SourceError(
                f"The model has no convolution or linear layer {name!r}; "
                f"it has {', '.join(sorted(reasons)[:8]) or 'none'}{', ...' * (len(reasons) > 8)}."
            )
        if reasons[name]:
            raise SourceError(f"The layer {name!r} cannot be pruned: {reasons[name]}")
    return tuple(
        name
        for name, reason in reasons.items()
        if not reason and (layers is None or name in layers)
    )


def _reasons(model: nn.Module, pattern: NMPattern) -> dict[str, str]:
    users = _users(model)
    return {
        name: _reason(name, layer, pattern, users)
        for name, layer in model.named_modules()
        if prunable(layer)
    }


def _transposed(layer: nn.Module) -> bool:
    home = sys.modules.get(_TRANSPOSED[0])
    return home is not None and isinstance(layer, getattr(home, _TRANSPOSED[1]))


def _tensor(layer: str) -> str:
    """Name of a layer's weight; a model that is a single layer has no name."""
    return f"{layer}.weight" if layer else "weight"


def _masked(model: nn.Module) -> Iterator[tuple[str, nn.Module, Masked]]:
    for name, layer in model.named_modules():
        if parametrize.is_parametrized(layer, "weight"):
            for held in layer.get_submodule("parametrizations.weight").children():
                if isinstance(held, Masked):
                    yield name, layer, held


def _users(model: nn.Module) -> dict[int, list[str]]:
    """Every name of each parameter, by its identity, a module under two names counted once."""
    users: dict[int, list[str]] = {}
    for prefix, part in model.named_modules():
        for name, parameter in part.named_parameters(prefix, recurse=False):
            users.setdefault(id(parameter), []).append(name)
    return users


def _reason(name: str, layer: nn.Module, pattern: NMPattern, users: dict[int, list[str]]) -> str:
    weight = layer._parameters.get("weight")  # noqa: SLF001 # a computed weight is not in here
    if weight is None:
        return "Its weight is computed by a parametrization, which a mask would not survive."
    others = [other for other in users[id(weight)] if other != _tensor(name)]
    if others:
        return f"Its weight is shared with {others[0]!r}, which pruning would change too."
    channels = weight.shape[input_axis(layer)]
    if channels < pattern.m:
        plural = "channel is" if channels == 1 else "channels are"
        return f"{channels} input {plural} fewer than the {pattern.m} of a stripe."
    return ""


def _own_class(layer: Any) -> None:
    """Give a parametrized layer a class of its own.

    Torch keeps the properties of parametrized tensors on a class that deep copies share, so
    registering or removing one on a copy would change, or break, the original.
    """
    if parametrize.is_parametrized(layer):
        shared = type(layer)
        layer.__class__ = type(shared.__name__, shared.__bases__, dict(vars(shared)))
