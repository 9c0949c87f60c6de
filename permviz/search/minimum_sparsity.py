"""How sparse weights must be before an N:M pattern loses nothing of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from permviz.core.pattern import NMPattern
from permviz.core.permutation import Permutation
from permviz.core.problem import SearchProblem
from permviz.core.score import as_array
from permviz.errors import StrategyError
from permviz.kernels.select import select
from permviz.search.registry import parse
from permviz.search.runner import Limits, run
from permviz.search.strategy import Order, Strategy


@dataclass(frozen=True, slots=True)
class MinimumSparsity:
    """The least unstructured sparsity at which an order was found that loses nothing.

    Attributes:
        sparsity: share of zeros, 0 to 1; the smallest magnitudes are the zeros.
        permutation: an order that loses nothing there, and wherever it is sparser.
        impossible: below this share every order loses something: some row has more
            non-zeros than all its stripes keep.
        searches: how many searches were made.
    """

    sparsity: float
    permutation: Permutation = field(repr=False)
    impossible: float
    searches: int


def minimum_sparsity(  # noqa: PLR0913 - the public entry point, keyword-only beyond two
    weights: object,
    strategy: str | Strategy = "perfect",
    *,
    pattern: NMPattern | str = "2:4",
    seed: int = 0,
    tries: int = 1,
    budget: float | None = None,
    resolution: float = 0.005,
    blocks: Sequence[Sequence[int]] | None = None,
) -> MinimumSparsity:
    """Find the least sparsity at which a permutation makes an N:M pattern lose nothing.

    Bisects between what counting rules out and what is known to work; every order that is
    found is used at once as far down as it works.

    Args:
        weights: float[rows, channels]; magnitudes count.
        strategy: what searches for the permutation, as for `search`.
        pattern: the N:M pattern.
        seed: seed of the first try; the next ones follow.
        tries: how many seeds are tried at a sparsity before it counts as out of reach.
        budget: searching time in seconds of one search; None lets the strategy converge.
        resolution: how close to come, as a share of the weights.
        blocks: sets of channels that channels may not leave.

    Raises:
        ScoresError: the weights or blocks are unusable.
        StrategyError: strategy, budget, tries or resolution are impossible.

    Source: Pool & Yu 2021, Figure 4.
    """
    if tries < 1 or not 0 < resolution < 1:
        raise StrategyError(
            f"tries={tries!r} and resolution={resolution!r} are not possible together: "
            "at least 1 try and a resolution between 0 and 1 are needed."
        )
    problem = SearchProblem.of(np.abs(as_array(weights)), pattern, blocks)
    ladder = _Ladder(problem)
    high, best = ladder.least(np.arange(problem.channels)), np.arange(problem.channels)
    low, searches = ladder.counted - 1, 0
    while high - low > max(1, resolution * problem.scores.size):
        middle, found = (low + high) // 2, None
        for number in range(seed, seed + tries):
            found = _found(ladder, middle, strategy, Limits(number, budget))
            searches += 1
            if found is not None:
                break
        if found is None:
            low = middle
        else:
            best, high = found, ladder.least(found)
    size = problem.scores.size
    return MinimumSparsity(high / size, Permutation(best), ladder.counted / size, searches)


def _found(ladder: "_Ladder", zeros: int, strategy: str | Strategy, limits: Limits) -> Order | None:
    """An order that loses nothing of the weights with so many zeros, where one is found."""
    chosen = parse(strategy) if isinstance(strategy, str) else strategy
    result = run(ladder.thinned(zeros), chosen, select(), limits)
    order = result.permutation.order
    return order if ladder.least(order) <= zeros else None


class _Ladder:
    """The scores in ascending order: step z makes the z smallest of them zeros."""

    def __init__(self, problem: SearchProblem) -> None:
        self._problem = problem
        flat = problem.scores.ravel()
        self._rank = np.empty(flat.size, dtype=np.int64)
        self._rank[np.argsort(flat, kind="stable")] = np.arange(flat.size)
        self._rank = self._rank.reshape(problem.scores.shape)
        self._zeros = int((flat == 0).sum())
        self.counted = self._counted()

    def thinned(self, zeros: int) -> SearchProblem:
        """The problem with so many zeros."""
        kept = np.where(self._rank >= zeros, self._problem.scores, 0)
        return SearchProblem(kept, self._problem.pattern, self._problem.blocks)

    def least(self, order: Order) -> int:
        """With how many zeros an order loses nothing: all that its stripes drop are zeros."""
        n, m = self._problem.pattern.n, self._problem.pattern.m
        dropped = [
            _largest_dropped(self._rank[:, order[slots]].reshape(-1, m), n)
            for slots in self._problem.movable
            if slots.size
        ]
        return max([self._zeros, *(rank + 1 for rank in dropped)])

    def _counted(self) -> int:
        """With how many zeros no row holds more non-zeros than all its stripes keep."""
        n, m = self._problem.pattern.n, self._problem.pattern.m
        dropped = [
            _largest_dropped(self._rank[:, slots], slots.size // m * n)
            for slots in self._problem.movable
            if slots.size
        ]
        return max([self._zeros, *(rank + 1 for rank in dropped)])


def _largest_dropped(ranks: Order, kept: int) -> int:
    """The largest rank that is not among the `kept` largest of its line."""
    at = ranks.shape[1] - kept - 1
    return int(np.partition(ranks, at, axis=1)[:, at].max())
