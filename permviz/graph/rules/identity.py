"""Operations that hand on what they are given, and those that make constants."""

from permviz.graph.constants import VARYING
from permviz.graph.labels import Value, constant, opaque
from permviz.graph.ledger import Call
from permviz.graph.rules.registry import UnsupportedError, rule


@rule("clone", "contiguous", "detach", "alias", "lift_fresh", "lift_fresh_copy", "lift")
@rule("to", "_to_copy", "type_as", "positive", "_cast_Float", "view.dtype")
def passed_on(call: Call) -> Value:
    """The same elements, perhaps in another memory, device or type."""
    value = call.value("self", "input")
    if value.shape != call.shape:
        raise UnsupportedError(f"{call.op} changes the shape")
    return value


@rule("full", "ones", "zeros", "full_like", "ones_like", "zeros_like", "scalar_tensor")
@rule("new_full", "new_ones", "new_zeros", "empty", "empty_like", "new_empty")
def uniform(call: Call) -> Value:
    """One value everywhere."""
    return constant(call.shape, call.cause(VARYING))


@rule("arange", "linspace", "eye", "tril_indices", "triu_indices")
def varying(call: Call) -> Value:
    """Known values that differ along the axes."""
    return opaque(call.shape, call.cause(VARYING))


@rule("_assert_tensor_metadata", "_assert_async", "_assert_scalar", "sym_constrain_range")
def inert(call: Call) -> list[Value]:  # noqa: ARG001 - every rule takes its call
    """Checks that compute nothing."""
    return []
