"""The default: the searches that fit the problem, one after the other.

Few channels are solved exactly. Where each row has few enough non-zeros, an order that
loses nothing is looked for first. Then reassignment takes the cheap gains of large blocks,
which is as far as a short budget gets, and block annealing goes on from there. The runner
keeps the best of all proposals, so no part can spoil another's result.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from permviz.kernels.protocol import Kernels
from permviz.search import exact
from permviz.search.anneal import Anneal
from permviz.search.assignment import Assignment
from permviz.search.perfect import Perfect
from permviz.search.strategy import Block, Steps, at_least

_EXACT_CHANNELS = 20
"""Up to here the optimum takes a tenth of a second."""

_PERFECT_SHARE = 0.7
"""Share of the budget in which an order that loses nothing is found, or is given up."""

_ASSIGNMENT_WORK = 300_000
"""Max-adds of a reassignment below which annealing is as fast to the cheap gains."""

_COLD_SWEEPS = 30
"""Sweeps that cost about as much as one reassignment of a wide block, and gain more."""

_FLAT = 1.0
"""Reassignment ends when its last rounds add less than this, over the number of stripes, to
all that it gained: the wider a block, the longer annealing needs to be better.
"""

_ROWS = 64

_SECONDS_OF_A_DRAW, _MAX_ADDS = 2e-6, 15e9


@dataclass(frozen=True, slots=True)
class Auto:
    """Exact when small, perfect where that is possible, else reassignment and annealing.

    Attributes:
        sweeps: how often annealing opens each stripe of a block of 512 rows and channels,
            on the mean, without a time budget; smaller blocks are opened more often and
            larger ones less, so that time grows more slowly than the work of a sweep.
    """

    sweeps: int = 10_000
    name: ClassVar[str] = "auto"

    def __post_init__(self) -> None:
        at_least(self.name, "sweeps", self.sweeps, 1)

    def steps(self, block: Block, rng: np.random.Generator, kernels: Kernels) -> Steps:
        """Search in the order above; annealing cools over the time that is left to it."""
        if block.channels <= _EXACT_CHANNELS and exact.feasible(block.channels):
            return (yield from exact.Exact().steps(block, rng, kernels))
        spent = yield None
        if spent is None and exact.feasible(block.channels):
            return (yield from exact.Exact().steps(block, rng, kernels))
        order = np.arange(block.channels)
        if _may_be_perfect(block):
            perfect = Perfect(sweeps=self._sweeps(block)).steps(block, rng, kernels)
            if (yield from _share(perfect, _PERFECT_SHARE)) == "perfect":
                return "perfect"
        if block.stripes**2 * block.columns.shape[1] > _ASSIGNMENT_WORK:
            order = yield from Anneal().cold_sweeps(_COLD_SWEEPS, block, rng, kernels)
            flat = _FLAT / block.stripes
            order = yield from Assignment().rounds(order, block, rng, kernels, flat)
        anneal = Anneal(sweeps=self._sweeps(block))
        return (yield from anneal.steps_from(order, block, rng, kernels))

    def _sweeps(self, block: Block) -> int:
        """Sweeps for a block of this size, without a budget."""
        work = _work(block.stripes, block.columns.shape[1])
        return max(1, round(self.sweeps * (_work(128, 512) / work) ** 0.55))


def _work(stripes: int, rows: int) -> float:
    """Rough seconds that opening every stripe once takes on one core."""
    return stripes / 16 * (_SECONDS_OF_A_DRAW + 256 * rows / _MAX_ADDS)


def _may_be_perfect(block: Block) -> bool:
    """Whether no row has more non-zeros than the pattern keeps, and some row is sparse."""
    most = 0
    # Dense scores show it in the first rows, and the rest is not looked at.
    for start in range(0, block.columns.shape[1], _ROWS):
        filled = np.count_nonzero(block.columns[:, start : start + _ROWS], axis=0)
        most = max(most, int(filled.max()))
        if most > block.pattern.n * block.stripes:
            return False
    return most > 0


def _share(steps: Steps, share: float) -> Steps:
    """Let a search have the first `share` of the budget, which it takes for the whole."""
    answer: float | None = None
    begun = False
    while True:
        try:
            order = steps.send(answer) if begun else next(steps)
        except StopIteration as ended:
            return ended.value
        begun = True
        spent = yield order
        if spent is not None and spent >= share:
            steps.close()
            return None
        answer = None if spent is None else spent / share
