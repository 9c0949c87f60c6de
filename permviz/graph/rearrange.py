"""Operations that only move content about: the same numpy operation on the labels.

Each of them relates the elements that it reads to the elements that it writes, because
channels may trade places only if they are picked, laid out and repeated alike.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from permviz.graph.combine import align, combine, coordinate, mark, shared_cause, spread
from permviz.graph.labels import (
    Labels,
    Shape,
    Value,
    on_axis,
    positions,
    tracked_axes,
)
from permviz.graph.ledger import Call, Column

Block = tuple[tuple[int, ...], tuple[int, ...]]


def take(call: Call, value: Value, axis: int, index: Sequence[int]) -> Value:
    """Pick indices along an axis, in this order: slice, select, flip, roll, repeat."""
    picked = np.asarray(index, dtype=np.int64)
    every = [_take_facet(call, facet, axis, picked) for facet in value.facets]
    # Of channels joined with padding, the padding alone may be left.
    facets = tuple(facet for facet in every if not call.ledger.stays(facet))
    sizes = (*value.shape[:axis], picked.size, *value.shape[axis + 1 :])
    part = bool((np.diff(picked) > 0).all())
    taken = Value(sizes, facets, value.uniform, value.cause)
    if not part:
        return taken
    return replace(taken, tensor=value.tensor, origin=value.origin, computed=value.computed)


def permute(call: Call, value: Value, order: Sequence[int]) -> Value:
    """Reorder the axes."""
    facets: list[Labels] = []
    for facet in value.facets:
        moved = np.ascontiguousarray(facet.transpose(order))
        _relate(call, facet, positions(facet.shape).transpose(order), moved)
        facets.append(moved)
    return Value(
        tuple(value.shape[axis] for axis in order),
        tuple(facets),
        tuple(value.uniform[axis] for axis in order),
        value.cause,
        value.tensor,
        origin=tuple(value.origin[axis] for axis in order) if value.tensor else (),
        computed=value.computed,
    )


def view(call: Call, value: Value, shape: Sequence[int]) -> Value:
    """Lay the same elements out in another shape.

    Axes are split first and merged then, so that what does not vary with the labels, such
    as a batch that was merged with heads, falls off in between.
    """
    sizes = tuple(shape)
    for step in (_split(value.shape, sizes), sizes):
        if step != value.shape:
            value = _laid_out(call, value, step)
    return value


def expand(value: Value, shape: Sequence[int]) -> Value:
    """Repeat axes of size 1 without varying along them."""
    aligned = align(value, len(shape))
    return Value(tuple(shape), aligned.facets, aligned.uniform, aligned.cause)


def cat(call: Call, values: Sequence[Value], axis: int) -> Value:
    """Join values along an axis; what has no labels on it keeps its place.

    Along the other axes the values are side by side, so their channels are the same.
    """
    size = sum(value.shape[axis] for value in values)
    beside = combine(call, [_off_axis(v, axis) for v in values], _resized(values[0], axis, 1))
    facets = beside.facets
    if any(value.tracked(axis) for value in values):
        facets = (*facets, _joined(call, values, axis))
    uniform = tuple(flag and place != axis for place, flag in enumerate(beside.uniform))
    return Value(_resized(values[0], axis, size), facets, uniform, shared_cause(values))


def _take_facet(call: Call, facet: Labels, axis: int, picked: Labels) -> Labels:
    if facet.shape[axis] == 1:
        mark(call, facet)
        return facet
    taken = facet.take(picked, axis)
    _relate(call, facet, positions(facet.shape).take(picked, axis), taken)
    return taken


def _relate(call: Call, before: Labels, index: Labels, after: Labels) -> None:
    columns = [Column(before, index.reshape(-1)), Column(after, positions(after.shape).reshape(-1))]
    call.ledger.relate(columns)


def _blocks(source: Shape, target: Shape) -> list[Block]:
    """Match the axes of two shapes in the smallest blocks of equal size; size 1 is ignored."""
    ours = [axis for axis, size in enumerate(source) if size != 1]
    theirs = [axis for axis, size in enumerate(target) if size != 1]
    ends_ours = np.cumprod([source[axis] for axis in ours], dtype=np.int64)
    ends_theirs = np.cumprod([target[axis] for axis in theirs], dtype=np.int64)
    blocks: list[Block] = []
    start = [0, 0]
    for end in sorted({*ends_ours.tolist()} & {*ends_theirs.tolist()}):
        stop = [ends.tolist().index(end) + 1 for ends in (ends_ours, ends_theirs)]
        blocks.append((tuple(ours[start[0] : stop[0]]), tuple(theirs[start[1] : stop[1]])))
        start = stop
    return blocks


def _laid_out(call: Call, value: Value, shape: Shape) -> Value:
    blocks = _blocks(value.shape, shape)
    kept = [facet for facet in value.facets if not _overlaid(call, facet, value, blocks)]
    facets = tuple(_view_facet(call, facet, value, shape, blocks) for facet in kept)
    uniform = [True] * len(shape)
    for source, target in blocks:
        for axis in target:
            uniform[axis] = all(value.uniform[place] for place in source)
    return Value(shape, facets, tuple(uniform), value.cause)


def _overlaid(call: Call, facet: Labels, value: Value, blocks: Sequence[Block]) -> bool:
    """Keep one of two kinds of channels that merge in its order: the outer, or a foreign one.

    On one axis, channels of both would be tied: all of one with all of the other.
    """
    own = frozenset(tracked_axes(facet))
    for source, target in blocks:
        if len(target) < len(source) and any(
            _yields(call, facet, other, frozenset(source)) for other in value.facets
        ):
            mark(call, facet, own)
            return True
    return False


def _yields(call: Call, facet: Labels, other: Labels, merged: frozenset[int]) -> bool:
    ours, theirs = (merged.intersection(tracked_axes(labels)) for labels in (facet, other))
    if not ours or not theirs or ours == theirs:
        return False
    ranks = [call.ledger.foreign(labels) for labels in (facet, other)]
    if ranks[0] != ranks[1]:
        return ranks[0]
    return bool(theirs - ours) and max(ours) < min(theirs - ours)


def _split(source: Shape, target: Shape) -> Shape:
    """The finest shape that `source` splits into and `target` is merged from.

    Source axes whose ends and those of the target do not divide one another stay whole.
    """
    split: list[int] = []
    for ours, theirs in _blocks(source, target):
        sizes = [
            [shape[axis] for axis in axes] for shape, axes in ((source, ours), (target, theirs))
        ]
        ends = sorted({end for part in sizes for end in np.cumprod(part).tolist()})
        ratios = [after // before for before, after in pairwise([1, *ends])]
        exact = all(after % before == 0 for before, after in pairwise(ends))
        split.extend(ratios if exact else sizes[0])
    return tuple(split)


def _view_facet(
    call: Call,
    facet: Labels,
    value: Value,
    shape: Shape,
    blocks: Sequence[Block],
) -> Labels:
    full, laid = [1] * facet.ndim, [1] * len(shape)
    for source, target in blocks:
        if any(facet.shape[axis] > 1 for axis in source):
            for axis in source:
                full[axis] = value.shape[axis]
            for axis in target:
                laid[axis] = shape[axis]
    written = np.broadcast_to(facet, full).reshape(laid)
    kept = _collapsed(written)
    columns = [spread(facet, full), spread(kept, laid)]
    fixed = [coordinate(full, axis) for axis in _extra_axes(facet, full)]
    fixed += [coordinate(laid, axis) for axis in _extra_axes(kept, laid)]
    call.ledger.relate(columns, fixed)
    return kept


def _extra_axes(facet: Labels, shape: Sequence[int]) -> list[int]:
    return [axis for axis, size in enumerate(shape) if size > 1 and facet.shape[axis] == 1]


def _collapsed(labels: Labels) -> Labels:
    """Drop the labels of axes along which they never change: order alone runs there."""
    for axis in tracked_axes(labels):
        first = labels.take([0], axis)
        if (labels == first).all():
            labels = first
    return np.ascontiguousarray(labels)


def _resized(value: Value, axis: int, size: int) -> Shape:
    return (*value.shape[:axis], size, *value.shape[axis + 1 :])


def _off_axis(value: Value, axis: int) -> Value:
    """What a value says about the other axes than the one along which it is joined."""
    facets = tuple(facet for facet in value.facets if facet.shape[axis] == 1)
    return Value(_resized(value, axis, 1), facets, value.uniform, value.cause)


def _joined(call: Call, values: Sequence[Value], axis: int) -> Labels:
    parts = [_part(call, value, axis) for value in values]
    span = np.broadcast_shapes(*[_without(part.shape, axis) for part in parts])
    wide = [np.broadcast_to(p, (*span[:axis], p.shape[axis], *span[axis + 1 :])) for p in parts]
    joined = np.concatenate(wide, axis)
    index = np.split(positions(joined.shape), np.cumsum([p.shape[axis] for p in parts])[:-1], axis)
    for part, full, place in zip(parts, wide, index, strict=True):
        fixed = [coordinate(full.shape, extra) for extra in _extra_axes(part, full.shape)]
        columns = [spread(part, full.shape), Column(joined, place.reshape(-1))]
        call.ledger.relate(columns, fixed)
    return joined


def _without(shape: Shape, axis: int) -> Shape:
    return (*shape[:axis], 1, *shape[axis + 1 :])


def _part(call: Call, value: Value, axis: int) -> Labels:
    facets = [facet for facet in value.facets if facet.shape[axis] > 1]
    for facet in facets[1:]:
        call.freeze(facet, f"Joined by {call.op} with mixed labels.")
        call.freeze(facets[0], f"Joined by {call.op} with mixed labels.")
    if facets:
        return facets[0]
    cause = value.cause
    if value.uniform[axis]:
        cause = call.cause(f"Joined by {call.op} with content that has no channels.")
    return on_axis(call.ledger.add_frozen(value.shape[axis], cause), axis, value.ndim)
