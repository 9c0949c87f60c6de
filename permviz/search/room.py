"""How much an order leaves to be gained, by which annealing chooses its heat.

Where rows are few or sparse, good orders keep nearly all that rows could keep by
themselves. What swaps gain or lose there is far less than at random orders, at which the
heat is measured, and an annealing at that heat never settles.
"""

import numpy as np

from permviz.kernels.protocol import Kernels
from permviz.search.ledger import StripeLedger
from permviz.search.strategy import Block, Order

_ROWS = 64
_DRAWS = 3


def room(order: Order, block: Block, rng: np.random.Generator, kernels: Kernels) -> float:
    """Share of what can be gained over random orders that an order leaves, at most 1."""
    ledger = StripeLedger(block, kernels)
    random = [ledger.value(rng.permutation(block.channels)) for _ in range(_DRAWS)]
    most = _row_optimum(block)
    gap = most - float(np.mean(random))
    return min(1.0, max(0.0, (most - ledger.value(order)) / gap)) if gap > 0 else 1.0


def _row_optimum(block: Block) -> float:
    """What rows would keep by themselves, in units of the block's columns."""
    kept = block.stripes * block.pattern.n
    total = 0.0
    for start in range(0, block.columns.shape[1], _ROWS):
        # Numpy partitions slowly at a value that many share from below, such as zero.
        rows = -block.columns[:, start : start + _ROWS].T
        rows.partition(kept - 1, axis=1)
        total -= float(rows[:, :kept].sum(dtype=np.float64))
    return total
