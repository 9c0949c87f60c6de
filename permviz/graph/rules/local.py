"""Operations that read neighbours along some axes: pooling, resizing, padding."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from permviz.graph.combine import combine, coordinate, mark, spread
from permviz.graph.labels import Labels, Value, constant, normal_axis, tracked_axes
from permviz.graph.ledger import Call
from permviz.graph.rearrange import cat
from permviz.graph.rules.registry import UnsupportedError, rule

POOLS = ("max_pool", "avg_pool", "adaptive_avg_pool")
INDEXED_POOLS = ("max_pool{}d_with_indices", "adaptive_max_pool{}d")
RESIZES = (
    "upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d "
    "_upsample_nearest_exact2d _upsample_nearest_exact3d upsample_linear1d upsample_bilinear2d "
    "upsample_bicubic2d upsample_trilinear3d _upsample_bilinear2d_aa _upsample_bicubic2d_aa"
)


@rule(*[f"{pool}{dims}d" for pool in POOLS for dims in (1, 2, 3)])
def pool(call: Call) -> Value:
    """Pooling windows run along the last axes; channels keep to themselves."""
    return _pooled(call, int(call.op[-2]))


@rule(*[name.format(dims) for name in INDEXED_POOLS for dims in (1, 2, 3)])
def indexed_pool(call: Call) -> list[Value]:
    """The same, with the places of the maxima, which count positions and not channels."""
    dims = next(int(letter) for letter in call.op if letter.isdigit())
    return [_pooled(call, dims)] * 2


@rule("max_unpool2d", "max_unpool3d")
def unpool(call: Call) -> Value:
    """Values go back to the places that they were pooled from, among zeros."""
    parts = [call.value("self"), call.value("indices")]
    axes = range(parts[0].ndim - int(call.op[-2]), parts[0].ndim)
    return combine(call, [_resized(call, part, axes) for part in parts])


@rule(RESIZES)
def resize(call: Call) -> Value:
    """Resizing runs along all axes after the channels."""
    return _neighbourhood(call, call.value("self", "input").ndim - 2)


@rule("pad", "constant_pad_nd", "reflection_pad1d", "reflection_pad2d", "reflection_pad3d")
@rule("replication_pad1d", "replication_pad2d", "replication_pad3d")
def pad(call: Call) -> Value:
    """Padding positions is harmless; padded channels keep their place."""
    value = call.value("self", "input")
    amounts = list(call.arguments["pad" if "pad" in call.arguments else "padding"])
    filled = call.op == "aten.constant_pad_nd" or call.arguments.get("mode") == "constant"
    for step in range(len(amounts) // 2):
        axis = value.ndim - 1 - step
        before, after = amounts[2 * step : 2 * step + 2]
        value = _pad_axis(call, value, axis, (before, after), filled=filled)
    return value


def untracked(call: Call, value: Value, axes: Iterable[int]) -> Value:
    """Freeze what is labelled along these axes, which the operation reads in order.

    What is labelled along others too, as pictures that a linear layer makes, still moves
    along those: a channel with all its positions.
    """
    wanted = [normal_axis(axis, value.ndim) for axis in axes]
    kept = [_kept(call, facet, wanted) for facet in value.facets]
    if all(one is other for one, other in zip(kept, value.facets, strict=True)):
        return value
    facets = tuple(facet for facet in kept if facet is not None)
    return replace(value, facets=facets, cause=call.cause(f"Read as positions by {call.op}."))


def _kept(call: Call, facet: Labels, wanted: Sequence[int]) -> Labels | None:
    read = [axis for axis in tracked_axes(facet) if axis in wanted]
    if not read:
        return facet
    if len(read) == len(tracked_axes(facet)):
        call.freeze(facet, f"Read as positions by {call.op}.")
        return None
    whole = facet
    for axis in read:
        whole = whole.take([0], axis)
    columns = [spread(facet, facet.shape), spread(whole, facet.shape)]
    call.ledger.relate(columns, [coordinate(facet.shape, axis) for axis in read])
    return whole


def _pooled(call: Call, dims: int) -> Value:
    """Pool along the last axes; windows of one index leave an axis as it is."""
    value = call.value("self", "input")
    given = call.arguments.get("kernel_size", 0)
    kernel = [given] * dims if isinstance(given, int) else [*given] * dims
    axes = range(value.ndim - dims, value.ndim)
    wide = [
        axis
        for axis, size in zip(axes, kernel, strict=False)
        if size != 1 or value.shape[axis] != call.shape[axis]
    ]
    return combine(call, [_resized(call, value, wide)])


def _neighbourhood(call: Call, dims: int) -> Value:
    value = call.value("self", "input")
    return combine(call, [_resized(call, value, range(value.ndim - dims, value.ndim))])


def _resized(call: Call, value: Value, axes: Collection[int]) -> Value:
    read = untracked(call, value, axes)
    uniform = tuple(flag and axis not in axes for axis, flag in enumerate(read.uniform))
    return Value(call.shape, read.facets, uniform, read.cause)


def _pad_axis(
    call: Call, value: Value, axis: int, amounts: Sequence[int], *, filled: bool
) -> Value:
    before, after = amounts
    if before == after == 0:
        return value
    if value.tracked(axis):
        if not filled or min(before, after) < 0:
            raise UnsupportedError(f"{call.op} pads or crops channels")
        return cat(call, _padded_parts(call, value, axis, amounts), axis)
    for facet in value.facets:
        mark(call, facet)
    sizes = tuple(s + (before + after) * (a == axis) for a, s in enumerate(value.shape))
    uniform = tuple(flag and place != axis for place, flag in enumerate(value.uniform))
    return Value(sizes, value.facets, uniform, value.cause)


def _padded_parts(call: Call, value: Value, axis: int, amounts: Sequence[int]) -> list[Value]:
    """The value between constant blocks that repeat along all its other axes."""
    cause = call.cause(f"Padded by {call.op}.")
    before, after = [
        constant((*value.shape[:axis], amount, *value.shape[axis + 1 :]), cause)
        for amount in amounts
    ]
    return [part for part in (before, value, after) if part.shape[axis] > 0]
