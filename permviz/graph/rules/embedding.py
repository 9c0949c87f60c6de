"""Tables read by number: a column of the table is a channel of everything read from it."""

from permviz.graph.combine import mark
from permviz.graph.labels import Value, positions
from permviz.graph.ledger import Call, Column
from permviz.graph.rules.local import untracked
from permviz.graph.rules.registry import rule


@rule("embedding")
def embedding(call: Call) -> Value:
    """Rows are numbered and keep their order; columns are the channels of the result."""
    table, indices = call.value("weight"), call.value("indices")
    if table.tensor:
        call.ledger.tables.add(table.tensor)
    read = untracked(call, table, [0])
    for facet in indices.facets:
        mark(call, facet)
    lead = (1,) * indices.ndim
    columns = tuple(facet.reshape((*lead, -1)) for facet in read.facets)
    for facet in columns:
        call.ledger.relate([Column(facet, positions(facet.shape).reshape(-1))])
    rows = tuple(facet.reshape((*facet.shape, 1)) for facet in indices.facets)
    uniform = (*indices.uniform, read.uniform[1])
    cause = read.cause if read.ordered(1) else indices.cause
    return Value(call.shape, (*rows, *columns), uniform, cause)


@rule("embedding_bag", "_embedding_bag", "_embedding_bag_forward_only")
def embedding_bag(call: Call) -> list[Value]:
    """Rows are added up, averaged or compared a bag at a time; columns are the channels."""
    table = call.value("weight")
    if table.tensor:
        call.ledger.tables.add(table.tensor)
    for name in ("indices", "offsets", "per_sample_weights"):
        numbers = call.optional(name)
        if numbers is not None:
            untracked(call, numbers, range(numbers.ndim))
    read = untracked(call, table, [0])
    for facet in read.facets:
        mark(call, facet)
    cause = read.cause if read.ordered(1) else call.cause("Runs over bags, not over channels.")
    return [Value(call.shape, read.facets, (False, read.uniform[1]), cause)]
