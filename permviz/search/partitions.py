"""All stripes of a few channels, and the orders that partitions into stripes stand for."""

from dataclasses import dataclass, field
from itertools import combinations
from math import factorial

import numpy as np
from numpy.typing import NDArray

from permviz.kernels.protocol import Kernels, Values
from permviz.search.strategy import Block, Order


@dataclass(frozen=True, slots=True, eq=False)
class StripeTable:
    """Every m-subset of a block's channels with its value, sorted by its lowest channel.

    Attributes:
        members: int64[stripes, m], ascending.
        bits: int64[stripes], the same as sets.
        first: int64[channels + 1], where the stripes with each lowest channel begin.
        values: float64[stripes], retained score of each.
    """

    members: NDArray[np.int64] = field(repr=False)
    bits: NDArray[np.int64] = field(repr=False)
    first: NDArray[np.int64] = field(repr=False)
    values: Values = field(repr=False)

    @classmethod
    def of(cls, block: Block, kernels: Kernels) -> "StripeTable":
        """Value all stripes of a block once."""
        listed = list(combinations(range(block.channels), block.pattern.m))
        members = np.array(listed, dtype=np.int64)
        bits = (np.int64(1) << members).sum(axis=1)
        first = np.searchsorted(members[:, 0], np.arange(block.channels + 1))
        values = kernels.stripe_values(block.columns, members, block.pattern.n)
        return cls(members, bits, first, values)

    def order(self, chosen: NDArray[np.int64]) -> Order:
        """The order that puts the chosen stripes one after the other."""
        return self.members[chosen].ravel()


def count(channels: int, m: int) -> int:
    """How many orders differ in more than the order of stripes and inside stripes.

    Source: Pool & Yu 2021, Appendix C: C! / (M!^G G!) for G stripes.
    """
    stripes = channels // m
    return factorial(stripes * m) // (factorial(m) ** stripes * factorial(stripes))
