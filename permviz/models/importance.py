"""How much each weight matters: the scores that the pattern and the searches work on."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from permviz.errors import ScoresError
from permviz.graph.types import ChannelGraph

if TYPE_CHECKING:  # settings know the names before torch is there
    from torch import Tensor

Scores = NDArray[np.floating]

_IMPORTANCES: "dict[str, Callable[[Tensor], Tensor]]" = {
    "magnitude": lambda weights: weights.abs(),
    "squared": lambda weights: weights.square(),
}


def importance_names() -> tuple[str, ...]:
    """Names that `importance` understands, the default first."""
    return tuple(_IMPORTANCES)


def unit(name: str) -> str:
    """What a score of an importance is, as people write it."""
    return {"magnitude": "|w|", "squared": "w²"}.get(name, name)


def importance(graph: ChannelGraph, name: str = "magnitude") -> dict[str, Scores]:
    """Score every weight of every layer of a graph, by the name of its tensor.

    Scores have the full shape of the weight: float64 for float64 weights, else float32.

    Raises:
        ScoresError: the importance is unknown, or a weight is NaN or infinite.
    """
    tensors = graph.model.state_dict(keep_vars=True)
    return {
        layer.tensor: weight_scores(layer.name, tensors[layer.tensor], name)
        for layer in graph.layers
    }


def weight_scores(layer: str, weight: "Tensor", name: str = "magnitude") -> Scores:
    """Score one weight; `layer` is how an error speaks of it.

    Raises:
        ScoresError: the importance is unknown, or a weight is NaN or infinite.
    """
    if name not in _IMPORTANCES:
        raise ScoresError(
            f"The importance {name!r} is unknown; choose one of {', '.join(_IMPORTANCES)}."
        )
    import torch  # noqa: PLC0415 - it is there if there is a tensor

    dtype = torch.float64 if weight.dtype in (torch.float64, torch.complex128) else torch.float32
    real = weight.detach().abs() if weight.is_complex() else weight.detach()
    scores = _IMPORTANCES[name](real.to("cpu", dtype)).contiguous()
    bad = int((~torch.isfinite(scores)).sum())
    if bad:
        raise ScoresError(
            f"The layer {layer!r} has {bad} weights of NaN or infinite {name}; "
            "repair the weights, or load another checkpoint."
        )
    return scores.numpy()
