"""Operations that read one axis in its order: running sums, sorting, places of extrema.

Whatever is labelled along that axis keeps its order; the other axes are only beside it.
"""

from collections.abc import Iterable

from permviz.graph.combine import combine, mark
from permviz.graph.labels import Value, normal_axis
from permviz.graph.ledger import Call
from permviz.graph.rearrange import view
from permviz.graph.rules.local import untracked
from permviz.graph.rules.registry import rule


@rule("cumsum cumprod logcumsumexp argsort diff")
def running(call: Call) -> Value:
    """Every element depends on those before it."""
    return in_order(call, [int(call.arguments.get("dim", -1))])


@rule("sort topk cummax cummin")
def ranked(call: Call) -> list[Value]:
    """Values in an order of their own, with the places where they stood."""
    return [in_order(call, [int(call.arguments.get("dim", -1))])] * 2


@rule("max.dim min.dim median.dim kthvalue mode")
def extremum(call: Call) -> list[Value]:
    """One value with its place."""
    return [_place(call)] * 2


@rule("argmax argmin")
def place(call: Call) -> Value:
    """The place of one value."""
    return _place(call)


@rule("tril triu")
def triangle(call: Call) -> Value:
    """One half of a matrix over the last two axes."""
    return in_order(call, [-2, -1])


@rule("unfold")
def windows(call: Call) -> Value:
    """Windows along an axis, their elements along a new last axis."""
    value = call.value("self")
    axis = normal_axis(int(call.arguments["dimension"]), value.ndim)
    read = untracked(call, value, [axis])
    for facet in read.facets:
        mark(call, facet)
    facets = tuple(facet.reshape((*facet.shape, 1)) for facet in read.facets)
    uniform = [*(flag and at != axis for at, flag in enumerate(read.uniform)), False]
    return Value(call.shape, facets, tuple(uniform), read.cause)


@rule("im2col")
def columns(call: Call) -> Value:
    """Windows of a picture: the channel axis holds every channel's window in turn."""
    value = untracked(call, call.value("self"), [-2, -1])
    *lead, channels, _, _ = value.shape
    shape = (*lead, channels, call.shape[-2] // channels, call.shape[-1])
    uniform = (*value.uniform[:-2], False, False)
    return view(
        call, combine(call, [Value(shape, value.facets, uniform, value.cause)], shape), call.shape
    )


@rule("col2im")
def picture(call: Call) -> Value:
    """The inverse: windows added up where they overlap."""
    value, channels = call.value("self"), call.shape[-3]
    *lead, rows, places = value.shape
    split = view(call, value, (*lead, channels, rows // channels, places))
    read = untracked(call, split, [-2, -1])
    uniform = (*read.uniform[:-2], False, False)
    return combine(call, [Value(call.shape, read.facets, uniform, read.cause)])


@rule("grid_sampler", "grid_sampler_2d", "grid_sampler_3d")
def sample(call: Call) -> Value:
    """Positions are read where a grid says, which holds coordinates along its last axis."""
    value, grid = call.value("input"), call.value("grid")
    value = untracked(call, value, range(2, value.ndim))
    grid = untracked(call, grid, range(1, grid.ndim))
    uniform = (value.uniform[0] and grid.uniform[0], value.uniform[1], *(False,) * (value.ndim - 2))
    lead = tuple(facet.reshape((-1, *(1,) * (value.ndim - 1))) for facet in grid.facets)
    beside = Value(
        (grid.shape[0], *(1,) * (value.ndim - 1)),
        lead,
        grid.uniform[:1] + (True,) * (value.ndim - 1),
        grid.cause,
    )
    return combine(call, [Value(call.shape, value.facets, uniform, value.cause), beside])


def in_order(call: Call, axes: Iterable[int]) -> Value:
    """Read some axes in their order; those that the result lacks have size 1."""
    value = call.value("self", "input")
    read = [normal_axis(axis, value.ndim) for axis in axes] if value.ndim else []
    kept = untracked(call, value, read)
    for facet in kept.facets:
        mark(call, facet)
    same = len(call.shape) == value.ndim
    sizes = tuple(
        (call.shape[axis] if same else 1) if axis in read else size
        for axis, size in enumerate(value.shape)
    )
    uniform = tuple(flag and axis not in read for axis, flag in enumerate(value.uniform))
    return Value(sizes, kept.facets, uniform, kept.cause)


def _place(call: Call) -> Value:
    value, given = call.value("self", "input"), call.arguments.get("dim")
    axes = range(value.ndim) if given is None else [int(given)]
    return view(call, in_order(call, axes), call.shape)
