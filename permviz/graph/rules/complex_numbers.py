"""Complex numbers: pairs of real ones along a last axis, and Fourier transforms along others."""

from permviz.graph.combine import combine
from permviz.graph.labels import Value, normal_axis
from permviz.graph.ledger import Call
from permviz.graph.rearrange import view
from permviz.graph.rules.local import untracked
from permviz.graph.rules.positions import in_order
from permviz.graph.rules.registry import rule


@rule("real imag conj _conj conj_physical resolve_conj resolve_neg angle _neg_view complex polar")
def parts(call: Call) -> Value:
    """Real, imaginary and conjugate numbers stand where the complex ones do."""
    return combine(call, call.operands())


@rule("view_as_real")
def as_real(call: Call) -> Value:
    """A new last axis: real part, imaginary part."""
    value = view(call, call.value("self"), (*call.shape[:-1], 1))
    held = any(value.ordered(axis) for axis in range(value.ndim))
    cause = value.cause if held else call.cause("Real and imaginary parts stay in their order.")
    return Value(call.shape, value.facets, (*value.uniform[:-1], False), cause)


@rule("view_as_complex")
def as_complex(call: Call) -> Value:
    """The last axis, of two numbers, disappears."""
    value = untracked(call, call.value("self"), [-1])
    read = Value((*value.shape[:-1], 1), value.facets, value.uniform, value.cause)
    return view(call, read, call.shape)


@rule("fft_fft fft_ifft fft_rfft fft_irfft fft_hfft fft_ihfft")
def transform(call: Call) -> Value:
    """One axis is read in its order."""
    return in_order(call, [int(call.arguments["dim"])])


@rule("fft_fft2 fft_ifft2 fft_rfft2 fft_irfft2 fft_fftn fft_ifftn fft_rfftn fft_irfftn")
@rule("fft_fftshift fft_ifftshift")
def transforms(call: Call) -> Value:
    """Several axes are read in their order."""
    ndim, given, sizes = call.value("self").ndim, call.arguments["dim"], call.arguments.get("s")
    if given is None:
        axes = [*range(ndim - len(sizes), ndim)] if sizes else [*range(ndim)]
    else:
        axes = [normal_axis(int(axis), ndim) for axis in given]
    return in_order(call, axes)
