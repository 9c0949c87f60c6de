"""Operations that pick indices along an axis, and those that join what was picked."""

from dataclasses import replace
from itertools import pairwise

from permviz.graph.combine import combine
from permviz.graph.labels import Value, normal_axis
from permviz.graph.ledger import Call
from permviz.graph.rearrange import cat, take, view
from permviz.graph.rules.registry import UnsupportedError, rule


@rule("slice", "narrow")
def cut(call: Call) -> Value:
    """A range along an axis."""
    value, axis = _read(call)
    size = value.shape[axis]
    start, step = call.arguments.get("start"), call.arguments.get("step", 1)
    end = call.arguments.get("end")
    if "length" in call.arguments:
        start = normal_axis(int(start or 0), size)
        end = start + int(call.arguments["length"])
    return take(call, value, axis, list(range(size))[slice(start, end, step)])


@rule("select")
def select(call: Call) -> Value:
    """One index, whose axis disappears."""
    value, axis = _read(call)
    index = normal_axis(int(call.arguments["index"]), value.shape[axis])
    picked = view(call, take(call, value, axis, [index]), call.shape)
    rest = tuple(at for place, at in enumerate(value.origin) if place != axis)
    return replace(picked, tensor=value.tensor, origin=rest)


@rule("flip")
def flip(call: Call) -> Value:
    """Axes read backwards."""
    value = call.value("self")
    for axis in call.arguments["dims"]:
        place = normal_axis(int(axis), value.ndim)
        value = take(call, value, place, range(value.shape[place])[::-1])
    return value


@rule("roll")
def roll(call: Call) -> Value:
    """Axes read from another start."""
    value = call.value("self")
    dims, shifts = call.arguments["dims"], call.arguments["shifts"]
    if not dims:
        raise UnsupportedError(f"{call.op} rolls the flattened value")
    for axis, shift in zip(dims, shifts, strict=True):
        place = normal_axis(int(axis), value.ndim)
        size = value.shape[place]
        value = take(call, value, place, [(at - int(shift)) % size for at in range(size)])
    return value


@rule("chunk", "split", "split_with_sizes", "tensor_split.indices", "unsafe_chunk", "unsafe_split")
def split(call: Call) -> list[Value]:
    """Consecutive ranges along an axis."""
    value, axis = _read(call)
    return _parts(call, value, axis, _sizes(call, value.shape[axis]))


@rule("unbind")
def unbind(call: Call) -> list[Value]:
    """Every index by itself."""
    value, axis = _read(call)
    parts = _parts(call, value, axis, [1] * value.shape[axis])
    return [view(call, part, call.shape) for part in parts]


@rule("glu")
def glu(call: Call) -> Value:
    """The first half gated by the second."""
    value, axis = _read(call)
    half = value.shape[axis] // 2
    return combine(call, _parts(call, value, axis, [half, half]))


@rule("cat", "concat", "concatenate")
def join(call: Call) -> Value:
    """Values one after the other along an axis."""
    given, dim = call.arguments["tensors"], int(call.arguments.get("dim", 0))
    values = [value for value in given if value.shape != (0,) and value.shape[dim] > 0]
    if len(values) == 1:
        return values[0]
    return cat(call, values, normal_axis(dim, values[0].ndim))


@rule("stack")
def stack(call: Call) -> Value:
    """Values one after the other along a new axis."""
    axis = normal_axis(int(call.arguments.get("dim", 0)), len(call.shape))
    shape = tuple(1 if place == axis else size for place, size in enumerate(call.shape))
    return cat(call, [view(call, value, shape) for value in call.arguments["tensors"]], axis)


def _read(call: Call) -> tuple[Value, int]:
    value = call.value("self", "input")
    return value, normal_axis(int(call.arguments.get("dim", 0)), value.ndim)


def _sizes(call: Call, size: int) -> list[int]:
    if "chunks" in call.arguments:
        step = -(-size // int(call.arguments["chunks"]))
    elif "indices" in call.arguments:
        cuts = [0, *[normal_axis(int(at), size) for at in call.arguments["indices"]], size]
        return [after - before for before, after in pairwise(cuts)]
    else:
        given = call.arguments.get("split_size", call.arguments.get("split_sizes"))
        if not isinstance(given, int):
            return [int(part) for part in given]
        step = given
    return [min(step, size - start) for start in range(0, size, step)]


def _parts(call: Call, value: Value, axis: int, sizes: list[int]) -> list[Value]:
    starts = [sum(sizes[:at]) for at in range(len(sizes))]
    return [
        take(call, value, axis, range(start, start + size))
        for start, size in zip(starts, sizes, strict=True)
    ]
