"""One number for all the weights of a model, so that a plan meets the model it was made for."""

import hashlib

import torch
from torch import Tensor, nn

from permviz.graph.capture import has_memory, named_tensors
from permviz.graph.wrappers import bare


def fingerprint(model: nn.Module) -> str:
    """Hash names, shapes, types and contents of all parameters and buffers.

    Buffers that are not saved count too; the device does not. Tensors without memory
    (meta, fake) count by name, shape and type.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(named_tensors(bare(model)), key=lambda item: item[0]):
        digest.update(f"{name}|{tuple(tensor.shape)}|{tensor.dtype}|".encode())
        if has_memory(tensor):
            digest.update(_content(tensor))
    return f"sha256:{digest.hexdigest()}"


def _content(tensor: Tensor) -> memoryview:
    """The elements in order of their indices, as bytes."""
    plain = tensor.detach().cpu().contiguous().reshape(-1)
    return plain.view(torch.uint8).numpy().data
