"""Transposed convolutions: input channels are axis 0 of the weight, output channels axis 1."""

from permviz.graph.combine import contract, coordinate
from permviz.graph.labels import Labels, Value, positions
from permviz.graph.ledger import Call, Column
from permviz.graph.rearrange import take
from permviz.graph.rules.convolution import (
    convolution,
    convolved,
    keep_apart,
    without_channels,
)
from permviz.graph.rules.local import untracked
from permviz.graph.rules.registry import Result, rule


@rule("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def transposed_convolution(call: Call) -> Value:
    """Every group reads its rows of the weight and writes all its columns."""
    weight, groups = call.value("weight"), int(call.arguments["groups"])
    value = call.value("input")
    axis = value.ndim - weight.ndim + 1
    value = untracked(call, value, range(axis + 1, value.ndim))
    weight = untracked(call, weight, range(2, weight.ndim))
    call.ledger.note_layer(weight, f"conv_transpose{weight.ndim - 2}d", groups, axes=(0, 1))
    if groups > 1 and weight.shape[:2] == (groups, 1):
        return convolved(call, value, _on_axis(weight, 0), axis)
    contract(call, value, axis, weight, 0)
    if groups > 1:
        for facet in weight.facets:
            if facet.size == facet.shape[0]:
                keep_apart(call, facet, groups)
    return convolved(call, without_channels(value, axis), _written(call, weight, groups), axis)


@rule("_convolution")
def either_convolution(call: Call) -> Result:
    """The form that TorchScript traces have, of both kinds of convolution."""
    if call.arguments["transposed"]:
        return transposed_convolution(call)
    return convolution(call)


def _written(call: Call, weight: Value, groups: int) -> Value:
    """Output channels: the columns of the weight, group after group."""
    if weight.windows is not None:
        flat = _windowed(call, weight.windows)
        return Value((flat.size,), (flat,), (False,), weight.cause)
    return take(call, _on_axis(weight, 1), 0, [*range(weight.shape[1])] * groups)


def _windowed(call: Call, windows: Labels) -> Labels:
    every = positions(windows.shape).reshape(-1)
    flat = windows.reshape(-1)
    call.ledger.relate(
        [Column(windows, every), Column(flat, every)], [coordinate(windows.shape, 0)]
    )
    return flat


def _on_axis(weight: Value, axis: int) -> Value:
    facets = tuple(f.reshape(-1) for f in weight.facets if f.size == f.shape[axis])
    return Value((weight.shape[axis],), facets, (weight.uniform[axis],), weight.cause)
