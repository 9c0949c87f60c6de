"""The three ways in which operations read channels: side by side, in sets, in products.

`combine` is every element-wise operation with broadcasting, `reduce` everything that does
not care about the order along an axis (sums, means, extrema, norms), `contract` the sum of
products of a convolution or linear layer along its input axis.
"""

from collections.abc import Iterable, Sequence
from math import prod

import numpy as np

from permviz.graph.labels import Cause, Labels, Shape, Value, positions, tracked_axes
from permviz.graph.ledger import Call, Column


def combine(call: Call, operands: Sequence[Value], shape: Shape | None = None) -> Value:
    """Element-wise operation: what meets at one index belongs to one channel.

    A channel may not move where an operand varies without labels. Where two operands have
    one labelled axis in common and others of their own, as a product of queries and values
    of the same heads, each keeps its labels and moves only along its own axes.
    """
    sizes = call.shape if shape is None else shape
    aligned = [align(value, len(sizes)) for value in operands]
    facets = [facet for value in aligned for facet in value.facets]
    clusters = _clusters([frozenset(tracked_axes(facet)) for facet in facets])
    held = [_blocking(aligned, cluster) for cluster in clusters]
    combined: list[Labels] = []
    for cluster, blocking in zip(clusters, held, strict=True):
        members = [f for v in aligned for f in v.facets if cluster.issuperset(tracked_axes(f))]
        if blocking is None:
            combined.extend(_combine_cluster(call, aligned, members, cluster, sizes))
        else:
            _freeze_all(call, members, blocking.cause)
    uniform = tuple(all(v.uniform[axis] for v in aligned) for axis in range(len(sizes)))
    causes = [blocking.cause for blocking in held if blocking is not None]
    cause = causes[0] if causes else shared_cause(aligned)
    return Value(sizes, tuple(combined), uniform, cause)


def reduce(call: Call, value: Value, axes: Iterable[int]) -> Value:
    """Operation that does not care about order along `axes`; they stay, with size 1.

    Of a facet that is reduced along some of its axes, what is collected at one index of the
    others is one channel, or else its channels stay apart there.
    """
    gone = frozenset(axes)
    kept: list[Labels] = []
    for facet in value.facets:
        read = frozenset(tracked_axes(facet))
        if read & gone and read - gone:
            kept.append(_collected(call, facet, read - gone))
            continue
        mark(call, facet)
        if not read & gone:
            kept.append(facet)
    sizes = tuple(1 if axis in gone else size for axis, size in enumerate(value.shape))
    return Value(sizes, tuple(kept), value.uniform, value.cause)


def _collected(call: Call, facet: Labels, rest: frozenset[int]) -> Labels:
    shape = [size if axis in rest else 1 for axis, size in enumerate(facet.shape)]
    made = call.ledger.add_places(prod(shape)).reshape(shape)
    columns = [spread(facet, facet.shape), spread(made, facet.shape)]
    apart = [
        ([spread(facet, facet.shape)], _coordinates(facet.shape, rest)),
        ([spread(made, shape)], _coordinates(shape, rest)),
    ]
    cause = call.cause(f"Follows {call.op}, which reads channels in sets.")
    call.ledger.relate(columns, instead=apart, cause=cause)
    return made


def contract(call: Call, value: Value, axis: int, weight: Value, weight_axis: int) -> None:
    """Sum of products of `value` along `axis` and of `weight` along `weight_axis`."""
    read = [facet for facet in value.facets if facet.shape[axis] > 1]
    weights = [facet for facet in weight.facets if facet.shape[weight_axis] > 1]
    if value.ordered(axis):
        _freeze_all(call, weights, value.cause)
    if weight.ordered(weight_axis):
        _freeze_all(call, read, weight.cause)
    if any(tracked_axes(labels) != (weight_axis,) for labels in weights):
        _freeze_all(call, [*read, *weights], call.cause(f"Read by {call.op} with mixed labels."))
        return
    for labels in weights:
        mark(call, labels)
    for facet in read:
        _contract_facet(call, facet, axis, weights)


def mark(call: Call, facet: Labels, apart: Iterable[int] = ()) -> None:
    """Say that the operation reads these channels, apart along the axes given."""
    call.ledger.relate([spread(facet, facet.shape)], _coordinates(facet.shape, apart))


def align(value: Value, ndim: int) -> Value:
    """Prepend axes of size 1, as broadcasting does."""
    more = ndim - value.ndim
    if more == 0:
        return value
    lead = (1,) * more
    facets = tuple(facet.reshape(lead + facet.shape) for facet in value.facets)
    return Value(lead + value.shape, facets, (True,) * more + value.uniform, value.cause)


def coordinate(shape: Sequence[int], axis: int) -> Labels:
    """Index along one axis for every element of an array: int64[elements]."""
    line = np.arange(shape[axis], dtype=np.int64)
    laid = line.reshape([-1 if place == axis else 1 for place in range(len(shape))])
    return np.broadcast_to(laid, tuple(shape)).reshape(-1)


