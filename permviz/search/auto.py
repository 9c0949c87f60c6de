"""The default: swaps to a local optimum, stripe pairs from there, then escapes of both.

Swaps are the cheapest gains and pairs of stripes contain them, so each pair table starts
from an order where little is left to move.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from permviz.kernels.protocol import Kernels
from permviz.search.channel_swap import SwapClimber
from permviz.search.escape import climb_and_escape
from permviz.search.ledger import StripeLedger
from permviz.search.osg import PairClimber, feasible
from permviz.search.strategy import Block, Order, Steps, at_least


@dataclass(frozen=True, slots=True)
class Auto:
    """Channel swaps, then pairs of stripes where their tables are affordable, with escapes.

    Attributes:
        escapes: how many times a local optimum is left by one random swap.
    """

    escapes: int = 100
    name: ClassVar[str] = "auto"

    def __post_init__(self) -> None:
        at_least(self.name, "escapes", self.escapes, 0)

    def steps(self, block: Block, rng: np.random.Generator, kernels: Kernels) -> Steps:
        """Climb both ways, escape, climb again."""
        yield from climb_and_escape(_BothClimber(block, kernels), self.escapes, rng)


class _BothClimber:
    """Climbs by swaps first and by pairs of stripes after that."""

    def __init__(self, block: Block, kernels: Kernels) -> None:
        self.block = block
        self.ledger = StripeLedger(block, kernels)
        self.order: Order = np.arange(block.channels)
        self._swaps = SwapClimber(block, kernels)
        self._pairs = PairClimber(block, kernels) if feasible(block.pattern.m) else None

    def climb(self, order: Order) -> Steps:
        """Improve `order` until neither a swap nor a pair of stripes gains."""
        yield from self._swaps.climb(order)
        self.order = self._swaps.order
        if self._pairs is not None:
            yield from self._pairs.climb(self.order)
            self.order = self._pairs.order
