"""The model itself: without what only says how it is run, and copied before it is touched."""

import copy
import sys
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.parallel import DataParallel, DistributedDataParallel


def bare(model: nn.Module) -> nn.Module:
    """The model inside `torch.compile`, `DataParallel` or `DistributedDataParallel`.

    Its tensors have their plain names, and it computes the same.
    """
    while True:
        if isinstance(model, (DataParallel, DistributedDataParallel)):
            model = model.get_submodule("module")
        elif _compiled(model):
            model = model.get_submodule("_orig_mod")
        else:
            return model


def _compiled(model: nn.Module) -> bool:
    # Importing torch's compiler takes seconds, and nothing is compiled before it is imported.
    compiler = sys.modules.get("torch._dynamo.eval_frame")
    return compiler is not None and isinstance(model, compiler.OptimizedModule)


def duplicate(model: nn.Module) -> nn.Module:
    """A deep copy, also of modules that keep a computed tensor, as weight_norm's hooks do."""
    computed = {
        id(value): value.detach().clone()
        for module in model.modules()
        for value in vars(module).values()
        if isinstance(value, Tensor) and not value.is_leaf
    }
    return copy.deepcopy(model, cast("dict[int, object]", computed))


def in_double(model: nn.Module) -> nn.Module:
    """The model itself in float64, what is complex in complex128; changes it in place."""
    # `double` leaves complex tensors as they are, and torch has no public way to apply another.
    return cast("nn.Module", cast("Any", model)._apply(_in_double))  # noqa: SLF001


def _in_double(tensor: Tensor) -> Tensor:
    if tensor.is_complex():
        return tensor.to(torch.complex128)
    return tensor.double() if tensor.is_floating_point() else tensor
