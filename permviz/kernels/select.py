"""Which kernels run where.

torch is imported only for a device that needs it, and by `auto` only where there is a GPU
that it may know: its import takes longer than most searches.
"""

import os
import sys
from functools import cache
from pathlib import Path

from permviz.errors import StrategyError
from permviz.kernels.numba_cpu import NumbaKernels
from permviz.kernels.protocol import Kernels

DEVICES = ("auto", "cpu", "cuda", "torch:cpu")
"""The devices that are worth naming; any other name is torch's to know."""

_DRIVERS = ("/dev/nvidiactl", "/dev/nvmap", "/dev/dxg", "/dev/kfd")


def select(device: str = "auto", threads: int | None = None, memory: int | None = None) -> Kernels:
    """The kernels for a device.

    Args:
        device: ``cpu`` for the compiled kernels; ``cuda``, ``cuda:1``, ``mps`` or another
            name that torch knows for the batched ones; ``torch:`` and such a name
            (``torch:cpu``) for torch's operations alone; ``auto`` for ``cuda`` where Triton
            compiles for it, else ``cpu``. With Triton, blocks of fewer than four million
            scores stay on the CPU, which is done with them sooner.
        threads: of the compiled kernels, all cores by default.
        memory: bytes that a call of the batched kernels may lay out on the device.

    Raises:
        StrategyError: no kernels run on the device.
    """
    chosen, threads = resolved(device), threads or cores()
    if chosen == "cpu":
        return _numba(threads)
    try:
        from permviz.kernels import torch_device  # noqa: PLC0415 - only when asked for
    except ImportError as problem:
        raise StrategyError(
            f'The device {device!r} needs torch: pip install torch, or choose "cpu".'
        ) from problem
    return torch_device.on(chosen, memory, threads)


def devices() -> tuple[str, ...]:
    """Names of the devices that there are here to choose between, ``auto`` first."""
    if not _cuda_is_there():
        return "auto", "cpu"
    from permviz.kernels import torch_device  # noqa: PLC0415 - only where there is a GPU

    return "auto", "cpu", *torch_device.cuda_devices()


def resolved(device: str) -> str:
    """The device that a name stands for: what `auto` picks here, any other itself."""
    if device == "auto":
        return "cuda" if _cuda_is_there() else "cpu"
    return device


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cuda_is_there() -> bool:
    """Whether torch has a CUDA device, without importing it where there can be none."""
    driver = os.name == "nt" or any(Path(file).exists() for file in _DRIVERS)
    if not driver and "torch" not in sys.modules:
        return False
    try:
        from permviz.kernels import torch_device  # noqa: PLC0415 - only when asked for
    except ImportError:
        return False
    return torch_device.cuda_is_there()


@cache
def _numba(threads: int) -> NumbaKernels:
    # One pool of threads for each count, however many searches ask for it.
    return NumbaKernels(threads)
