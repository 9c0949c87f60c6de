"""Block annealing: the best all-round search.

Between plain swap annealing (two stripes opened) and reassignment (all opened, no heat).
Temperatures are shares of the deviation of swap gains at random orders, so one schedule
fits every size, scale and distribution of scores.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from permviz.errors import StrategyError
from permviz.kernels.protocol import Kernels, Rounds, Values
from permviz.search.restarts import restarted
from permviz.search.strategy import Block, Order, Steps, at_least

_STEP_WORK = 120_000_000
"""Most work of a step, in max-adds of all chains: some 10 ms on one core."""

_COLD_WORK = 40_000_000
"""The same of a step of cold sweeps, which nothing has to be told between."""

_SWAPS = 8
"""Swaps on a round's table for each opened stripe; more repeat themselves."""

_COOLED = 0.97
"""Share of the time after which only gains are accepted."""

_STEPS = 200
"""Into how many steps a search is cut, so that the heat falls smoothly."""

_SAMPLE, _LEAST_SAMPLE, _SAMPLED_ORDERS, _SAMPLE_WORK = 64, 12, 8, 5_000_000
"""Stripes at most and at least, orders, and max-adds, from which the heat is set."""

_NORMAL_QUARTILE = 0.3186
"""Lower quartile of the magnitude of normal numbers, in deviations."""

_DEAL = 64
"""Stripes of a chain from which on dealing one order out to chains loses nothing."""

_MOST_DEALT = 16


