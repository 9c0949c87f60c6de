"""The m-subsets of 2m places, in the order that the pair tables use."""

from functools import cache
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

LIMIT = 20_000
"""Most subsets that a pair table may have; 4:8 has 12,870."""


def count(m: int) -> int:
    """How many m-subsets a table over two stripes holds."""
    return comb(2 * m, m)


@cache
def subsets(m: int) -> NDArray[np.int64]:
    """All m-subsets of 2m places in lexicographic order: int64[count, m].

    The complement of subset k is subset count-1-k, so the first half of the list names
    each partition into two halves once, the present one first.
    """
    listed = np.array(list(combinations(range(2 * m), m)), dtype=np.int64)
    listed.setflags(write=False)
    return listed


def halves(m: int, choice: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The two sets of places that partition number `choice` puts together."""
    listed = subsets(m)
    return listed[choice], listed[len(listed) - 1 - choice]
