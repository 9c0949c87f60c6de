"""Convolutions: each group reads its channels together and writes its rows."""

import numpy as np

from permviz.graph.combine import combine, contract, coordinate
from permviz.graph.labels import Labels, Value, positions
from permviz.graph.ledger import Call, Column
from permviz.graph.rearrange import take
from permviz.graph.rules.elementwise import beside_axis
from permviz.graph.rules.local import untracked
from permviz.graph.rules.registry import rule


@rule("conv1d", "conv2d", "conv3d")
def convolution(call: Call) -> Value:
    """Input channels meet axis 1 of the weight, output channels are its axis 0."""
    weight, groups = call.value("weight"), int(call.arguments["groups"])
    spatial = weight.ndim - 2
    value = call.value("input")
    axis = value.ndim - spatial - 1
    moved = [axis + 1 + place for place in range(spatial) if not _pointwise(call, weight, place)]
    value = untracked(call, value, moved)
    weight = untracked(call, weight, range(2, weight.ndim))
    call.ledger.note_layer(weight, f"conv{spatial}d", groups)
    if weight.shape[1] == 1 and groups > 1:
        filtered = _depthwise(call, value, axis, groups, weight)
        return convolved(call, filtered, _rows(weight), axis)
    if groups == 1:
        contract(call, value, axis, weight, 1)
    else:
        _contract_groups(call, value, axis, weight, groups)
    return convolved(call, without_channels(value, axis), _rows(weight), axis)


def convolved(call: Call, value: Value, rows: Value, axis: int) -> Value:
    """Output: positions of the input beside the output channels and their bias."""
    ndim = value.ndim
    beside = [_positions_changed(call, value, axis), beside_axis(rows, axis, ndim)]
    bias = call.optional("bias")
    if bias is not None:
        beside.append(beside_axis(bias, axis, ndim))
    return combine(call, beside)


def without_channels(value: Value, axis: int) -> Value:
    """What a convolution leaves of its input beside the channels that it sums."""
    facets = tuple(facet for facet in value.facets if facet.shape[axis] == 1)
    sizes = (*value.shape[:axis], 1, *value.shape[axis + 1 :])
    return Value(sizes, facets, value.uniform, value.cause)


def keep_apart(call: Call, facet: Labels, groups: int) -> None:
    """Keep channels in their convolution groups, which follow one another."""
    rows = facet.size
    column = Column(facet, np.arange(rows, dtype=np.int64))
    call.ledger.relate([column], [np.repeat(np.arange(groups), rows // groups)])


def _rows(weight: Value) -> Value:
    facets = tuple(f.reshape(-1) for f in weight.facets if f.size == f.shape[0])
    return Value(weight.shape[:1], facets, weight.uniform[:1], weight.cause)


def _pointwise(call: Call, weight: Value, place: int) -> bool:
    """Whether positions along one spatial axis do not meet, as in a linear layer."""
    stride, padding = call.arguments["stride"], call.arguments["padding"]
    steps = [int(stride[min(place, len(stride) - 1)]), weight.shape[2 + place]]
    pads = 0 if isinstance(padding, str) else int(padding[min(place, len(padding) - 1)])
    return steps == [1, 1] and pads == 0


def _positions_changed(call: Call, value: Value, axis: int) -> Value:
    """What the convolution leaves of its input: order along positions, labels elsewhere."""
    cause = call.cause("Runs over positions, not over channels.")
    uniform = tuple(
        flag if place <= axis else size == 1
        for place, (flag, size) in enumerate(zip(value.uniform, call.shape, strict=True))
    )
    sizes = (*value.shape[: axis + 1], *call.shape[axis + 1 :])
    return Value(sizes, value.facets, uniform, cause)


def _depthwise(call: Call, value: Value, axis: int, groups: int, weight: Value) -> Value:
    """Every input channel is filtered by its own rows of the weight."""
    multiplier = weight.shape[0] // groups
    if multiplier == 1:
        return value
    return take(call, value, axis, np.repeat(np.arange(groups), multiplier).tolist())


def _contract_groups(call: Call, value: Value, axis: int, weight: Value, groups: int) -> None:
    """Tie channel `g * size + j` to position j of row window g, and keep the groups apart."""
    folded = _folded(call, value, axis, groups)
    if weight.windows is None:
        contract(call, folded, axis + 1, weight, 1)
    elif folded.ordered(axis + 1) or folded.ordered(axis):
        call.ledger.freeze(weight.windows, value.cause)
    else:
        _contract_windows(call, folded, weight.windows)
    for facet in weight.facets:
        if facet.size == facet.shape[0]:
            keep_apart(call, facet, groups)


def _folded(call: Call, value: Value, axis: int, groups: int) -> Value:
    """Split the channel axis into groups and channels of a group."""
    shape = list(value.shape)
    shape[axis : axis + 1] = [groups, value.shape[axis] // groups]
    value = untracked(call, value, [place for place in range(value.ndim) if place != axis])
    facets = tuple(facet.reshape(shape[axis : axis + 2]) for facet in value.facets)
    lead, rest = (1,) * axis, (1,) * (value.ndim - axis - 1)
    laid = tuple(facet.reshape(lead + facet.shape + rest) for facet in facets)
    flag = value.uniform[axis]
    uniform = (*value.uniform[:axis], flag, flag, *value.uniform[axis + 1 :])
    return Value(tuple(shape), laid, uniform, value.cause)


def _contract_windows(call: Call, folded: Value, windows: Labels) -> None:
    every = positions(windows.shape).reshape(-1)
    apart = [coordinate(windows.shape, 0)]
    columns = [Column(windows, every)]
    columns += [Column(facet, every) for facet in folded.facets]
    call.ledger.relate(columns, apart)
