"""Operations that torch itself defines by others: ``hstack``, ``meshgrid``, ``tensordot``.

One that no rule describes is followed through its definition, whose operations have rules
or are refused like any other.
"""

from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.experimental.proxy_tensor import make_fx

from permviz.graph import nodes
from permviz.graph.exporting import one_at_a_time


def definition(node: fx.Node) -> fx.Graph | None:
    """The graph of smaller operations that the node's operation stands for.

    Its placeholders are the node's distinct operands, in the order of `all_input_nodes`.
    None if torch has no such definition, or it cannot be traced by the operands' shapes.
    """
    target = nodes.overload(node)
    composite = torch._C.DispatchKey.CompositeImplicitAutograd  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - torch names it nowhere else
    if target is None or not target.has_kernel_for_dispatch_key(composite):
        return None
    operands = node.all_input_nodes
    captured = [operand.meta.get("val") for operand in operands]
    if not captured or not all(isinstance(value, Tensor) for value in captured):
        return None

    def call(*tensors: Tensor) -> Any:
        given = dict(zip(operands, tensors, strict=True))
        args, kwargs = fx.map_arg((node.args, node.kwargs), given.__getitem__)
        return target.decompose(*args, **kwargs)

    try:
        with one_at_a_time(), torch.no_grad():
            graph = make_fx(call, tracing_mode="fake")(*captured).graph
    except Exception:  # noqa: BLE001 - whatever a definition stumbles over, its operation is refused
        return None
    inside = [*graph.nodes]
    if any(other.op == "call_function" and other.target is target for other in inside):
        return None  # it stands for itself
    for other in inside:
        other.meta["stack_trace"] = node.meta.get("stack_trace")
    return graph
