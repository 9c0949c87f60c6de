"""The default: the searches that fit the problem, one after the other.

Few channels are solved exactly where that is in time. Where each row has few enough
non-zeros, an order that loses nothing is looked for first. Then the pace of some first
sweeps tells whether the budget is long enough to anneal, on the table of all swaps where
that is small enough. If it is not, cold sweeps and reassignment get farther, or, with few
rows, a hurried annealing before reassignment. An annealing is finished by a search of whole
neighbourhoods. The runner keeps the best of all proposals, so no part can spoil another's
result.
"""

from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from permviz.kernels.protocol import Kernels
from permviz.search import exact, osg
from permviz.search.anneal import Anneal, evenness
from permviz.search.assignment import Assignment, seconds
from permviz.search.channel_swap import SwapClimber
from permviz.search.escape import climb
from permviz.search.finish import finished, group_size
from permviz.search.perfect import Perfect
from permviz.search.restarts import restarted
from permviz.search.room import room
from permviz.search.stages import best_of, for_share, while_in_time
from permviz.search.strategy import Block, Order, Steps, at_least
from permviz.search.table_anneal import (
    TableAnneal,
    made_seconds,
    swap_seconds,
    sweep_seconds,
    tabled,
)

_OPENED = 16

_EXACT_CHANNELS = 20
"""Up to here the optimum takes a tenth of a second."""

_PERFECT_SHARE = 0.7
"""Share of the budget in which an order that loses nothing is found, or is given up."""

_COLD = 3.0
"""Time of cold sweeps before reassignment, in that of reassigning every stripe once."""

_PROBE = 5e-4
"""Rough seconds of the first of them, which show how many the budget is good for."""

_HURRY = 1.0
"""Annealing wants as many sweeps as there are stripes squared, times this; else
reassignment is better.
"""

_SINGLE, _DEALT = 48, 128
"""Stripes from which on one chain with all the time is better than the best of two, and from
which on two chains share one order."""

_EVEN = 0.9
"""Evenness of gains from which channels are even."""

_HASTY_HOT, _HASTY_COLD, _HASTY_SWEEPS = 0.1, 0.04, 0.2
"""Heat of a hurried annealing, and which part of the usual cold sweeps precede it."""

_SWAPS, _UNEVEN, _ROWS_OF_UNEVEN = 2.5, 0.55, 16.0
"""Swaps of a channel that annealing on a table wants time for; so many more where gains are
less even than that, for as many rows: small channels change places for nothing there."""

_LASTING = 1000.0
"""Swaps of a channel in a cooling: rather than a longer one, there is another."""

_FEW, _WARM, _HOT = 10.0, 0.1, 0.15
"""Swaps of a channel below which annealing begins warm instead of hot."""

_COLDEST, _COOLER, _LEAST_HEAT = 0.06, 1.7, 0.01
"""Heat at the end, by which part of the root of the room it is less, and its least part."""

_ROOMY, _CLIMB = 0.5, 0.05
"""Room above which an annealing is as hot as ever, and share of the time to find it out."""

_MOST_CHAINS = 8

_FINISH = {False: 0.01, True: 0.15}
"""Share of the annealing's time for what it leaves open, on narrow and on wide blocks."""

_TABLE, _SUM = 0.05, 5.0
"""Share of that time for a table of groups, and what a sum in it costs in max-adds."""

_ROWS = 64

_SECONDS_OF_A_DRAW, _MAX_ADDS = 2e-6, 15e9


@dataclass(frozen=True, slots=True)
class _First:
    """From where on a budget short of annealing is annealed for before it reassigns.

    Attributes:
        sweeps: that there is time for, in stripes.
        price: of reassigning every stripe, in sweeps.
        stripes: of the block.
        share: of the time to anneal for.
    """

    sweeps: float
    price: float
    stripes: int
    share: float


_FIRST_UNEVEN = _First(sweeps=0.25, price=60.0, stripes=1, share=0.85)
_FIRST_EVEN = _First(sweeps=0.5, price=120.0, stripes=768, share=0.6)


