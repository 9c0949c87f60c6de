"""Running in float64 all the way: casts to narrower types inside a model are left out.

Many models compute norms or softmax in float32 whatever they are given. In float64 such a
cast would round at 1e-7 and blunt a comparison that is meant to be sharp at 1e-10. The
permutation is the same for any rounding, so the comparison may leave the casts out; the
model as it is, casts included, is compared beside it in its own precision.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from permviz.graph.nested import leaves, mapped


class KeptWide(TorchDispatchMode):
    """While it is active, whatever would become a narrower float becomes float64.

    Attributes:
        casts: number of casts from float64 to a narrower type that were left out.
    """

    def __init__(self) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType] - torch leaves it untyped
        self.casts = 0

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run one operation, wide."""
        named = dict(kwargs or {})
        given = [*leaves((args, named), Tensor)]
        if _narrow(named.get("dtype")):
            self.casts += any(_is_wide(tensor) for tensor in given)
            named["dtype"] = _widened(named["dtype"])
        elif not given and _from_numbers(func, args, named):
            named["dtype"] = torch.float64  # narrower ones may not hold the number
        if any(_is_wide(tensor) for tensor in given) and not _writes(func):
            args, named = mapped((args, named), Tensor, _wide)
        result = _WIDE.get(func, func)(*args, **named)
        return result if given else mapped(result, Tensor, _wide)


def _grouped_product(rows: Tensor, stack: Tensor, ends: Tensor, *_: Any, **__: Any) -> Tensor:
    """Rows up to each end times the matrix in its place: float[rows, out]."""
    parts = torch.tensor_split(rows, ends.cpu()[:-1].long())
    return torch.cat([part @ matrix for part, matrix in zip(parts, stack, strict=True)])


def _quantised(
    value: Tensor, scale: Tensor, zero: Tensor, axis: int, low: int, high: int
) -> tuple[Tensor, Tensor]:
    """Rounded to steps of one scale for every index of an axis, and what was not clamped."""
    shape = [-1 if place == axis % value.ndim else 1 for place in range(value.ndim)]
    scale, zero = scale.view(shape), zero.view(shape)
    steps = (value / scale).round() + zero
    held = (steps >= low) & (steps <= high)
    return (steps.clamp(low, high) - zero) * scale, held


#: What torch has no float64 kernel for.
_WIDE: Mapping[object, Callable[..., Any]] = {
    torch.ops.aten.fake_quantize_per_channel_affine_cachemask.default: _quantised,
    torch.ops.aten._grouped_mm.default: _grouped_product,  # noqa: SLF001 # has no other name
}


def _writes(func: Any) -> bool:
    return bool(func._schema.is_mutable)  # noqa: SLF001 # torch documents no other way


def _from_numbers(func: Any, args: object, named: Mapping[str, Any]) -> bool:
    """Whether an operation makes a tensor of the default type from numbers that are floats."""
    takes = any(item.name == "dtype" for item in func._schema.arguments)  # noqa: SLF001 # the same
    return takes and named.get("dtype") is None and any(leaves((args, named), float))


def _narrow(dtype: object) -> bool:
    if not isinstance(dtype, torch.dtype):
        return False
    return dtype == torch.complex64 or (dtype.is_floating_point and dtype.itemsize < 8)


def _widened(dtype: torch.dtype) -> torch.dtype:
    return torch.complex128 if dtype.is_complex else torch.float64


def _is_wide(tensor: Tensor) -> bool:
    return tensor.dtype in (torch.float64, torch.complex128)


def _wide(tensor: Tensor) -> Tensor:
    return tensor.to(_widened(tensor.dtype)) if _narrow(tensor.dtype) else tensor
