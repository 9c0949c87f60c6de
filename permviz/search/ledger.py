"""What an order is worth, at the price of the stripes that changed."""

import numpy as np

from permviz.kernels.protocol import Kernels
from permviz.search.strategy import Block, Order


class StripeLedger:
    """Remembers the value of every stripe of the order it was last asked about."""

    def __init__(self, block: Block, kernels: Kernels) -> None:
        self._block = block
        self._kernels = kernels
        self._order = np.full(block.channels, -1, dtype=np.int64)
        self._values = np.zeros(block.stripes)

    def value(self, order: Order) -> float:
        """Retained score of an order, in units of the block's columns."""
        m, n = self._block.pattern.m, self._block.pattern.n
        changed = (order != self._order).reshape(-1, m).any(axis=1)
        if changed.any():
            # Sorted, so that one set of channels has one value to the last bit.
            stripes = np.sort(order.reshape(-1, m)[changed], axis=1)
            self._values[changed] = self._kernels.stripe_values(self._block.columns, stripes, n)
            self._order = order.copy()
        return float(self._values.sum())
