"""The ways to share the channels of some stripes out, as tables over subsets of places.

The channels of `stripes` stripes of m stand in `stripes * m` places. A table holds one
value for every m-subset of the places; the best sharing is read from it. Listing all
partitions would take a number for every stripe of every partition; instead, partitions
of two stripes are tabulated for every set of 2m places that can occur, so that three
stripes are one stripe and such a set, and four stripes are two such sets.
"""

from dataclasses import dataclass, field
from functools import cache
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

MOST_SUBSETS = 20_000
"""Most subsets that a table may have; two stripes of 4:8 have 12,870."""

MOST_SPLITS = 1_000_000
"""Most sums that the best sharing of one group may take; four stripes of 2:4 take 450,450."""


@dataclass(frozen=True, slots=True, eq=False)
class Sharings:
    """Which entries of a table of subsets make a partition of all places.

    A partition is a double set cut into two subsets, and what remains: nothing for two
    stripes, one subset for three, the complementary double set for four.

    Attributes:
        listed: int64[subsets, m], the subsets of places in lexicographic order.
        halves: uint16[doubles, splits, 2], numbers of the two subsets of each split.
        alone: int64[doubles], number of the subset that remains; empty unless stripes is 3.
        present: int64[stripes], the subsets as the channels stand now.
    """

    listed: NDArray[np.int64] = field(repr=False)
    halves: NDArray[np.uint16] = field(repr=False)
    alone: NDArray[np.int64] = field(repr=False)
    present: NDArray[np.int64] = field(repr=False)


def count(m: int, stripes: int = 2) -> int:
    """How many m-subsets a table over some stripes holds."""
    return comb(stripes * m, m)


def splits(m: int, stripes: int = 2) -> int:
    """How many sums of two entries the best sharing takes."""
    doubles = {2: 1, 3: comb(3 * m - 1, m - 1), 4: comb(4 * m, 2 * m)}
    return doubles[stripes] * comb(2 * m, m) // 2


def feasible(m: int, stripes: int = 2) -> bool:
    """Whether the tables are of a sane size."""
    return count(m, stripes) <= MOST_SUBSETS and splits(m, stripes) <= MOST_SPLITS


@cache
def subsets(m: int, stripes: int = 2) -> NDArray[np.int64]:
    """All m-subsets of the places in lexicographic order: int64[count, m].

    For two stripes, the complement of subset k is subset count-1-k, so the first half of
    the list names each partition into two halves once, the present one first.
    """
    return _listed(stripes * m, m)


@cache
def sharings(m: int, stripes: int) -> Sharings:
    """The tables for groups of 2, 3 or 4 stripes of m channels."""
    places, listed = stripes * m, subsets(m, stripes)
    number = np.full(1 << places, -1, dtype=np.int32)
    number[_bits(listed)] = np.arange(len(listed))
    doubles, alone = _doubles(m, stripes)
    cuts = subsets(m)
    left, right = doubles[:, cuts[: len(cuts) // 2]], doubles[:, cuts[: len(cuts) // 2 - 1 : -1]]
    return Sharings(
        listed=listed,
        halves=np.stack([number[_bits(left)], number[_bits(right)]], axis=-1).astype(
            np.uint16, order="C"
        ),
        alone=number[alone].astype(np.int64),
        present=number[_bits(np.arange(places).reshape(stripes, m))].astype(np.int64),
    )


def _doubles(m: int, stripes: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sets of 2m places, and the sets that remain as bits.

    With three stripes the one that remains holds place 0, so no partition comes twice.
    With four, the complement of double set d is double set count-1-d.
    """
    places = stripes * m
    if stripes == 4:
        return _listed(places, 2 * m), np.empty(0, dtype=np.int64)
    rest = _listed(places, (stripes - 2) * m)
    rest = rest[(rest[:, :1] == 0).all(axis=1)]
    free = np.ones((len(rest), places), dtype=bool)
    np.put_along_axis(free, rest, values=False, axis=1)
    remaining = _bits(rest) if stripes == 3 else np.empty(0, dtype=np.int64)
    return np.nonzero(free)[1].reshape(-1, 2 * m), remaining


def _listed(places: int, size: int) -> NDArray[np.int64]:
    listed = np.array(list(combinations(range(places), size)), dtype=np.int64)
    listed = listed.reshape(comb(places, size), size)
    listed.setflags(write=False)
    return listed


def _bits(sets: NDArray[np.int64]) -> NDArray[np.int64]:
    return (np.int64(1) << sets).sum(axis=-1)
