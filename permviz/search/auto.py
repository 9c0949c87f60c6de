"""The default: the best searches that fit the problem, one after the other.

Few channels are solved exactly. Otherwise reassignment takes the cheap gains first, which
is as far as a short budget gets on wide matrices, and block annealing has the rest of the
time. The runner keeps the best of all proposals, so no part can spoil another's result.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from permviz.kernels.protocol import Kernels
from permviz.search import exact
from permviz.search.anneal import Anneal
from permviz.search.assignment import Assignment
from permviz.search.strategy import Block, Steps, at_least

_EXACT_CHANNELS = 20
"""Up to here the optimum takes a tenth of a second."""


@dataclass(frozen=True, slots=True)
class Auto:
    """Exact when small, else reassignment and then block annealing.

    Attributes:
        sweeps: how often annealing opens each stripe, on the mean, without a time budget.
    """

    sweeps: int = 2000
    name: ClassVar[str] = "auto"

    def __post_init__(self) -> None:
        at_least(self.name, "sweeps", self.sweeps, 1)

    def steps(self, block: Block, rng: np.random.Generator, kernels: Kernels) -> Steps:
        """Search in the order above; annealing cools over the time that is left to it."""
        yield from Assignment().steps(block, rng, kernels)
        if block.channels <= _EXACT_CHANNELS and exact.feasible(block.channels):
            yield from exact.Exact().steps(block, rng, kernels)
        else:
            yield from Anneal(sweeps=self.sweeps).steps(block, rng, kernels)
