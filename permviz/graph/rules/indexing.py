"""Reading by numbers: known numbers pick labels, unknown ones freeze what they number."""

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import torch

from permviz.graph.combine import align, combine, mark
from permviz.graph.labels import Labels, Value, normal_axis
from permviz.graph.ledger import Call
from permviz.graph.rearrange import expand, take, view
from permviz.graph.rules.local import untracked
from permviz.graph.rules.registry import UnsupportedError, rule


@rule("index")
def index(call: Call) -> Value:
    """Numbers for some axes, together; their own axes stand where those axes stood."""
    value = call.value("self")
    given = {axis: at for axis, at in enumerate(call.arguments["indices"]) if at is not None}
    return _numbered(call, value, given)


@rule("index_select")
def index_select(call: Call) -> Value:
    """Numbers for one axis."""
    value = call.value("self")
    axis = normal_axis(int(call.arguments["dim"]), value.ndim)
    return _numbered(call, value, {axis: call.value("index")})


@rule("gather", "take_along_dim")
def gather(call: Call) -> Value:
    """Every result reads one axis at its own number, and the others at its own place."""
    value, numbers = call.value("self"), call.value("index", "indices")
    axis = normal_axis(int(call.arguments["dim"]), value.ndim)
    read = _beside(call, value, axis, numbers.shape)
    return combine(call, [read, untracked(call, numbers, [axis])])


@rule("scatter.src", "scatter.value", "scatter.reduce", "scatter_add", "scatter_reduce.two")
def scatter(call: Call) -> Value:
    """Every source is written to one axis at its number, and to the others at its own place."""
    value, numbers = call.value("self"), call.value("index")
    axis = normal_axis(int(call.arguments["dim"]), value.ndim)
    sources = [numbers, *([source] if (source := call.optional("src")) else [])]
    beside = [_beside(call, source, axis, value.shape) for source in sources]
    return _written(call, value, axis, beside)


@rule("index_add", "index_copy", "index_reduce", "index_fill.int_Scalar", "index_fill.int_Tensor")
def index_add(call: Call) -> Value:
    """Slices written to one axis at their numbers, the other axes side by side."""
    value, numbers = call.value("self"), call.value("index")
    axis = normal_axis(int(call.arguments["dim"]), value.ndim)
    untracked(call, numbers, [0])
    sources = [source for name in ("source", "value") if (source := call.optional(name))]
    beside = [_off(call, source, axis) if source.ndim else source for source in sources]
    return _written(call, value, axis, beside)


@rule("repeat", "tile")
def repeat(call: Call) -> Value:
    """Whole axes one copy after the other."""
    value = call.value("self")
    times = list(call.arguments["repeats" if "repeats" in call.arguments else "dims"])
    more = max(len(times) - value.ndim, 0)
    value = expand(value, (*(1,) * more, *value.shape))
    times = [1] * (value.ndim - len(times)) + times
    for axis, count in enumerate(times):
        if count != 1:
            value = take(call, value, axis, [*range(value.shape[axis])] * int(count))
    return value


