"""Perfect masks: an order that loses nothing, or the proof that there is none.

An order loses nothing when no row has more than N non-zeros in any stripe; magnitudes do
not matter. First comes counting: a row with more than N non-zeros for each stripe settles
the question at once. Then all stripes that lose nothing are listed, pruned at the first
channel that is one too many, and disjoint ones that hold all channels are looked for.
Where that is too much, which is where many orders are perfect, the pattern of non-zeros
is annealed instead of the scores: it has no small scores that are cheap to give up.
"""

from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from permviz.kernels import compiled_cover
from permviz.kernels.protocol import Kernels
from permviz.search.anneal import Anneal
from permviz.search.ledger import StripeLedger
from permviz.search.restarts import restarted
from permviz.search.strategy import Block, Order, Steps, at_least
from permviz.search.table_anneal import TableAnneal, tabled

Listing = Generator[None, float | None, NDArray[np.int32] | None]

_STEP_WORK = 2_500_000
"""Table entries looked at between two looks at the clock: some 10 to 40 ms."""

_LISTING_STEPS = 400
_COVER_STEPS = 800

_COMPLETE = 0.3
"""Share of the budget in which listing and covering may settle it."""

_MOST_STRIPES = 300_000

_OPENED, _HOT, _COLD = 32, 0.12, 0.03
"""Annealing of non-zeros: colder than for scores, as the last few losses decide."""

_CHAINS, _MOST_CHAINS = 2, 8
"""Annealings side by side, without a budget and with one."""

_WARM, _COOL = 0.06, 0.045
"""The same on the table of all swaps, where most of the time should be spent near the heat
at which the last losses go."""


@dataclass(frozen=True, slots=True)
class Perfect:
    """Find an order that loses nothing, prove that there is none, or give up.

    The reason in the trace says which: ``perfect``, ``impossible``, or ``converged``.

    Attributes:
        sweeps: how often annealing opens each stripe, on the mean, without a time budget.
        restarts: how many more times it anneals, from random orders.

    Source: Pool & Yu 2021, Appendix D.
    """

    sweeps: int = 2000
    restarts: int = 0
    name: ClassVar[str] = "perfect"

    def __post_init__(self) -> None:
        at_least(self.name, "sweeps", self.sweeps, 1)
        at_least(self.name, "restarts", self.restarts, 0)

    def steps(self, block: Block, rng: np.random.Generator, kernels: Kernels) -> Steps:
        """Count, then list and cover, then anneal."""
        nonzero = block.columns > 0
        yield None
        if (nonzero.sum(axis=0) > block.pattern.n * block.stripes).any():
            return "impossible"
        yield None
        binary = block.of_columns(nonzero.astype(np.float32))
        yield None
        if _loses_nothing(binary, np.arange(block.channels), kernels):
            return "perfect"
        spent = yield None
        verdict = yield from _complete(nonzero, block)
        if verdict is not None:
            return verdict
        # Without a budget the result must not depend on the threads.
        chains = _CHAINS if spent is None else min(kernels.threads, _MOST_CHAINS)
        begin = partial(self._anneal, kernels=kernels, chains=chains)
        return (yield from restarted(binary, self.restarts, rng, begin))

    def _annealing(
        self, binary: Block, rng: np.random.Generator, kernels: Kernels, chains: int
    ) -> Steps:
        """Annealing of non-zeros, on the table of all swaps where that is small enough."""
        start = np.arange(binary.channels)
        if tabled(binary, chains):
            table = TableAnneal(self.sweeps, chains, hot=_WARM, cold=_COOL)
            return table.steps_from(start, binary, rng, kernels)
        annealing = Anneal(_OPENED, self.sweeps, hot=_HOT, cold=_COLD)
        return annealing.steps_from(start, binary, rng, kernels)

    def _anneal(
        self, binary: Block, rng: np.random.Generator, kernels: Kernels, chains: int
    ) -> Steps:
        """Anneal the non-zeros until none is lost."""
        steps = self._annealing(binary, rng, kernels, chains)
        ledger, everything = StripeLedger(binary, kernels), _everything(binary)
        spent: float | None = None
        begun = False
        while True:
            try:
                order = steps.send(spent) if begun else next(steps)
            except StopIteration:
                return None
            begun = True
            spent = yield order
            if order is not None and ledger.value(order) == everything:
                return "perfect"


def _everything(binary: Block) -> float:
    return float(binary.columns.sum(dtype=np.float64))


def _loses_nothing(binary: Block, order: Order, kernels: Kernels) -> bool:
    return StripeLedger(binary, kernels).value(order) == _everything(binary)


def _complete(nonzero: NDArray[np.bool_], block: Block) -> Steps:
    """List all stripes that lose nothing, and cover the channels with them.

    No verdict where one of the two is too much work.
    """
    # Channels with most non-zeros first: they conflict early.
    ranked = np.argsort(-nonzero.sum(axis=1), kind="stable")
    yield None
    stripes = yield from _stripes(nonzero, ranked, block)
    if stripes is None:
        return None
    if np.unique(stripes).size < block.channels:
        return "impossible"
    chosen = yield from _disjoint(stripes, block.channels)
    if chosen is None:
        return None
    if not chosen.size:
        return "impossible"
    yield ranked[chosen]
    return "perfect"


def _stripes(nonzero: NDArray[np.bool_], ranked: Order, block: Block) -> Listing:
    """All stripes that lose nothing, int32[stripes, m], or None where they are too many.

    Channels go by their place in `ranked`.
    """
    n, m = block.pattern.n, block.pattern.m
    bits = _words(nonzero)[ranked]
    yield None
    # With f non-zeros in a row of g stripes, each stripe has to take f - n * (g - 1).
    least = nonzero.sum(axis=0) - n * (block.stripes - 1)
    yield None
    must = _words(np.array([least > k for k in range(n)]))
    levels = np.zeros((m + 1, n, bits.shape[1]), dtype=np.uint64)
    path = np.zeros(m + 1, dtype=np.int64)
    found = np.empty((min(_MOST_STRIPES, block.memory // (64 * m)), m), dtype=np.int32)
    count = 0
    for _ in range(_LISTING_STEPS):
        count = compiled_cover.list_stripes(bits, must, levels, path, found, count, _STEP_WORK)
        if path[m] < 0:
            return found[:count]
        spent = yield None
        if count == len(found) or _gone(spent):
            break
    return None


def _disjoint(stripes: NDArray[np.int32], channels: int) -> Listing:
    """Stripes that hold each channel once, one after the other; empty where there are none.

    None where the search is too long.
    """
    depths = channels // stripes.shape[1]
    active = np.arange(len(stripes))
    sizes = np.zeros(depths + 2, dtype=np.int64)
    sizes[0] = len(stripes)
    chosen = np.zeros(depths, dtype=np.int64)
    covered = np.zeros(channels, dtype=bool)
    for _ in range(_COVER_STEPS):
        state = compiled_cover.cover(stripes, active, sizes, chosen, covered, _STEP_WORK)
        if state != compiled_cover.UNFINISHED:
            kept = chosen if state == compiled_cover.COVERED else chosen[:0]
            return stripes[kept].ravel()
        if _gone((yield None)):
            break
    return None


def _gone(spent: float | None) -> bool:
    """Whether the rest of the budget is annealing's."""
    return spent is not None and spent > _COMPLETE


def _words(rows: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Rows of flags as sets of bits, 64 a word: uint64[rows, words]."""
    packed = np.packbits(rows, axis=1)
    return np.pad(packed, ((0, 0), (0, -packed.shape[1] % 8))).view(np.uint64)
