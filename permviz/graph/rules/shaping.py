"""Operations that lay the same elements out differently."""

from math import prod

from permviz.graph.labels import Value, normal_axis
from permviz.graph.ledger import Call
from permviz.graph.rearrange import expand, permute, view
from permviz.graph.rules.registry import rule


@rule("view.default", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze")
@rule("_unsafe_view", "view_as", "reshape_as", "ravel")
def reshape(call: Call) -> Value:
    """The elements in the same order; the captured result knows the shape."""
    return view(call, call.value("self", "input"), call.shape)


@rule("permute")
def permute_axes(call: Call) -> Value:
    """Axes in another order."""
    value = call.value("self")
    return permute(call, value, [normal_axis(int(axis), value.ndim) for axis in _listed(call)])


@rule("transpose", "swapaxes", "swapdims", "t", "adjoint", "mT", "numpy_T")
def transpose(call: Call) -> Value:
    """Two axes exchanged: the given ones, or the last two."""
    value = call.value("self")
    names = [name for name in call.arguments if name != "self"]
    pair = [int(call.arguments[name]) for name in names] or [-2, -1]
    order = list(range(value.ndim))
    if value.ndim > 1:
        one, other = (normal_axis(axis, value.ndim) for axis in pair)
        order[one], order[other] = other, one
    return permute(call, value, order)


@rule("movedim", "moveaxis")
def move_axes(call: Call) -> Value:
    """Some axes moved, the others in their order."""
    value = call.value("self")
    source, target = (
        [normal_axis(int(axis), value.ndim) for axis in _as_list(call.arguments[name])]
        for name in ("source", "destination")
    )
    rest = iter(axis for axis in range(value.ndim) if axis not in source)
    placed = dict(zip(target, source, strict=True))
    order = [placed[axis] if axis in placed else next(rest) for axis in range(value.ndim)]
    return permute(call, value, order)


@rule("expand", "expand_as", "broadcast_to")
def expand_axes(call: Call) -> Value:
    """Axes of size 1 repeated without varying."""
    return expand(call.value("self"), call.shape)


@rule("pixel_shuffle")
def pixel_shuffle(call: Call) -> Value:
    """Channels spread over positions: a reshape, a transposition and a reshape."""
    value, factor = call.value("self"), int(call.arguments["upscale_factor"])
    *batch, channels, height, width = value.shape
    lead = len(batch)
    kept = channels // factor**2
    split = view(call, value, [*batch, kept, factor, factor, height, width])
    order = [*range(lead + 1), lead + 3, lead + 1, lead + 4, lead + 2]
    return view(call, permute(call, split, order), call.shape)


@rule("pixel_unshuffle")
def pixel_unshuffle(call: Call) -> Value:
    """The inverse of a pixel shuffle."""
    value, factor = call.value("self"), int(call.arguments["downscale_factor"])
    *batch, channels, height, width = value.shape
    lead = len(batch)
    shape = [*batch, channels, height // factor, factor, width // factor, factor]
    order = [*range(lead + 1), lead + 2, lead + 4, lead + 1, lead + 3]
    return view(call, permute(call, view(call, value, shape), order), call.shape)


@rule("channel_shuffle", "native_channel_shuffle")
def channel_shuffle(call: Call) -> Value:
    """Groups of channels interleaved."""
    value, groups = call.value("self", "input"), int(call.arguments["groups"])
    batch, channels, *positions = value.shape
    split = view(call, value, [batch, groups, channels // groups, prod(positions)])
    return view(call, permute(call, split, [0, 2, 1, 3]), call.shape)


def _listed(call: Call) -> list[int]:
    return _as_list(call.arguments["dims"])


def _as_list(given: int | list[int]) -> list[int]:
    return [given] if isinstance(given, int) else list(given)