@rule("repeat_interleave.self_int")
def repeat_interleave(call: Call) -> Value:
    """Every index several times over."""
    value, count, axis = call.value("self"), call.arguments["repeats"], call.arguments.get("dim")
    if axis is None:
        value, axis = view(call, value, [prod(value.shape)]), 0
    place = normal_axis(int(axis), value.ndim)
    return take(call, value, place, [at // int(count) for at in range(call.shape[place])])


@rule("index_put", "_unsafe_index_put")
def index_put(call: Call) -> Value:
    """Values written at numbers for the first axes; the other axes are side by side."""
    value, written = call.value("self"), call.value("values")
    given = [at for at in call.arguments["indices"] if at is not None]
    axes = range(len(given))
    if len(given) < len(call.arguments["indices"]):
        raise UnsupportedError(f"{call.op} leaves an axis out before a numbered one")
    numbers = _together(call, given)
    untracked(call, numbers, range(numbers.ndim))
    rest = value.ndim - len(given)
    laid = align(written, numbers.ndim + rest)
    laid = untracked(call, laid, range(laid.ndim - rest))
    facets = tuple(f.reshape((1,) * len(given) + f.shape[f.ndim - rest :]) for f in laid.facets)
    sizes = (1,) * len(given) + laid.shape[laid.ndim - rest :]
    flags = (True,) * len(given) + laid.uniform[laid.ndim - rest :]
    beside = combine(
        call, [untracked(call, value, axes), Value(sizes, facets, flags, laid.cause)], value.shape
    )
    uniform = tuple(flag and axis not in axes for axis, flag in enumerate(beside.uniform))
    return Value(value.shape, beside.facets, uniform, beside.cause)


@rule("one_hot")
def one_hot(call: Call) -> Value:
    """A new last axis of numbers, which count in their order."""
    value = call.value("self")
    for facet in value.facets:
        mark(call, facet)
    facets = tuple(facet.reshape((*facet.shape, 1)) for facet in value.facets)
    return Value(call.shape, facets, (*value.uniform, False), call.cause("Numbered by one_hot."))


def _numbered(call: Call, value: Value, given: dict[int, Value]) -> Value:
    axes = sorted(given)
    if len(axes) == 1 and given[axes[0]].content is not None:
        return _picked(call, value, axes[0], given[axes[0]])
    numbers = _together(call, [given[axis] for axis in axes])
    read = untracked(call, value, axes)
    for facet in read.facets:
        mark(call, facet)
    adjoining = axes == [*range(axes[0], axes[0] + len(axes))]
    start = axes[0] if adjoining else 0
    rest = [axis for axis in range(value.ndim) if axis not in given]
    before, after = rest[:start], rest[start:]
    laid = [_inserted(facet, before, after, numbers.ndim) for facet in read.facets]
    lead, tail = (1,) * len(before), (1,) * len(after)
    laid += [facet.reshape(lead + facet.shape + tail) for facet in numbers.facets]
    uniform = [read.uniform[axis] for axis in rest]
    uniform[start:start] = numbers.uniform
    cause = numbers.cause if not all(numbers.uniform) else read.cause
    picked = Value(call.shape, tuple(laid), tuple(uniform), cause)
    if axes != [0] or not value.tensor:
        return picked
    # Layers of a stack, chosen by number: each is still a layer of that stack.
    return replace(picked, tensor=value.tensor, origin=(0,) * numbers.ndim + value.origin[1:])


def _picked(call: Call, value: Value, axis: int, numbers: Value) -> Value:
    """Known numbers: the labels are picked as the elements are."""
    content = numbers.content
    if content is None or content.dtype == torch.bool:
        raise UnsupportedError(f"{call.op} reads by a mask")
    size = value.shape[axis]
    picked = [normal_axis(int(at), size) for at in content.reshape(-1).numpy()]
    taken = take(call, value, axis, picked)
    shape = (*value.shape[:axis], *content.shape, *value.shape[axis + 1 :])
    return view(call, taken, shape)


def _together(call: Call, numbers: Sequence[Value]) -> Value:
    ndim = max(value.ndim for value in numbers)
    sizes = [1] * ndim
    for value in numbers:
        for place in range(1, value.ndim + 1):
            sizes[-place] = max(sizes[-place], value.shape[-place])
    return combine(call, numbers, tuple(sizes))


def _inserted(facet: Labels, before: Sequence[int], after: Sequence[int], more: int) -> Labels:
    sizes = [facet.shape[axis] for axis in before], [facet.shape[axis] for axis in after]
    return facet.reshape([*sizes[0], *(1,) * more, *sizes[1]])


def _written(call: Call, value: Value, axis: int, beside: Sequence[Value]) -> Value:
    """What is written at numbers along an axis varies along it, whatever was there before."""
    made = combine(call, [untracked(call, value, [axis]), *beside], value.shape)
    uniform = tuple(flag and at != axis for at, flag in enumerate(made.uniform))
    cause = made.cause if made.ordered(axis) else call.cause(f"Written by {call.op} at numbers.")
    return replace(made, uniform=uniform, cause=cause)


def _off(call: Call, value: Value, axis: int) -> Value:
    """What a value says about the other axes than the one that is numbered."""
    read = untracked(call, value, [axis])
    sizes = (*value.shape[:axis], 1, *value.shape[axis + 1 :])
    return Value(sizes, read.facets, read.uniform, read.cause)


def _beside(call: Call, value: Value, axis: int, shape: Sequence[int]) -> Value:
    """What stands beside the numbered axis, if nothing of it is cut off."""
    read = untracked(call, value, [axis])
    cut = [at for at, size in enumerate(shape) if at != axis and size != value.shape[at]]
    if any(read.tracked(at) for at in cut):
        raise UnsupportedError(f"{call.op} cuts channels off")
    sizes = tuple(1 if at == axis else size for at, size in enumerate(shape))
    uniform = tuple(flag and at not in cut for at, flag in enumerate(read.uniform))
    return Value(sizes, read.facets, uniform, read.cause)
