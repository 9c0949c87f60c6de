"""The optimum, by dynamic programming over sets of channels.

The best value of a set is its best last stripe plus the best value of the rest; building
each partition lowest free channel first visits every set once instead of every partition.
"""

import os
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from permviz.errors import StrategyError
from permviz.kernels.compiled_exact import extend
from permviz.kernels.protocol import Kernels, Values
from permviz.search.partitions import StripeTable
from permviz.search.strategy import Block, Steps

_MOST_CHANNELS = 24
_SETS = 1 << 16
"""Sets between two looks at the clock: at most some 30 ms."""

_CLEARED = 1 << 21
"""The same before anything is known of them: the system finds memory for some 10 ms."""


@dataclass(frozen=True, slots=True)
class Exact:
    """The best order there is, of up to 24 channels.

    Source: derived in the module's first lines; the paper's exhaustive search (Appendix C)
        stops at 16 channels.
    """

    name: ClassVar[str] = "exact"

    def steps(self, block: Block, rng: np.random.Generator, kernels: Kernels) -> Steps:  # noqa: ARG002 - the protocol's
        """Propose the optimum when it is known.

        Raises:
            StrategyError: too many channels, or too little memory for a table of all sets.
        """
        _check(block.channels)
        table = StripeTable.of(block, kernels)
        best = np.empty(1 << block.channels)
        for start in range(0, best.size, _CLEARED):
            best[start : start + _CLEARED] = -1.0
            yield None
        best[0] = 0.0
        for start in range(0, best.size, _SETS):
            extend(best, table.bits, table.values, table.first, start, start + _SETS)
            yield None
        yield table.order(_trace_back(best, table))
        return "optimal"


def feasible(channels: int) -> bool:
    """Whether the exact search takes so many channels."""
    return channels <= _MOST_CHANNELS and _free_bytes() > 2 * _bytes(channels)


def looks(channels: int) -> int:
    """How often the exact search of so many channels looks at the clock."""
    sets = 1 << channels
    return -(-sets // _CLEARED) + -(-sets // _SETS) + 1


def _check(channels: int) -> None:
    if channels > _MOST_CHANNELS:
        raise StrategyError(
            f"exact takes up to {_MOST_CHANNELS} channels and got {channels}; "
            "choose anneal, which comes close at any size."
        )
    if not feasible(channels):
        raise StrategyError(
            f"exact needs {_bytes(channels) >> 20} MiB for {channels} channels, more than half "
            "of what is free; close something, or choose anneal."
        )


def _bytes(channels: int) -> int:
    return 8 << channels


def _free_bytes() -> int:
    if "SC_AVPHYS_PAGES" not in os.sysconf_names:
        return 1 << 40
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _trace_back(best: Values, table: StripeTable) -> NDArray[np.int64]:
    """The stripes that led to the best value of the set of all channels."""
    used = best.size - 1
    chosen: list[int] = []
    lowest = table.bits & -table.bits
    while used:
        rest = used & ~table.bits
        inside = (table.bits & ~np.int64(used)) == 0
        # A stripe was added when its lowest channel was the lowest free one.
        rest_free = ~rest & (rest + 1)
        led = inside & (rest_free == lowest) & (best[rest] >= 0)
        led &= best[rest] + table.values == best[used]
        chosen.append(int(np.flatnonzero(led)[0]))
        used = int(rest[chosen[-1]])
    return np.array(chosen[::-1], dtype=np.int64)
