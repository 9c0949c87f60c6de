"""Models inside wrappers that only say how they are run: compiled, or spread over devices."""

import sys

from torch import nn
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
