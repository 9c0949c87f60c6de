"""Price every stripe of a block against its channels, spread over threads and steps.

All stripes are compared anew in each pass: a stripe costs one max and one add a row, so
ten million of them take tenths of a second, and none has to be remembered.
"""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from permviz.kernels import compiled_pricing
from permviz.kernels.protocol import Stripes, Values
from permviz.kernels.select import cores
from permviz.search.strategy import Block

MOST_WORK = 20_000_000_000
"""Most max-adds of a pass: some 5 s on one core."""

_PART_WORK = 60_000_000
"""Max-adds of a part: some 15 ms on one core."""

ROUNDING = 1.1 * compiled_pricing.CHUNK * 2.0**-24
"""Largest relative error of a stripe's value in a pass, with a tenth to spare.

Source: adding k non-negative float32 numbers in any order is off by at most k - 1 units
of rounding, 2**-24 of the sum each (Higham 2002, Section 4.2).
"""


@dataclass(frozen=True, slots=True, eq=False)
class Excesses:
    """What one pass over all stripes found.

    Attributes:
        by_channel: float64[channels], the largest excess of a stripe with each channel.
        winners: int64[stripes, m], some stripes of large excess, spread over the channels.
        excess: float64[stripes], theirs.
        listed: int64[stripes, m], the stripes above the cutoff; none where they are too many.
        count: how many are above the cutoff.
    """

    by_channel: Values
    winners: Stripes = field(repr=False)
    excess: Values = field(repr=False)
    listed: Stripes = field(repr=False)
    count: int


def work(block: Block) -> int:
    """Max-adds of one pass over all stripes of a block."""
    return comb(block.channels, block.pattern.m) * block.columns.shape[1]


def exact_values(block: Block, stripes: Stripes) -> Values:
    """Retained score of stripes in units of the block, summed in float64."""
    found = np.empty(len(stripes))
    compiled_pricing.exact_values(block.columns, stripes, block.pattern.n, found)
    return found


def price(
    block: Block, prices: Values, cutoff: float = np.inf, room: int = 0
) -> Generator[None, float | None, Excesses]:
    """Compare all stripes with the prices of their members; a step is some 20 ms.

    Args:
        block: the channels.
        prices: float64[channels], in units of the block.
        cutoff: stripes with more excess are listed.
        room: how many stripes may be listed; more are counted only.
    """
    passed: list[Excesses] = []
    parts = _parts(block.channels, block.pattern.m, block.columns.shape[1])
    at_once = cores()
    for start in range(0, len(parts), at_once):
        some = parts[start : start + at_once]
        jobs = [(block, prices, heads, cutoff, room) for heads in some]
        passed.extend(_pool(at_once).map(_price_part, *zip(*jobs, strict=True)))
        yield None
    count = sum(part.count for part in passed)
    return Excesses(
        np.max([part.by_channel for part in passed], axis=0),
        np.concatenate([part.winners for part in passed]),
        np.concatenate([part.excess for part in passed]),
        np.concatenate([part.listed[: part.count if count <= room else 0] for part in passed]),
        count,
    )


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="pricing")


def _price_part(block: Block, prices: Values, heads: Stripes, cutoff: float, room: int) -> Excesses:
    channels, pattern = block.channels, block.pattern
    units = channels if pattern.m < 4 else 1
    by_channel, best = np.full(channels, -np.inf), np.full((len(heads), units), -np.inf)
    winners = np.zeros((len(heads), units, pattern.m), dtype=np.int64)
    listed = np.empty((room, pattern.m), dtype=np.int64)
    count = compiled_pricing.price(
        block.columns, prices, heads, pattern.n, pattern.m, cutoff, by_channel, best, winners,
        listed,
    )  # fmt: skip
    seen = best > -np.inf
    return Excesses(
        by_channel, winners[seen], best[seen], listed[: count if count <= room else 0].copy(), count
    )


@cache
def _parts(channels: int, m: int, rows: int) -> tuple[NDArray[np.int64], ...]:
    """What stripes begin with, cut into parts of like work: the same for any threads."""
    size = min(3, m - 2)
    heads = np.array(list(combinations(range(channels), size)), dtype=np.int64)
    heads = heads.reshape(comb(channels, size), size)
    lasts = heads[:, -1] if size else np.array([-1])
    costs = np.array([comb(channels - 1 - int(last), m - size) for last in lasts]) * float(rows)
    edges = np.flatnonzero(np.diff(costs.cumsum() // _PART_WORK)) + 1
    return tuple(np.split(heads, edges))
