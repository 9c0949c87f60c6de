"""Stacks of linear layers, of which every row of the input takes the one that it is sent to."""

from dataclasses import replace

from permviz.graph.labels import Value
from permviz.graph.ledger import Call
from permviz.graph.product import product
from permviz.graph.rules.local import untracked
from permviz.graph.rules.registry import UnsupportedError, rule


@rule("_grouped_mm", "transformers::grouped_mm_fallback")
def grouped_product(call: Call) -> Value:
    """Rows sorted by expert, each times the matrix of its expert: float[experts, in, out]."""
    value, stack = call.value("self", "input"), call.value("mat2", "weight")
    if value.ndim != 2 or stack.ndim != 3 or call.optional("bias") is not None:
        raise UnsupportedError(f"{call.op} is used in another form")
    # Which expert a row gets depends on its place, so both keep their order.
    rows, stack = untracked(call, value, [0]), untracked(call, stack, [0])
    rows = replace(rows, uniform=(False, rows.uniform[1]))
    stack = replace(stack, shape=(1, *stack.shape[1:]), uniform=(True, *stack.uniform[1:]))
    call.ledger.note_layer(stack, "experts", axes=(1, 2))
    return product(call, [rows, stack], ["si", "xio"], "so")