@dataclass(frozen=True, slots=True)
class Auto:
    """Exact when small, perfect where that is possible, else reassignment and annealing.

    Attributes:
        sweeps: how often annealing opens each stripe of a block of 512 rows and channels,
            on the mean, without a time budget; smaller blocks are opened more often and
            larger ones less, so that time grows more slowly than the work of a sweep.
        restarts: how many more times all this is done, from random orders.
    """

    sweeps: int = 10_000
    restarts: int = 0
    name: ClassVar[str] = "auto"

    def __post_init__(self) -> None:
        at_least(self.name, "sweeps", self.sweeps, 1)
        at_least(self.name, "restarts", self.restarts, 0)

    def steps(self, block: Block, rng: np.random.Generator, kernels: Kernels) -> Steps:
        """Search in the order above; annealing cools over the time that is left to it."""
        return (
            yield from restarted(block, self.restarts, rng, partial(self._once, kernels=kernels))
        )

    def _once(self, block: Block, rng: np.random.Generator, kernels: Kernels) -> Steps:
        if block.channels <= _EXACT_CHANNELS and exact.feasible(block.channels):
            # The optimum is known all at once; whoever is short of time has this before.
            yield from climb(SwapClimber(block, kernels), np.arange(block.channels))
            optimum = exact.Exact().steps(block, rng, kernels)
            if (yield from while_in_time(optimum, exact.looks(block.channels))) == "optimal":
                return "optimal"
        spent = yield None
        if spent is None and exact.feasible(block.channels):
            return (yield from exact.Exact().steps(block, rng, kernels))
        if _may_be_perfect(block):
            perfect = Perfect(sweeps=self._sweeps(block)).steps(block, rng, kernels)
            if (yield from for_share(perfect, _PERFECT_SHARE)) == "perfect":
                return "perfect"
        if block.stripes > 1:
            yield from self._anneal(block, rng, kernels)
        return None

    def _anneal(self, block: Block, rng: np.random.Generator, kernels: Kernels) -> Steps:
        """Anneal and finish, after reassignment where the budget is short for that."""
        before, order = (yield None), np.arange(block.channels)
        if kernels.speed > 1:
            # A GPU gains more by annealing on than by anything before or after.
            anneal = Anneal(opened=_OPENED, sweeps=self._sweeps(block), chains=1)
            yield from anneal.steps_from(order, block, rng, kernels)
            return
        work = _work(block.stripes, block.columns.shape[1])
        probed = max(1.0, _PROBE / work)
        order = yield from Anneal().cold_sweeps(order, probed, block, rng, kernels)
        after = yield None
        sweeps = float(self._sweeps(block))
        if before is not None and after is not None:
            sweeps = probed * (1.0 - after) / max(after - before, 1e-9)
        left = sweeps * work
        # Without a budget the result must not depend on the threads.
        chains = 2 if after is None else min(kernels.threads, _MOST_CHAINS)
        even = 1.0 if block.stripes < _SINGLE else evenness(block, rng, kernels)
        if tabled(block, chains) and left >= _least_seconds(block, even):
            order, remaining = yield from _climbed(order, block, rng, kernels)
            anneal = _on_table(block, left, chains, remaining)
            yield from _finished(anneal, order, left, block, rng, kernels)
            return
        if sweeps < _HURRY * block.stripes**2:
            share = _share_to_anneal(sweeps, even, block)
            if share > 0:
                yield from self._hurried(share, order, block, rng, kernels)
                return
            order = yield from Anneal().cold_sweeps(order, _cold(block), block, rng, kernels)
            order = yield from Assignment().rounds(order, block, rng, kernels)
        chains = 1 if _SINGLE <= block.stripes < _DEALT else 2
        anneal = Anneal(opened=_OPENED, sweeps=self._sweeps(block), chains=chains)
        yield from _finished(anneal, order, left, block, rng, kernels)

    def _hurried(
        self, share: float, order: Order, block: Block, rng: np.random.Generator, kernels: Kernels
    ) -> Steps:
        """Anneal for a share of a budget that is short for it, and reassign in the rest."""
        sweeps = _HASTY_SWEEPS * _cold(block)
        order = yield from Anneal().cold_sweeps(order, sweeps, block, rng, kernels)
        cooler = _cooler(room(order, block, rng, kernels))
        anneal = Anneal(
            sweeps=self._sweeps(block), hot=cooler * _HASTY_HOT, cold=cooler * _HASTY_COLD
        )
        steps = anneal.steps_from(order, block, rng, kernels)
        order = yield from best_of(for_share(steps, share), order, block, kernels)
        yield from finished(order, 0, block, rng, kernels)

    def _sweeps(self, block: Block) -> int:
        """Sweeps for a block of this size, without a budget."""
        work = _work(block.stripes, block.columns.shape[1])
        return max(1, round(self.sweeps * (_work(128, 512) / work) ** 0.55))


