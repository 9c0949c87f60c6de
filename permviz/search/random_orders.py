"""The best of some random permutations: the floor that a search has to beat."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from permviz.kernels.protocol import Kernels
from permviz.search.strategy import Block, Steps, at_least


@dataclass(frozen=True, slots=True)
class RandomOrders:
    """Draw `count` uniformly random permutations.

    It has no `restarts`: a random order is nothing but a start, and `count` says how many.

    Attributes:
        count: how many are drawn.

    Source: Pool & Yu 2021, Table 9.
    """

    count: int = 100
    name: ClassVar[str] = "random"

    def __post_init__(self) -> None:
        at_least(self.name, "count", self.count, 1)

    def steps(self, block: Block, rng: np.random.Generator, kernels: Kernels) -> Steps:  # noqa: ARG002 - the protocol's
        """Propose one random order a step."""
        for _ in range(self.count):
            yield rng.permutation(block.channels)
