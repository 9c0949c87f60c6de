"""Which kernels run where."""

import os
from functools import cache

from permviz.errors import StrategyError
from permviz.kernels.numba_cpu import NumbaKernels
from permviz.kernels.protocol import Kernels

DEVICES = ("auto", "cpu")


def select(device: str = "auto", threads: int | None = None) -> Kernels:
    """The kernels for a device, over `threads` threads (all cores by default).

    Raises:
        StrategyError: no kernels exist for the device.
    """
    if device not in DEVICES:
        raise StrategyError(
            f"No search kernels run on the device {device!r}; choose one of {', '.join(DEVICES)}."
        )
    return _numba(threads or cores())


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def _numba(threads: int) -> NumbaKernels:
    # One pool of threads for each count, however many searches ask for it.
    return NumbaKernels(threads)
