"""Writes into a part of a tensor, carried from the view that was written to the whole.

``made[:, i] = row`` writes into a view. What `made` holds afterwards is, index by index,
either what was written or what was there before, as `torch.where` would pick; which of the
two depends on the axes that the view cuts.
"""

from dataclasses import replace

import numpy as np
from torch import fx

from permviz.graph import nodes
from permviz.graph.combine import combine
from permviz.graph.labels import Value, normal_axis
from permviz.graph.ledger import Call
from permviz.graph.rearrange import permute, view

SAME = frozenset({"aten.alias", "aten.detach"})
RESHAPING = frozenset({"aten.view", "aten.unsqueeze", "aten.squeeze"})


def carried(call: Call, seen: fx.Node, written: Value, whole: Value) -> Value | None:
    """What `whole` holds after its view `seen` was written; None if that is not known.

    Args:
        call: the operation that writes.
        seen: the node that made the view.
        written: what the view holds now.
        whole: what its first operand held before.
    """
    op, overload = nodes.operation(seen)
    if op in SAME:
        return written
    if op in RESHAPING and overload != "dtype":
        return view(call, written, whole.shape)
    if op in {"aten.permute", "aten.transpose"}:
        return permute(call, written, _turned_back(seen, whole.ndim))
    if op == "aten.select":
        return _among(call, whole, _with_axis(written, _axis(seen, whole)), _axis(seen, whole))
    if op == "aten.slice":
        return _cut(call, written, whole, _axis(seen, whole))
    return None


def _axis(seen: fx.Node, whole: Value) -> int:
    return normal_axis(int(nodes.argument(seen, "dim")), whole.ndim)


def _turned_back(seen: fx.Node, ndim: int) -> list[int]:
    dims = nodes.argument(seen, "dims")
    if dims is not None:
        order = [normal_axis(int(axis), ndim) for axis in dims]
        return sorted(range(ndim), key=order.__getitem__)
    one, other = (normal_axis(int(nodes.argument(seen, end)), ndim) for end in ("dim0", "dim1"))
    order = [*range(ndim)]
    order[one], order[other] = other, one
    return order


def _cut(call: Call, written: Value, whole: Value, axis: int) -> Value | None:
    if written.shape == whole.shape:
        return written
    return None if written.tracked(axis) else _among(call, whole, written, axis)


def _among(call: Call, whole: Value, written: Value, axis: int) -> Value:
    """Put what was written at some indices of an axis among what the others hold."""
    picks = tuple(place != axis for place in range(whole.ndim))
    spread = replace(written, shape=whole.shape)
    which = Value(whole.shape, (), picks, call.cause(f"Written by {call.op} at some places."))
    return combine(call, [whole, spread, which], whole.shape)


def _with_axis(value: Value, axis: int) -> Value:
    """The value with one more axis, along which it does not vary."""
    return Value(
        (*value.shape[:axis], 1, *value.shape[axis:]),
        tuple(np.expand_dims(facet, axis) for facet in value.facets),
        (*value.uniform[:axis], True, *value.uniform[axis:]),
        value.cause,
    )
