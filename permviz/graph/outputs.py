"""Running a model for comparison: inputs that carry information, outputs as flat lists."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.func import functional_call

from permviz.errors import VerificationError
from permviz.graph.calling import PREFIX, Called, Inputs
from permviz.graph.capture import evaluating, named_tensors
from permviz.graph.nested import mapped
from permviz.graph.selection import Counted
from permviz.graph.widening import KeptWide

SEED = 20_210


def probe(inputs: Inputs) -> Inputs:
    """The inputs with seeded Gaussian noise added to all floating tensors.

    Noise of the tensor's own deviation (1 for a constant tensor) keeps zeros or a plain
    image from hiding what a channel does. Integers, such as tokens, stay as they are, and
    so do tensors that hold infinities, such as the mask of an attention.
    """
    generator = torch.Generator().manual_seed(SEED)

    def noisy(tensor: Tensor) -> Tensor:
        wide = tensor.detach().to("cpu", torch.float64)
        if not bool(wide.isfinite().all()):
            return tensor
        deviation = float(wide.std(correction=0)) if wide.numel() else 0.0
        noise = torch.randn(wide.shape, generator=generator, dtype=torch.float64)
        return (wide + noise * (deviation or 1.0)).to(tensor.device, tensor.dtype)

    return _mapped(inputs, noisy)


def widened(inputs: Inputs) -> Inputs:
    """The same inputs in float64, complex ones in complex128."""

    def wide(tensor: Tensor) -> Tensor:
        return tensor.to(torch.complex128) if tensor.is_complex() else tensor

    return _each(_mapped(inputs, _double), wide)


def run(
    model: nn.Module,
    inputs: Inputs,
    replaced: Mapping[str, Tensor] | None = None,
    *,
    seed: int = 0,
) -> Counted:
    """The outputs of the model that count, with some parameters or buffers replaced.

    Raises:
        VerificationError: the model's forward pass fails.
    """
    # A forward that writes into its inputs must not change the next run.
    fresh = _each(inputs, _copied)
    found: list[Counted] = []
    called = Called(model, inputs, found.append)
    # Nor must what it keeps in its buffers, such as a count or a running mean.
    kept = {name: buffer.detach().clone() for name, buffer in model.named_buffers()}
    given = {**kept, **(replaced or {})}
    tensors = {f"{PREFIX}{name}": tensor for name, tensor in given.items()}
    try:
        with evaluating(model, seed):
            functional_call(called, tensors, fresh.args, dict(fresh.kwargs))
    except Exception as problem:
        said = next(iter(str(problem).splitlines()), "")
        raise VerificationError(
            f"{type(model).__name__} cannot be run for the check in "
            f"{precision(model)} ({type(problem).__name__}: {said}); "
            "check the example inputs, or analyze without verification."
        ) from problem
    return found[-1]


def run_wide(
    model: nn.Module, inputs: Inputs, replaced: Mapping[str, Tensor] | None = None
) -> tuple[Counted, int]:
    """The same in float64 throughout, and how many casts inside were left out for it.

    Raises:
        VerificationError: the model's forward pass fails.
    """
    with KeptWide() as kept:
        return run(model, inputs, replaced), kept.casts


def relative_error(expected: Sequence[Tensor], found: Sequence[Tensor]) -> float:
    """Largest difference relative to the largest magnitude, over all output tensors.

    Entries that are equal, infinities and NaN included, differ by nothing; otherwise a
    value that is not finite makes the error infinite.
    """
    if [tensor.shape for tensor in expected] != [tensor.shape for tensor in found]:
        return float("inf")
    return max((_error(*pair) for pair in zip(expected, found, strict=True)), default=0.0)


def precision(model: nn.Module) -> torch.dtype:
    """Least precise floating type among the model's parameters and buffers."""
    types = [tensor.dtype for _, tensor in named_tensors(model) if tensor.is_floating_point()]
    return max(types, key=lambda dtype: torch.finfo(dtype).eps, default=torch.float32)


def _error(expected: Tensor, found: Tensor) -> float:
    one, other = (_comparable(tensor) for tensor in (expected, found))
    same = (one == other) | (one.isnan() & other.isnan())
    if bool(same.all()):
        return 0.0
    scale = one[one.isfinite()].abs().max() if bool(one.isfinite().any()) else torch.tensor(0.0)
    error = float((one - other)[~same].abs().max()) / (float(scale) or 1.0)
    return error if error == error else float("inf")  # noqa: PLR0124 - NaN is not itself


def _mapped(inputs: Inputs, change: Callable[[Tensor], Tensor]) -> Inputs:
    def floating(tensor: Tensor) -> Tensor:
        return change(tensor) if tensor.is_floating_point() else tensor

    return _each(inputs, floating)


def _each(inputs: Inputs, change: Callable[[Tensor], Tensor]) -> Inputs:
    args = tuple(mapped(item, Tensor, change) for item in inputs.args)
    kwargs = {name: mapped(item, Tensor, change) for name, item in inputs.kwargs.items()}
    return replace(inputs, args=args, kwargs=kwargs)


def _comparable(tensor: Tensor) -> Tensor:
    parts = torch.view_as_real(tensor) if tensor.is_complex() else tensor
    return parts.detach().to("cpu", torch.float64)


def _double(tensor: Tensor) -> Tensor:
    return tensor.to(torch.float64)


def _copied(tensor: Tensor) -> Tensor:
    return torch.clone(tensor.detach())
