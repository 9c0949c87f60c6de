"""Operations that treat every element alike, and those that pair elements up."""

from permviz.graph.combine import combine
from permviz.graph.labels import Value, normal_axis, on_axis
from permviz.graph.ledger import Call
from permviz.graph.rules.registry import UnsupportedError, rule

UNARY = (
    "relu relu6 hardtanh hardswish silu gelu sigmoid hardsigmoid tanh elu selu celu leaky_relu "
    "mish softplus softshrink hardshrink threshold log_sigmoid abs neg exp "
    "expm1 log log1p log2 log10 sqrt rsqrt square reciprocal sin cos erf sign floor ceil round "
    "trunc frac clamp clamp_min clamp_max clip logical_not isnan isinf isfinite nan_to_num "
    "erfc exp2 tan atan sinh cosh asinh sinc lgamma digamma i0 deg2rad rad2deg negative absolute"
)
# Of numbers in a range, of bits, or the same for many numbers.
NARROW = (
    "erfinv asin acos acosh atanh logit sgn signbit bitwise_not "
    "fake_quantize_per_tensor_affine.default"
)
BINARY = (
    "add sub rsub mul div true_divide floor_divide remainder fmod maximum minimum pow atan2 "
    "max.other min.other eq ne lt le gt ge logical_and logical_or logical_xor bitwise_and "
    "bitwise_or bitwise_xor __and__ __or__ __xor__ where.self where.ScalarOther where.ScalarSelf "
    "where.Scalar lerp addcmul addcdiv masked_fill logaddexp logaddexp2 copysign hypot xlogy "
    "float_power heaviside multiply subtract divide fake_quantize_per_tensor_affine.tensor_qparams"
)


@rule(UNARY, NARROW, BINARY)
def elementwise(call: Call) -> Value:
    """Tie what meets at one index, after broadcasting."""
    return combine(call, call.operands())


@rule("prelu")
def prelu(call: Call) -> Value:
    """The slope belongs to axis 1, whatever the other axes."""
    value, weight = call.value("self", "input"), call.value("weight")
    return combine(call, [value, beside_axis(weight, 1, value.ndim)])


@rule("fake_quantize_per_channel_affine")
def quantized(call: Call) -> Value:
    """Every index of one axis has a scale and a zero point of its own."""
    value = call.value("self")
    axis = normal_axis(int(call.arguments["axis"]), value.ndim)
    scales = [call.value("scale"), call.value("zero_point")]
    return combine(call, [value, *(beside_axis(scale, axis, value.ndim) for scale in scales)])


@rule("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout")
def dropout(call: Call) -> Value:
    """Nothing happens in evaluation; a drawn mask has an order of its own."""
    if call.arguments.get("train"):
        raise UnsupportedError(f"{call.op} is left on in evaluation, so that outputs are random")
    return combine(call, [call.value("input", "self")])


def beside_axis(vector: Value, axis: int, ndim: int) -> Value:
    """Lay a one-axis value (or a single element) out along one axis of `ndim`."""
    if vector.ndim == 0 or axis >= ndim:
        return vector
    shape = tuple(vector.shape[0] if place == axis else 1 for place in range(ndim))
    uniform = tuple(place != axis or vector.uniform[0] for place in range(ndim))
    facets = tuple(on_axis(facet, axis, ndim) for facet in vector.facets)
    return Value(shape, facets, uniform, vector.cause)