@dataclass(frozen=True, slots=True)
class Anneal:
    """Metropolis swaps on tables of some opened stripes, slowly cooled.

    Attributes:
        opened: stripes that are opened at a time; 2 is plain swap annealing.
        sweeps: how often each stripe is opened, on the mean, when no time budget is given.
        chains: searches side by side, over the threads: on narrow blocks independent ones,
            of which the best counts; on wide ones the stripes of one order, dealt out anew
            at every step.
        hot: temperature at the start, in deviations of swap gains.
        cold: temperature before the last gains are taken.
        restarts: how many more times all this is done, from random orders.
    """

    opened: int = 16
    sweeps: int = 2000
    chains: int = 2
    hot: float = 0.15
    cold: float = 0.06
    restarts: int = 0
    name: ClassVar[str] = "anneal"

    def __post_init__(self) -> None:
        for parameter, least in (("opened", 2), ("sweeps", 1), ("chains", 1), ("restarts", 0)):
            at_least(self.name, parameter, getattr(self, parameter), least)
        if not 0 < self.cold <= self.hot < float("inf"):
            raise StrategyError(
                f"anneal(hot={self.hot!r}, cold={self.cold!r}) is not possible: "
                "0 < cold <= hot is needed, in deviations of swap gains."
            )

    def steps(self, block: Block, rng: np.random.Generator, kernels: Kernels) -> Steps:
        """Cool by the share of the budget that is spent, or of the sweeps that are done."""
        yield from restarted(block, self.restarts, rng, partial(self._once, kernels=kernels))

    def _once(self, block: Block, rng: np.random.Generator, kernels: Kernels) -> Steps:
        yield from self.steps_from(np.arange(block.channels), block, rng, kernels)

    def steps_from(
        self, order: Order, block: Block, rng: np.random.Generator, kernels: Kernels
    ) -> Steps:
        """Anneal from a given order."""
        if block.stripes < 2:
            return
        dealt = self._dealt(block, kernels)
        opened = min(self.opened, block.stripes // dealt)
        total = -(-self.sweeps * block.stripes // (opened * dealt))
        sigma = deviation(block, rng, kernels)
        orders = np.tile(order, (1 if dealt > 1 else self.chains, 1))
        states = rng.integers(0, 2**63, (max(dealt, self.chains), 1)).astype(np.uint64)
        work = len(states) * opened**2 * block.columns.shape[1]
        pace = _Pace(total, max(1, _STEP_WORK * kernels.speed // work))
        spent = yield None
        pace.begin(spent)
        while not pace.over(spent):
            rounds = Rounds(opened, _SWAPS * opened, sigma * self._heat(pace.share), pace.rounds)
            with _hands(orders, dealt, block.pattern.m, rng) as hands:
                kernels.anneal(block.columns, hands, block.pattern, rounds, states[: len(hands)])
            pace.done += pace.rounds
            for found in orders:
                spent = yield found.copy()

    def cold_sweeps(
        self,
        order: Order,
        sweeps: float,
        block: Block,
        rng: np.random.Generator,
        kernels: Kernels,
    ) -> Generator[Order | None, float | None, Order]:
        """Open every stripe some times, on the mean, and take gains only.

        The cheapest way from an order as given to a fair one; returns that order.
        """
        orders = order[None].copy()
        if block.stripes < 2:
            return orders[0]
        dealt = self._dealt(block, kernels)
        opened = min(self.opened, block.stripes // dealt)
        states = rng.integers(0, 2**63, (dealt, 1)).astype(np.uint64)
        left = max(1, round(sweeps * block.stripes / (opened * dealt)))
        work = dealt * opened**2 * block.columns.shape[1]
        most = max(1, _COLD_WORK * kernels.speed // work)
        while left > 0:
            rounds = Rounds(opened, _SWAPS * opened, 0.0, min(left, most))
            with _hands(orders, dealt, block.pattern.m, rng) as hands:
                kernels.anneal(block.columns, hands, block.pattern, rounds, states)
            left -= rounds.count
            yield orders[0].copy()
        return orders[0]

    def _dealt(self, block: Block, kernels: Kernels) -> int:
        """Among how many chains the stripes of one order are dealt out; 1 for none."""
        # A GPU opens all stripes of a chain at once, and needs no others beside it.
        if self.chains == 1 or kernels.speed > 1 or block.stripes < _DEAL * self.chains:
            return 1
        quick = _STEP_WORK // (self.opened**2 * block.columns.shape[1])
        return max(self.chains, min(_MOST_DEALT, quick, block.stripes // _DEAL))

    def _heat(self, share: float) -> float:
        if share >= _COOLED:
            return 0.0
        return self.hot * (self.cold / self.hot) ** (share / _COOLED)


@contextmanager
def _hands(
    orders: NDArray[np.int64], dealt: int, m: int, rng: np.random.Generator
) -> Generator[NDArray[np.int64]]:
    """The orders to work on; a single one is dealt out by stripes, and collected again.

    Stripes that do not go up in hands of equal size sit out until the next deal.
    """
    if dealt == 1:
        yield orders
        return
    stripes = orders.reshape(-1, m)
    each = len(stripes) // dealt
    chosen = rng.permutation(len(stripes))[: each * dealt]
    hands = stripes[chosen].reshape(dealt, each * m)
    yield hands
    stripes[chosen] = hands.reshape(-1, m)


class _Pace:
    """How many rounds the next step makes: few enough to cool smoothly, else many.

    Without a budget the steps are fixed shares of the whole, so that nothing depends on
    time; with one, they grow or shrink with the share of the budget that a step takes.
    """

    def __init__(self, total: int, most: int) -> None:
        self.done = 0
        self.share = 0.0
        self._total = total
        self._most = most
        self._fixed = max(1, min(self._most, total // _STEPS))
        self.rounds = 1
        self._began = 0.0

    def begin(self, spent: float | None) -> None:
        """Cool over what is left of the budget from now on."""
        self._began = spent or 0.0

    def over(self, spent: float | None) -> bool:
        """Take note of the time, and tell whether the search is over."""
        if spent is None:
            self.share = self.done / self._total
            self.rounds = min(self._fixed, max(1, self._total - self.done))
            return self.done >= self._total
        share = (spent - self._began) / max(1.0 - self._began, 1e-9)
        took, self.share = share - self.share, share
        # Handing out a step costs a third of a millisecond, so a short budget has fewer.
        if took * _STEPS < 2:
            self.rounds = min(self._most, self.rounds * 2)
        elif took * _STEPS > 5:
            self.rounds = max(1, self.rounds // 2)
        return False


def deviation(block: Block, rng: np.random.Generator, kernels: Kernels) -> float:
    """Deviation of the gains of typical swaps at random orders, from a sample of them.

    Taken from the lower quartile, since a few large channels would otherwise set the heat
    for all others; where they do stand out, most swaps are smaller still.
    """
    gains = _sample(block, rng, kernels)
    return float(gains.std()) * min(1.0, _evenness(gains)) ** 2


def evenness(block: Block, rng: np.random.Generator, kernels: Kernels) -> float:
    """How alike the gains of swaps are: 1 for normal numbers, less where channels stand out."""
    return _evenness(_sample(block, rng, kernels))


def _evenness(gains: Values) -> float:
    typical, deviation = float(np.quantile(np.abs(gains), 0.25)), float(gains.std())
    return typical / _NORMAL_QUARTILE / deviation if min(typical, deviation) > 0 else 1.0


def _sample(block: Block, rng: np.random.Generator, kernels: Kernels) -> Values:
    """Gains of swaps at random orders."""
    rows = block.columns.shape[1]
    sampled = min(block.stripes, max(_LEAST_SAMPLE, min(_SAMPLE, _SAMPLE_WORK // (16 * rows))))
    orders = _SAMPLE_WORK // (sampled**2 * rows)
    drawn = [
        _gains(block, sampled, rng, kernels) for _ in range(min(max(orders, 1), _SAMPLED_ORDERS))
    ]
    return np.concatenate(drawn)


def _gains(block: Block, sampled: int, rng: np.random.Generator, kernels: Kernels) -> Values:
    """Gains of the swaps between the first slots of some stripes, at a random order."""
    m = block.pattern.m
    stripes = rng.permutation(block.channels).reshape(-1, m)[:sampled]
    first = stripes[:, 0]
    # Copied, since a strided view would be another signature to compile.
    floors = kernels.floors(block.columns, stripes, block.pattern.n)[::m].copy()
    values = kernels.slot_values(floors, block.columns[first])
    own = np.diag(values)
    gains = values + values.T - own[:, None] - own[None, :]
    return gains[~np.eye(len(stripes), dtype=bool)]
