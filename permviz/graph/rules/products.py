"""Products of matrices, and sums of such products with something else."""

import re
from collections.abc import Sequence

from permviz.graph.combine import align, combine, reduce
from permviz.graph.labels import Value, normal_axis
from permviz.graph.ledger import Call
from permviz.graph.product import attend, matmul, product
from permviz.graph.rearrange import permute, view
from permviz.graph.rules.registry import UnsupportedError, rule

MATRICES = {
    "addmm": ("mat1", "mat2"),
    "baddbmm": ("batch1", "batch2"),
    "addmv": ("mat", "vec"),
}


@rule("matmul", "mm", "bmm", "mv", "dot", "vdot")
def multiply(call: Call) -> Value:
    """The last axis of one is summed against the last but one of the other."""
    names = [name for name, value in call.arguments.items() if isinstance(value, Value)]
    if len(names) != 2:
        raise UnsupportedError(f"{call.op} takes two tensors")
    return matmul(call, *(call.value(name) for name in names))


@rule("addmm baddbmm addmv")
def multiply_and_add(call: Call) -> Value:
    """A matrix product beside a bias."""
    names = MATRICES[call.op.rstrip("_").removeprefix("aten.")]
    multiplied = matmul(call, *(call.value(name) for name in names))
    return combine(call, [call.value("self"), multiplied])


@rule("outer", "ger")
def outer(call: Call) -> Value:
    """Every element of one vector times every element of another."""
    second = call.value("vec2", "other")
    return product(call, [call.value("self"), second], ["i", "j"], "ij")


@rule("bilinear")
def bilinear(call: Call) -> Value:
    """Every output is a sum over all pairs of the channels of two inputs."""
    one, other = call.value("input1"), call.value("input2")
    lead = [f"b{place:03d}" for place in range(one.ndim - 1)]
    names = [[*lead, "i"], [*lead, "j"], ["o", "i", "j"]]
    summed = product(call, [one, other, call.value("weight")], names, [*lead, "o"])
    bias = call.optional("bias")
    return summed if bias is None else combine(call, [summed, bias])


@rule("cdist")
def distances(call: Call) -> Value:
    """Every row of one set from every row of another, summed along the channels."""
    other = call.value("x2")
    order = [*range(other.ndim - 2), other.ndim - 1, other.ndim - 2]
    return matmul(call, call.value("x1"), permute(call, other, order))


@rule("cosine_similarity")
def cosine(call: Call) -> Value:
    """Products summed along one axis, over lengths along it."""
    operands = [call.value("x1"), call.value("x2")]
    ndim = max(value.ndim for value in operands)
    axis = normal_axis(int(call.arguments.get("dim", 1)), ndim)
    sizes = (*call.shape[:axis], max(align(v, ndim).shape[axis] for v in operands))
    met = combine(call, operands, (*sizes, *call.shape[axis:]))
    return view(call, reduce(call, met, [axis]), call.shape)


@rule("einsum")
def einsum(call: Call) -> Value:
    """Axes named by letters; those missing from the result are summed."""
    operands: Sequence[Value] = call.arguments["tensors"]
    inputs, result = _letters(call.arguments["equation"], operands)
    if any(len({*names}) < len(names) for names in inputs):
        raise UnsupportedError(f"{call.op} reads a diagonal")
    return product(call, operands, inputs, result)


@rule("scaled_dot_product_attention")
def attention(call: Call) -> Value:
    """Query and key meet along channels, their softmax and value along positions."""
    if call.arguments.get("dropout_p"):
        raise UnsupportedError(f"{call.op} drops out, so that outputs are random")
    query, key, value = (call.value(name) for name in ("query", "key", "value"))
    return attend(call, query, key, value, call.optional("attn_mask"))


def _letters(equation: str, operands: Sequence[Value]) -> tuple[list[list[str]], list[str]]:
    """Names of all axes; those of an ellipsis are numbered from the right."""
    read, arrow, written = equation.replace(" ", "").partition("->")
    parts = [re.findall(r"\.\.\.|[a-zA-Z]", part) for part in read.split(",")]
    inputs = [_spelled(part, value.ndim) for part, value in zip(parts, operands, strict=True)]
    every = sorted({name for names in inputs for name in names})
    dots = [name for name in every if len(name) > 1]
    if not arrow:
        listed = [name for names in inputs for name in names]
        return inputs, [*dots, *(n for n in every if len(n) == 1 and listed.count(n) == 1)]
    result = re.findall(r"\.\.\.|[a-zA-Z]", written)
    return inputs, [name for part in result for name in (dots if part == "..." else [part])]


def _spelled(letters: Sequence[str], ndim: int) -> list[str]:
    more = ndim - sum(letter != "..." for letter in letters)
    # Counted from the right, and so that the names sort from left to right.
    dots = [f".{999 - place:03d}" for place in reversed(range(more))]
    return [name for letter in letters for name in (dots if letter == "..." else [letter])]
