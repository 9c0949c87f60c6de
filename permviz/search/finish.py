"""Bring an order to the optimum of the neighbourhoods that an annealing leaves open.

An annealing ends with a share of gains only, in random order. Sharing out all groups of
three or two stripes finds what it missed where stripes are few, and reassignment where
they are many.
"""

from collections.abc import Generator

import numpy as np

from permviz.kernels import subsets
from permviz.kernels.protocol import Kernels
from permviz.search import osg
from permviz.search.assignment import Assignment
from permviz.search.escape import climb
from permviz.search.strategy import Block, Order


def finished(
    order: Order, size: int, block: Block, rng: np.random.Generator, kernels: Kernels
) -> Generator[Order | None, float | None, Order]:
    """Share out groups of `size` stripes (0 for none), then reassign, until neither gains."""
    if size and block.stripes >= size:
        climber = osg.AllGroups(block, kernels, size)
        yield from climb(climber, order)
        order = climber.order
    return (yield from Assignment().rounds(order, block, rng, kernels))


def group_size(block: Block, sums: float) -> int:
    """How many stripes can be shared out together with so many sums to spend; 0 for none."""
    for size in (3, 2):
        if subsets.feasible(block.pattern.m, size) and osg.table_work(block, size) <= sums:
            return size
    return 0
