"""What a search returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from permviz.core.pattern import NMPattern
from permviz.core.permutation import Permutation
from permviz.core.score import efficacy_percent
from permviz.core.trace import SearchTrace
from permviz.search.registry import described


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The best order that one search found, and how it got there.

    Attributes:
        permutation: the order, `order[new] = old`.
        retained: retained score of that order.
        baseline: retained score of the order as given.
        row_optimum: retained score that nothing can exceed.
        bound: retained score that no order exceeds; equal to `retained` where the order is
            proved to be the best there is, and the row optimum where nothing is proved.
        bound_by: what the bound rests on, in words: ``proof``, ``linear program``, ``row
            optimum``, perhaps with the reason why no better bound was sought.
        trace: every improvement.
        strategy: name of the strategy.
        params: parameters of the strategy.
        pattern: the N:M pattern.
        seed: seed of the random numbers.
    """

    permutation: Permutation
    retained: float
    baseline: float
    row_optimum: float
    bound: float
    bound_by: str
    trace: SearchTrace = field(repr=False)
    strategy: str
    params: Mapping[str, object]
    pattern: NMPattern
    seed: int

    @property
    def efficacy(self) -> float:
        """Share of the possible gain that was found, in percent."""
        return efficacy_percent(self.baseline, self.retained, self.row_optimum)

    @property
    def gap(self) -> float:
        """How much efficacy is left at most, in points; 0 where the order is proved the best.

        No order has more efficacy than `efficacy + gap`.
        """
        most = efficacy_percent(self.baseline, self.bound, self.row_optimum)
        return max(0.0, most - self.efficacy)

    @property
    def seconds(self) -> float:
        """Searching time, pauses left out."""
        return self.trace.finished.seconds

    @property
    def label(self) -> str:
        """Strategy as people write it: ``osg(escapes=100)``."""
        return described(self.strategy, self.params)