def spread(facet: Labels, shape: Sequence[int]) -> Column:
    """Column of a facet that is broadcast to `shape`, in the order of that shape."""
    index = np.broadcast_to(positions(facet.shape), tuple(shape)).reshape(-1)
    return Column(facet, index)


def _clusters(sets: Sequence[frozenset[int]]) -> list[frozenset[int]]:
    merged: list[frozenset[int]] = []
    for axes in sets:
        touching = [cluster for cluster in merged if cluster & axes]
        merged = [cluster for cluster in merged if not cluster & axes]
        merged.append(axes.union(*touching))
    return merged


def _blocking(operands: Sequence[Value], axes: frozenset[int]) -> Value | None:
    """An operand that keeps the order of labelled axes, if all of them keep it."""
    if all(any(value.ordered(axis) for value in operands) for axis in axes):
        return next(v for v in operands if any(v.ordered(axis) for axis in axes))
    return None


def _combine_cluster(
    call: Call,
    operands: Sequence[Value],
    members: Sequence[Labels],
    axes: frozenset[int],
    sizes: Shape,
) -> list[Labels]:
    every = {frozenset(tracked_axes(facet)) for facet in members}
    kinds = [kind for kind in every if not any(kind < other for other in every)]
    shared = frozenset(a for a in axes if sum(a in kind for kind in kinds) > 1)
    own = [kind for kind in kinds if kind - shared]
    if len(kinds) == 1:
        return [_over_parts(call, operands, members, axes, sizes)]
    if len(own) < 2:
        return [_together(call, operands, members, axes, frozenset(), sizes)]
    for facet in members:
        if shared.issuperset(tracked_axes(facet)):
            mark(call, facet, tracked_axes(facet))
    return [
        _together(
            call,
            operands,
            [
                f
                for f in members
                if kind.issuperset(tracked_axes(f)) and not shared.issuperset(tracked_axes(f))
            ],
            kind,
            shared,
            sizes,
        )
        for kind in sorted(own, key=sorted)
    ]


def _over_parts(
    call: Call,
    operands: Sequence[Value],
    members: Sequence[Labels],
    axes: frozenset[int],
    sizes: Shape,
) -> Labels:
    """Tie what has labels on all the axes, and to it what has them on some.

    A scale for each head meets all channels of the head. Either they are one channel with
    it, or the heads stay where they are and the channels move inside them. Heads are laid
    out before their channels.
    """
    whole = [facet for facet in members if axes == frozenset(tracked_axes(facet))]
    out = _together(call, operands, whole, axes, frozenset(), sizes)
    fixed = _ordered(operands, axes)
    for facet in members:
        read = frozenset(tracked_axes(facet))
        if read == axes:
            continue
        tied = [spread(facet, out.shape), spread(out, out.shape)]
        apart = [
            ([spread(out, out.shape)], _coordinates(out.shape, fixed | read)),
            ([spread(facet, facet.shape)], _coordinates(facet.shape, read)),
        ]
        heads = max(read) < max(axes - read)
        cause = call.cause(f"Meets whole heads in {call.op}, whose channels move inside them.")
        call.ledger.relate(tied, _coordinates(out.shape, fixed), apart if heads else (), cause)
    return out


def _ordered(operands: Sequence[Value], axes: frozenset[int]) -> frozenset[int]:
    return frozenset(a for a in axes if any(value.ordered(a) for value in operands))


def _coordinates(shape: Sequence[int], axes: Iterable[int]) -> list[Labels]:
    return [coordinate(shape, axis) for axis in sorted(axes)]


def _together(
    call: Call,
    operands: Sequence[Value],
    members: Sequence[Labels],
    axes: frozenset[int],
    pinned: frozenset[int],
    sizes: Shape,
) -> Labels:
    """Tie what meets at one index; channels stay where they are along the pinned axes."""
    span = tuple(size if axis in axes else 1 for axis, size in enumerate(sizes))
    out = next((facet for facet in members if facet.shape == span), None)
    if out is None:
        out = np.broadcast_to(members[0], span).copy()
    columns = [spread(facet, span) for facet in (*members, out)]
    call.ledger.relate(columns, _coordinates(span, (pinned & axes) | _ordered(operands, axes)))
    return out


def shared_cause(operands: Sequence[Value]) -> Cause:
    """Cause of the first operand that has an axis which keeps its order."""
    for value in operands:
        if any(value.ordered(axis) for axis in range(value.ndim)):
            return value.cause
    return operands[0].cause


def _freeze_all(call: Call, facets: Iterable[Labels], cause: Cause) -> None:
    for facet in facets:
        call.ledger.freeze(facet, cause)


def _contract_facet(call: Call, facet: Labels, axis: int, weights: Sequence[Labels]) -> None:
    columns = [Column(facet, positions(facet.shape).reshape(-1))]
    columns += [Column(labels, coordinate(facet.shape, axis)) for labels in weights]
    others = [place for place in tracked_axes(facet) if place != axis]
    call.ledger.relate(columns, [coordinate(facet.shape, place) for place in others])
