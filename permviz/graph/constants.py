"""Tensors that depend on nothing: masks, tables of numbers, positions.

An operation whose operands are all known is simply run, so that what is known of its
result is exact: where it varies, and, for numbers that index something, which they are.
"""

from math import prod
from typing import Any, cast

import torch
from torch import Tensor, fx

from permviz.graph import nodes
from permviz.graph.capture import has_memory
from permviz.graph.labels import Cause, Value, opaque
from permviz.graph.nested import leaves, mapped, members

VARYING = "Meets constant values that differ along the axis."
# A larger constant has its labels followed, as any value has.
LARGEST = 1 << 20


def known(tensor: Tensor, cause: Cause) -> Value:
    """A constant tensor: order counts along every axis on which it varies."""
    if not has_memory(tensor):
        return opaque(tensor.shape, cause)
    values = tensor.detach().cpu()
    uniform = tuple(
        values.numel() > 0 and bool((values == values.narrow(axis, 0, 1)).all())
        for axis in range(values.ndim)
    )
    content = values if values.numel() <= LARGEST else None
    return Value(tuple(values.shape), (), uniform, cause, content=content)


def folded(node: fx.Node, arguments: object, cause: Cause) -> Any:
    """Run an operation on known operands; None if it cannot be."""
    target = nodes.overload(node)
    if target is None or not _fixed(node) or prod(nodes.first_shape(node)) > LARGEST:
        return None
    if any(value.content is None for value in leaves(arguments, Value)):
        return None
    args, kwargs = mapped(mapped(arguments, Value, _content), torch.device, _here)
    with torch.no_grad():
        result = target(*args, **kwargs)
    parts = members(result)
    if parts is None:
        return known(result, cause) if isinstance(result, Tensor) else None
    return [known(part, cause) for part in parts]


def _fixed(node: fx.Node) -> bool:
    """Whether the operation gives the same result every time and writes nowhere."""
    target = nodes.overload(node)
    drawn = target is None or torch.Tag.nondeterministic_seeded in target.tags
    return not drawn and "empty" not in nodes.operation(node)[0] and not any(nodes.written(node))


def _content(value: Value) -> Any:
    return cast("Tensor", value.content)


def _here(_: torch.device) -> Any:
    return torch.device("cpu")
