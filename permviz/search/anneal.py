"""Block annealing: the best all-round search.

Between plain swap annealing (two stripes opened) and reassignment (all opened, no heat).
Temperatures are shares of the deviation of swap gains at random orders, so one schedule
fits every size, scale and distribution of scores.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from permviz.errors import StrategyError
from permviz.kernels.protocol import Kernels, Rounds
from permviz.search.strategy import Block, Order, Steps, at_least

_STEP_WORK = 60_000_000
"""Most work of a step, in max-adds: some 5 ms on one core."""

_SWAPS = 8
"""Swaps on a round's table for each opened stripe; more repeat themselves."""

_COOLED = 0.97
"""Share of the time after which only gains are accepted."""

_STEPS = 200
"""Into how many steps a search is cut, so that the heat falls smoothly."""


@dataclass(frozen=True, slots=True)
class Anneal:
    """Metropolis swaps on tables of some opened stripes, slowly cooled.

    Attributes:
        opened: stripes that are opened at a time; 2 is plain swap annealing.
        sweeps: how often each stripe is opened, on the mean, when no time budget is given.
        chains: independent searches, one a thread; the best of them counts.
        hot: temperature at the start, in deviations of swap gains.
        cold: temperature before the last gains are taken.
    """

    opened: int = 16
    sweeps: int = 2000
    chains: int = 1
    hot: float = 0.2
    cold: float = 0.06
    name: ClassVar[str] = "anneal"

    def __post_init__(self) -> None:
        for parameter, least in (("opened", 2), ("sweeps", 1), ("chains", 1)):
            at_least(self.name, parameter, getattr(self, parameter), least)
        if not 0 < self.cold <= self.hot < float("inf"):
            raise StrategyError(
                f"anneal(hot={self.hot!r}, cold={self.cold!r}) is not possible: "
                "0 < cold <= hot is needed, in deviations of swap gains."
            )

    def steps(self, block: Block, rng: np.random.Generator, kernels: Kernels) -> Steps:
        """Cool by the share of the budget that is spent, or of the sweeps that are done."""
        if block.stripes < 2:
            return
        opened = min(self.opened, block.stripes)
        total = -(-self.sweeps * block.stripes // opened)
        sigma = _deviation(block, rng, kernels)
        orders = np.tile(np.arange(block.channels), (self.chains, 1))
        states = rng.integers(0, 2**63, (self.chains, 1)).astype(np.uint64)
        pace = _Pace(total, opened**2 * block.columns.shape[1])
        spent = yield None
        pace.begin(spent)
        while not pace.over(spent):
            rounds = Rounds(opened, _SWAPS * opened, sigma * self._heat(pace.share), pace.rounds)
            kernels.anneal(block.columns, orders, block.pattern, rounds, states)
            pace.done += pace.rounds
            for order in orders:
                spent = yield order.copy()

    def _heat(self, share: float) -> float:
        if share >= _COOLED:
            return 0.0
        return self.hot * (self.cold / self.hot) ** (share / _COOLED)


class _Pace:
    """How many rounds the next step makes: few enough to cool smoothly, else many.

    Without a budget the steps are fixed shares of the whole, so that nothing depends on
    time; with one, they grow or shrink with the share of the budget that a step takes.
    """

    def __init__(self, total: int, work: int) -> None:
        self.done = 0
        self.share = 0.0
        self._total = total
        self._most = max(1, _STEP_WORK // work)
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
        if took * _STEPS < 1:
            self.rounds = min(self._most, self.rounds * 2)
        elif took * _STEPS > 2:
            self.rounds = max(1, self.rounds // 2)
        return False


def _deviation(block: Block, rng: np.random.Generator, kernels: Kernels) -> float:
    """Deviation of the gains of swaps at a random order, from a sample of them."""
    m = block.pattern.m
    stripes = rng.permutation(block.channels).reshape(-1, m)[:64]
    first = stripes[:, 0]
    floors = kernels.floors(block.columns, stripes, block.pattern.n)[::m]
    values = kernels.slot_values(floors, block.columns[first])
    own = np.diag(values)
    gains = values + values.T - own[:, None] - own[None, :]
    apart: Order = np.flatnonzero(~np.eye(len(stripes), dtype=bool))
    return float(gains.reshape(-1)[apart].std())
