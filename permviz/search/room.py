"""How much an order leaves to be gained, by which annealing chooses its heat.

Where rows are few or sparse, good orders keep nearly all that rows could keep by
themselves. What swaps gain or lose there is far less than at random orders, at which the
heat is measured, and an annealing at that heat never settles.
"""

import numpy as np

from permviz.core.score import row_optimum
from permviz.kernels.protocol import Kernels
from permviz.search.ledger import StripeLedger
from permviz.search.strategy import Block, Order

_DRAWS = 3


def room(order: Order, block: Block, rng: np.random.Generator, kernels: Kernels) -> float:
    """Share of what can be gained over random orders that an order leaves, at most 1."""
    ledger = StripeLedger(block, kernels)
    random = [ledger.value(rng.permutation(block.channels)) for _ in range(_DRAWS)]
    most = row_optimum(block.columns.T, block.pattern)
    gap = most - float(np.mean(random))
    return min(1.0, max(0.0, (most - ledger.value(order)) / gap)) if gap > 0 else 1.0
