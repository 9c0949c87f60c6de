"""Writing into memory that has labels already, which keeps them if it can."""

from dataclasses import replace

from permviz.graph.combine import combine, mark
from permviz.graph.labels import Value, tracked_axes
from permviz.graph.ledger import Call
from permviz.graph.rules.registry import UnsupportedError, rule


@rule("zero", "fill")
def fill(call: Call) -> Value:
    """One value everywhere has any labels, so those of the memory can stay."""
    value = call.value("self")
    for facet in value.facets:
        mark(call, facet)
    return replace(value, content=None)


@rule("copy")
def copy(call: Call) -> Value:
    """What is written belongs to the channels that it is written over."""
    value = call.value("self")
    written = combine(call, [value, call.value("src")], value.shape)
    if [tracked_axes(facet) for facet in written.facets] != [
        tracked_axes(facet) for facet in value.facets
    ]:
        raise UnsupportedError(f"{call.op} brings labels that the memory does not have")
    return Value(value.shape, value.facets, written.uniform, written.cause)
