"""Linear layers: the last axis is summed against axis 1 of the weight."""

from permviz.graph.combine import combine, contract
from permviz.graph.labels import Value
from permviz.graph.ledger import Call
from permviz.graph.rules.elementwise import beside_axis
from permviz.graph.rules.registry import UnsupportedError, rule


@rule("linear")
def linear(call: Call) -> Value:
    """Input channels meet axis 1 of the weight, output channels are its axis 0."""
    value, weight = call.value("input"), call.value("weight")
    if weight.ndim != 2:
        raise UnsupportedError(f"{call.op} has a weight of one axis")
    call.ledger.note_layer(weight, "linear")
    axis = value.ndim - 1
    contract(call, value, axis, weight, 1)
    beside = [_rest(call, value, axis), _rows(weight, axis)]
    bias = call.optional("bias")
    if bias is not None:
        beside.append(beside_axis(bias, axis, value.ndim))
    return combine(call, beside)


def _rest(call: Call, value: Value, axis: int) -> Value:
    """What stands beside the summed axis: labels or order of all the others."""
    facets = tuple(facet for facet in value.facets if facet.shape[axis] == 1)
    cause = call.cause("Runs over positions, not over channels.")
    return Value((*value.shape[:axis], 1), facets, value.uniform, cause)


def _rows(weight: Value, axis: int) -> Value:
    facets = tuple(f.reshape(-1) for f in weight.facets if f.size == f.shape[0])
    row = Value(weight.shape[:1], facets, weight.uniform[:1], weight.cause)
    return beside_axis(row, axis, axis + 1)
