"""Swap annealing on the table of all gains: the best there is while that table is small.

At low heat some swap in ten thousand is made, so the table of all gains pays: looking at a
swap costs less than a nanosecond, and only those that are made cost a pass over the rows.
Block annealing (see `permviz.search.anneal`) tries a few swaps of many tables instead,
which suits channels too many for one table.
"""

from dataclasses import dataclass

import numpy as np

from permviz.kernels.compiled_table import room
from permviz.kernels.protocol import Kernels, Sweeps
from permviz.search.anneal import deviation
from permviz.search.strategy import Block, Order, Steps

_STEP_SECONDS = 0.01
"""Rough most time of a step."""

_COOLED = 0.97
"""Share of the time after which only gains are accepted."""

_STEPS = 60
"""Into how many steps a cooling is cut, so that the heat falls smoothly."""


_REFUSAL = 2.5e-10
_SWAP = 2e-6
_MAX_ADDS = 15e9
"""Seconds of a swap that is refused, and of one that is made beside its lines, which take
so many max-adds a second."""

_SCATTERED, _FAR, _FROM_AFAR = 35e-9, 2048, 10e9
"""Seconds of a channel to change columns, channels from which they are out of the caches,
and max-adds a second of lines that are not in the nearest."""

_MADE = 0.013
"""Swaps of a channel that a sweep makes, on the mean over an annealing."""


_MOST_ROWS = 16384
"""Beyond these the table's float32 sums drown small gains."""

_ENTRY, _MOST_FILLING = 3e-9, 0.04
"""Seconds of a gain, and of the most that filling a table may take, which is one step."""


def tabled(block: Block, chains: int) -> bool:
    """Whether tables of a block are small enough."""
    channels, rows = block.columns.shape
    lines, width = room(channels, rows)
    fits = 4 * chains * lines * width <= block.memory
    filling = channels**2 * (_ENTRY + rows / _MAX_ADDS)
    return fits and filling <= _MOST_FILLING and rows <= _MOST_ROWS


def swap_seconds(block: Block) -> float:
    """Rough time of a swap that is made, on one core."""
    lines = 2 * (block.pattern.m - 1)
    return _SWAP + lines * block.columns.size / _MAX_ADDS


def made_seconds(block: Block) -> float:
    """What such a swap takes with the columns of the table, which many channels scatter."""
    channels = block.channels
    lines = 2 * (block.pattern.m - 1)
    scattered = channels * _SCATTERED * (1.0 + (channels / _FAR) ** 2)
    return _SWAP + scattered + lines * block.columns.size / _FROM_AFAR


def sweep_seconds(block: Block) -> float:
    """Rough time in which every swap is tried once, on one core."""
    return block.channels**2 * _REFUSAL + _MADE * block.channels * swap_seconds(block)


@dataclass(frozen=True, slots=True)
class TableAnneal:
    """Metropolis swaps of any two channels, slowly cooled, and again from where that ended.

    Attributes:
        sweeps: how often every swap is tried when no time budget is given.
        chains: independent searches side by side, over the threads.
        coolings: how often the heat falls from `hot` to `cold`, in equal times.
        hot: temperature at the start, in deviations of swap gains.
        cold: temperature before only gains are taken.
    """

    sweeps: int
    chains: int = 2
    coolings: int = 1
    hot: float = 0.15
    cold: float = 0.06

    def steps_from(
        self, order: Order, block: Block, rng: np.random.Generator, kernels: Kernels
    ) -> Steps:
        """Cool by the share of the budget that is spent, or of the sweeps that are done."""
        sigma = deviation(block, rng, kernels)
        orders = np.tile(order, (self.chains, 1))
        states = rng.integers(0, 2**63, (self.chains, 1)).astype(np.uint64)
        tables = np.zeros((self.chains, *room(*block.columns.shape)), dtype=np.float32)
        pace = _Pace(self.sweeps, self.coolings, block)
        spent = yield None
        pace.begin(spent)
        fill = True
        while not pace.over(spent):
            sweeps = Sweeps(sigma * self._heat(pace.cooled), pace.sweeps, pace.most, fill)
            kernels.anneal_table(block.columns, orders, block.pattern, sweeps, states, tables)
            pace.done += pace.sweeps
            fill = False
            for found in orders:
                spent = yield found.copy()

    def _heat(self, cooled: float) -> float:
        if cooled >= _COOLED:
            return 0.0
        return self.hot * (self.cold / self.hot) ** (cooled / _COOLED)


class _Pace:
    """How many sweeps the next step makes.

    Without a budget the steps are fixed shares of the whole, so that nothing depends on
    time; with one, by the share of the budget that the last sweeps took.
    """

    def __init__(self, total: int, coolings: int, block: Block) -> None:
        self.done = 0
        self.sweeps = 1
        self.most = max(1, round(_STEP_SECONDS / swap_seconds(block)))
        self._total = total
        self._coolings = coolings
        self._top = max(1, round(_STEP_SECONDS / (_REFUSAL * block.channels**2)))
        self._share = 0.0
        self._began = 0.0

    @property
    def cooled(self) -> float:
        """How far the present cooling is, 0 to 1."""
        return self._share * self._coolings % 1.0

    def begin(self, spent: float | None) -> None:
        """Cool over what is left of the budget from now on."""
        self._began = spent or 0.0

    def over(self, spent: float | None) -> bool:
        """Take note of the time, and tell whether the search is over."""
        if spent is None:
            self._share = self.done / self._total
            wanted = max(1, round(self._total * self._until()))
            self.sweeps = max(1, min(self._top, wanted))
            return self.done >= self._total
        share = (spent - self._began) / max(1.0 - self._began, 1e-9)
        took, self._share = share - self._share, share
        wanted = self.sweeps * min(self._until() / max(took, 1e-9), 2.0)
        self.sweeps = max(1, min(self._top, round(wanted)))
        return False

    def _until(self) -> float:
        """The share that the next step should take.

        However coarse the steps are, the last gains of a cooling need one of their own.
        """
        end = _COOLED if self.cooled < _COOLED else 1.0
        return min(1 / _STEPS, end - self.cooled) / self._coolings
