"""Products of any number of tensors, summed along some axes: matmul, einsum, attention.

Such a product is an element-wise product over all axes of all operands, reduced along
those that the result does not have. No labels are ever laid out over all of them: only
axes that one facet or several touching facets label are.
"""

from collections.abc import Sequence

from permviz.graph.combine import combine, reduce
from permviz.graph.labels import Labels, Shape, Value
from permviz.graph.ledger import Call
from permviz.graph.rearrange import permute, take

Letters = Sequence[str]


def product(
    call: Call, operands: Sequence[Value], axes: Sequence[Letters], result: Letters
) -> Value:
    """Multiply operands whose axes are named; sum along the names that `result` lacks.

    Operands of size 1 along an axis are repeated along it.
    """
    _note_layers(call, operands, axes, result)
    every = [*result, *sorted({name for names in axes for name in names} - {*result})]
    laid = [_laid(call, *pair, every) for pair in zip(operands, axes, strict=True)]
    sizes = tuple(max(value.shape[axis] for value in laid) for axis in range(len(every)))
    whole = combine(call, laid, sizes)
    return first_axes(reduce(call, whole, range(len(result), len(every))), len(result))


def matmul(call: Call, left: Value, right: Value) -> Value:
    """Matrix product of two values with any number of axes, as `torch.matmul` reads them."""
    batch = max(left.ndim, right.ndim) - 2
    lead = [f"b{place:03d}" for place in range(batch)]
    ours = [*lead[batch - left.ndim + 2 :], "m", "k"] if left.ndim > 1 else ["k"]
    theirs = [*lead[batch - right.ndim + 2 :], "k", "n"] if right.ndim > 1 else ["k"]
    result = [name for name in [*lead, "m", "n"] if name in {*ours, *theirs}]
    return product(call, [left, right], [ours, theirs], result)


def attend(call: Call, query: Value, key: Value, value: Value, mask: Value | None) -> Value:
    """Softmax of query times key, times value: the last two axes are positions, channels."""
    query, key, value = (_heads(call, part, query) for part in (query, key, value))
    last = key.ndim - 1
    turned = permute(call, key, [*range(last - 1), last, last - 1])
    scores = matmul(call, query, turned)
    beside = [scores] if mask is None else [scores, mask]
    scores = combine(call, beside, scores.shape)
    weights = combine(call, [scores, reduce(call, scores, [scores.ndim - 1])], scores.shape)
    return matmul(call, weights, value)


def _note_layers(
    call: Call, operands: Sequence[Value], axes: Sequence[Letters], result: Letters
) -> None:
    """A product of one parameter with something that is none is a linear layer.

    The parameter has one axis that is summed and one that is its own; other axes are those
    of a stack, of which every product takes its part.
    """
    if call.static or sum(bool(value.tensor) for value in operands) != 1:
        return
    for place, (value, names) in enumerate(zip(operands, axes, strict=True)):
        others = {name for at, part in enumerate(axes) if at != place for name in part}
        read = [axis for axis, name in enumerate(names) if name not in result]
        own = [axis for axis, name in enumerate(names) if name in result and name not in others]
        if value.tensor and len(read) == len(own) == 1:
            kind = "linear" if value.ndim == 2 else "experts"
            call.ledger.note_layer(value, kind, axes=(read[0], own[0]))


def first_axes(value: Value, count: int) -> Value:
    """The value without its last axes, all of size 1."""
    facets = tuple(facet.reshape(facet.shape[:count]) for facet in value.facets)
    return Value(value.shape[:count], facets, value.uniform[:count], value.cause)


def _heads(call: Call, part: Value, query: Value) -> Value:
    """Repeat key or value heads for as many query heads."""
    axis = part.ndim - 3
    if axis < 0 or part.shape[axis] in (1, query.shape[-3]):
        return part
    times = query.shape[-3] // part.shape[axis]
    return take(call, part, axis, [at // times for at in range(query.shape[-3])])


def _laid(call: Call, value: Value, names: Letters, every: Letters) -> Value:
    """Lay an operand out along all axes, with size 1 where it has none."""
    order = sorted(range(value.ndim), key=lambda axis: every.index(names[axis]))
    if order != [*range(value.ndim)]:
        value = permute(call, value, order)
    present = [name in names for name in every]
    sizes, uniform = iter(value.shape), iter(value.uniform)
    return Value(
        tuple(next(sizes) if here else 1 for here in present),
        tuple(_inserted(facet, present) for facet in value.facets),
        tuple(next(uniform) if here else True for here in present),
        value.cause,
    )


def _inserted(facet: Labels, present: Sequence[bool]) -> Labels:
    sizes = iter(facet.shape)
    shape: Shape = tuple(next(sizes) if here else 1 for here in present)
    return facet.reshape(shape)
