"""Reading one node of a captured graph: its operation, arguments, results and memory."""

from collections.abc import Callable, Iterator
from typing import Any, cast

import torch
from torch import Tensor, fx
from torch._ops import OpOverload

from permviz.errors import CaptureError
from permviz.graph.capture import source_line
from permviz.graph.labels import Shape
from permviz.graph.nested import leaves

# These hand their input on in evaluation, although their schemas do not say so.
PASSING = frozenset(
    {
        "aten.dropout",
        "aten.feature_dropout",
        "aten.alpha_dropout",
        "aten.feature_alpha_dropout",
        "aten.type_as",
    }
)


def operation(node: fx.Node) -> tuple[str, str]:
    """Name and overload of the operation, such as ``aten.add_`` and ``Tensor``."""
    target = overload(node)
    if target is not None:
        packet = str(target.overloadpacket)
        return packet, str(target).removeprefix(f"{packet}.")
    return getattr(node.target, "__name__", str(node.target)), ""


def overload(node: fx.Node) -> "OpOverload[..., Any] | None":
    """The operator that the node calls, None for anything else."""
    target: object = node.target
    return cast("OpOverload[..., Any]", target) if isinstance(target, OpOverload) else None


def arguments(node: fx.Node, result_of: Callable[[fx.Node], Any]) -> dict[str, Any]:
    """All arguments by name, defaults included, results in the place of nodes."""
    args, kwargs = fx.map_arg((node.args, node.kwargs), result_of)
    target = overload(node)
    if target is None:
        return {**{str(place): value for place, value in enumerate(args)}, **kwargs}
    schema = _schema(target).arguments
    named = {item.name: item.default_value for item in schema if item.has_default_value()}
    named |= {item.name: value for item, value in zip(schema, args, strict=False)}
    return {**named, **kwargs}


def argument(node: fx.Node, name: str) -> Any:
    """One argument of the node, nodes left as they are."""
    return arguments(node, lambda source: source).get(name)


def shape_of(result: Any, called_at: str = "") -> Shape | None:
    """Shape of a captured tensor, None for anything else; errors name where it was called.

    Raises:
        CaptureError: a size depends on the data.
    """
    if not isinstance(result, Tensor):
        return None
    # A size that depends on the data is a symbol, whatever torch's annotations say.
    if any(type(size) is not int for size in result.shape):
        at = f" at {called_at}" if called_at else ""
        raise CaptureError(
            f"The forward pass makes a tensor of shape {tuple(result.shape)}{at}, whose size "
            "depends on the data; give a forward pass of fixed sizes, with forward= if need be, "
            "or leave the model as it is."
        )
    return tuple(result.shape)


def first_shape(node: fx.Node) -> Shape:
    """Shape of the node's first tensor result."""
    result = node.meta.get("val")
    shapes = (shape_of(tensor, source(node)) for tensor in leaves(result, Tensor))
    return next((shape for shape in shapes if shape is not None), ())


def may_share_memory(node: fx.Node) -> bool:
    """Whether a result may be a view of the node's first tensor argument, or that itself."""
    target = overload(node)
    if target is None:
        return True
    if operation(node)[0].rstrip("_") in PASSING:
        return True
    return any(item.alias_info is not None for item in _schema(target).arguments)


def numbers_by_mask(node: fx.Node) -> bool:
    """Whether an index of the node is a mask, which may cover several axes at once."""
    given = argument(node, "indices")
    captured = [item.meta.get("val") for item in leaves(given, fx.Node)]
    return any(isinstance(item, Tensor) and item.dtype == torch.bool for item in captured)


def written(node: fx.Node) -> Iterator[fx.Node]:
    """The nodes whose memory the operation writes into, as far as anybody can tell."""
    target = overload(node)
    if target is None:
        yield from node.all_input_nodes
        return
    for item in _schema(target).arguments:
        if item.alias_info is not None and item.alias_info.is_write:
            yield from leaves(argument(node, item.name), fx.Node)


def source(node: fx.Node) -> str:
    """Line of the model's source that called the operation."""
    return source_line(str(node.meta.get("stack_trace") or ""))


def _schema(target: "OpOverload[..., Any]") -> Any:
    # torch documents no other way to read a schema
    return target._schema  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
