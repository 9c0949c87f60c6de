"""Every order that matters, one after the other: the oracle for small problems."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from permviz.errors import StrategyError
from permviz.kernels.compiled_exact import enumerate_some
from permviz.kernels.protocol import Kernels
from permviz.search.partitions import StripeTable, count
from permviz.search.strategy import Block, Steps

_MOST_ORDERS = 3_000_000
_BATCH = 200_000


@dataclass(frozen=True, slots=True)
class Enumeration:
    """Visit each partition into stripes once, in canonical order.

    Source: Pool & Yu 2021, Appendix C.
    """

    name: ClassVar[str] = "enumerate"

    def steps(self, block: Block, rng: np.random.Generator, kernels: Kernels) -> Steps:  # noqa: ARG002 - the protocol's
        """Propose the best so far after every batch of partitions.

        Raises:
            StrategyError: there are too many partitions.
        """
        orders = count(block.channels, block.pattern.m)
        if orders > _MOST_ORDERS:
            raise StrategyError(
                f"enumerate would visit {orders:.3g} orders of {block.channels} channels; "
                "choose exact up to 24 channels, or anneal."
            )
        table = StripeTable.of(block, kernels)
        path, best_path = np.full(block.stripes + 1, -1), np.zeros(block.stripes, dtype=np.int64)
        path[-1] = 0
        best = np.full(1, -1.0)
        visited = _BATCH
        while visited == _BATCH:
            visited = enumerate_some(
                table.bits, table.values, table.first, path, best_path, best, _BATCH
            )
            yield table.order(best_path)
        return "optimal"
