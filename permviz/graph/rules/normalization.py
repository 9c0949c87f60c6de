"""Normalisation: statistics over some axes, then one scale and shift a channel."""

from collections.abc import Sequence

from permviz.graph.combine import combine, reduce
from permviz.graph.labels import Value
from permviz.graph.ledger import Call
from permviz.graph.rearrange import view
from permviz.graph.rules.elementwise import beside_axis
from permviz.graph.rules.registry import rule

PARAMETERS = ("weight", "bias", "running_mean", "running_var")


@rule("batch_norm", "instance_norm")
def batch_norm(call: Call) -> Value:
    """Axis 1 holds the channels; without stored statistics they come from the positions."""
    value = call.value("input")
    beside = [value, *_passengers(call, value.ndim)]
    if call.arguments.get("training") or call.arguments.get("use_input_stats"):
        batch = [0] if call.op == "aten.batch_norm" else []
        beside.append(reduce(call, value, [*batch, *range(2, value.ndim)]))
    return combine(call, beside)


@rule("_batch_norm_impl_index", "native_batch_norm", "cudnn_batch_norm")
@rule("_native_batch_norm_legit", "_native_batch_norm_legit_no_training", "miopen_batch_norm")
def batch_norm_parts(call: Call) -> list[Value]:
    """The forms that also return statistics, which nothing reads in evaluation."""
    value = call.value("input")
    beside = [value, *_passengers(call, value.ndim)]
    if call.arguments.get("training"):
        beside.append(reduce(call, value, [0, *range(2, value.ndim)]))
    return [combine(call, beside)]


@rule("layer_norm", "rms_norm")
def layer_norm(call: Call) -> Value:
    """Statistics over the last axes, scale and shift for each of their elements."""
    value = call.value("input")
    dims = len(call.arguments["normalized_shape"])
    statistics = reduce(call, value, range(value.ndim - dims, value.ndim))
    passengers = [call.optional("weight"), call.optional("bias")]
    return combine(call, [value, statistics, *[p for p in passengers if p is not None]])


@rule("_weight_norm")
def weight_norm(call: Call) -> Value:
    """Direction and length of the weights of each output channel."""
    direction, length = call.value("v"), call.value("g")
    axis = int(call.arguments["dim"])
    axes = [place for place in range(direction.ndim) if place != axis]
    return combine(call, [direction, reduce(call, direction, axes), length])


@rule("group_norm")
def group_norm(call: Call) -> Value:
    """Statistics over the channels of a norm group, which stay together."""
    value, groups = call.value("input"), int(call.arguments["num_groups"])
    size = value.shape[1] // groups
    folded = view(call, value, [value.shape[0], groups, size, *value.shape[2:]])
    statistics = reduce(call, folded, range(2, folded.ndim))
    normal = combine(call, [folded, statistics], folded.shape)
    beside = view(call, normal, value.shape)
    return combine(call, [beside, *_passengers(call, value.ndim)])


def _passengers(call: Call, ndim: int) -> Sequence[Value]:
    found = [call.optional(name) for name in PARAMETERS]
    return [beside_axis(value, 1, ndim) for value in found if value is not None]
