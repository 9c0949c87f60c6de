"""Writing into memory that has labels already, which keeps them if it can."""

from dataclasses import replace

from permviz.graph.combine import align, combine, mark
from permviz.graph.labels import Value, tracked_axes
from permviz.graph.ledger import Call
from permviz.graph.rules.registry import rule


@rule("zero", "fill")
def fill(call: Call) -> Value:
    """One value everywhere has any labels, so those of the memory can stay."""
    value = call.value("self")
    for facet in value.facets:
        mark(call, facet)
    return replace(value, content=None)


@rule("copy")
def copy(call: Call) -> Value:
    """What is written belongs to the channels that it is written over, if there are any."""
    value, source = call.value("self"), align(call.value("src"), call.value("self").ndim)
    if not value.facets or not source.facets or _axes(value) != _axes(source):
        return combine(call, [source], value.shape)
    written = combine(call, [value, source], value.shape)
    return Value(value.shape, value.facets, written.uniform, written.cause)


def _axes(value: Value) -> set[tuple[int, ...]]:
    return {tracked_axes(facet) for facet in value.facets}
