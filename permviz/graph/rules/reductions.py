"""Sums, means, extrema and softmax: sets of channels whose order does not matter."""

from collections.abc import Sequence

from permviz.graph.combine import combine, reduce
from permviz.graph.labels import Value, normal_axis
from permviz.graph.ledger import Call
from permviz.graph.rearrange import view
from permviz.graph.rules.registry import rule


@rule("mean", "sum", "amax", "amin", "prod", "logsumexp", "var", "std", "nansum", "any", "all")
@rule("nanmean", "count_nonzero")
@rule("norm", "linalg_vector_norm", "max.default", "min.default")
def reduction(call: Call) -> Value:
    """The same value whatever the order along the reduced axes."""
    return _reduced(call)


@rule("std_mean", "var_mean", "aminmax")
def pair(call: Call) -> list[Value]:
    """Two such values at once."""
    return [_reduced(call)] * 2


@rule("softmax", "log_softmax", "_softmax", "_log_softmax")
def softmax(call: Call) -> Value:
    """Every element beside a sum over the axis."""
    value = call.value("self", "input")
    return combine(call, [value, reduce(call, value, _axes(call, value.ndim))])


def _reduced(call: Call) -> Value:
    value = call.value("self", "input")
    reduced = reduce(call, value, _axes(call, value.ndim))
    return view(call, reduced, call.shape)


def _axes(call: Call, ndim: int) -> Sequence[int]:
    given = call.arguments.get("dim")
    if given is None or given == []:
        return range(ndim)
    listed = [given] if isinstance(given, int) else given
    return [normal_axis(int(axis), ndim) for axis in listed]