def _share_to_anneal(sweeps: float, even: float, block: Block) -> float:
    """Which share of a budget short of annealing is annealed for all the same.

    Opening a few stripes costs by rows, assigning many does not: with few rows there are
    enough sweeps for the price of a reassignment, which stops early on uneven channels.
    """
    stripes, rows = block.stripes, block.columns.shape[1]
    price = seconds(stripes, rows) / _work(stripes, rows)
    first = _FIRST_EVEN if even >= _EVEN else _FIRST_UNEVEN
    pays = sweeps >= first.sweeps * stripes and price >= first.price and stripes >= first.stripes
    return first.share if pays else 0.0


def _cooler(remaining: float) -> float:
    """Part of the usual heat where so much room is left."""
    return min(1.0, max(_LEAST_HEAT, _COOLER * remaining**0.5))


def _swaps(block: Block, left: float) -> float:
    """How many swaps of a channel annealing on a table makes in so many seconds."""
    return left / (block.channels * swap_seconds(block))


def _least_seconds(block: Block, even: float) -> float:
    """Seconds of one core from which annealing on the table of all swaps pays."""
    uneven = 0.0 if even >= _UNEVEN else block.columns.shape[1] / _ROWS_OF_UNEVEN
    return _SWAPS * (1.0 + uneven) * block.channels * made_seconds(block)


def _climbed(
    order: Order, block: Block, rng: np.random.Generator, kernels: Kernels
) -> Generator[Order | None, float | None, tuple[Order, float]]:
    """An order to anneal from, and the room it leaves, which matters where it is little."""
    left = room(order, block, rng, kernels)
    if left > _ROOMY:
        return order, 1.0
    spent = yield None
    most = 1.0 if spent is None else spent + (1.0 - spent) * _CLIMB
    steps = climb(SwapClimber(block, kernels), order)
    order = yield from best_of(for_share(steps, most), order, block, kernels)
    return order, room(order, block, rng, kernels)


def _on_table(block: Block, left: float, chains: int, remaining: float) -> TableAnneal:
    """Annealing on the table of all swaps for so many seconds of one core."""
    swaps = _swaps(block, left)
    cooler = _cooler(remaining)
    return TableAnneal(
        sweeps=max(1, round(left / sweep_seconds(block))),
        chains=chains,
        coolings=max(1, round(swaps / _LASTING)),
        hot=cooler * (_HOT if swaps >= _FEW else _WARM),
        cold=cooler * _COLDEST,
    )


def _finished(
    anneal: Anneal | TableAnneal,
    order: Order,
    left: float,
    block: Block,
    rng: np.random.Generator,
    kernels: Kernels,
) -> Steps:
    """Anneal, and finish the best of the orders that it finds, in `left` seconds of one core."""
    size = group_size(block, _TABLE * left * _MAX_ADDS / _SUM)
    table = _SUM * osg.table_work(block, size) / (left * _MAX_ADDS) if size else 0.0
    wide = block.stripes >= _SINGLE and isinstance(anneal, Anneal)
    steps = anneal.steps_from(order, block, rng, kernels)
    best = yield from best_of(for_share(steps, 1.0 - _FINISH[wide] - table), order, block, kernels)
    yield from finished(best, size, block, rng, kernels)


def _work(stripes: int, rows: int) -> float:
    """Rough seconds that opening every stripe once takes on one core."""
    return stripes / 16 * (_SECONDS_OF_A_DRAW + 256 * rows / _MAX_ADDS)


def _cold(block: Block) -> float:
    """Sweeps that take as long as some reassignments, which they make cheaper."""
    stripes, rows = block.stripes, block.columns.shape[1]
    return _COLD * seconds(stripes, rows) / _work(stripes, rows)


def _may_be_perfect(block: Block) -> bool:
    """Whether no row has more non-zeros than the pattern keeps, and some row is sparse."""
    most = 0
    # Dense scores show it in the first rows, and the rest is not looked at.
    for start in range(0, block.columns.shape[1], _ROWS):
        filled = np.count_nonzero(block.columns[:, start : start + _ROWS], axis=0)
        most = max(most, int(filled.max()))
        if most > block.pattern.n * block.stripes:
            return False
    return most > 0
