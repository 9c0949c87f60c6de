"""What a search returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape

from permviz.core.pattern import NMPattern
from permviz.core.permutation import Permutation
from permviz.core.picture import steps, table
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

    def __repr__(self) -> str:
        return (
            f"SearchResult({self.label}: efficacy {self.efficacy:.2f} %, "
            f"retained {self.retained:.6g} of at most {self.bound:.6g} ({self.bound_by}), "
            f"{len(self.permutation)} channels at {self.pattern}, "
            f"{self.seconds:.3g} s, {self.trace.finished.reason})"
        )

    def _repr_html_(self) -> str:
        """Figures and the efficacy curve, for notebooks."""
        improvements = self.trace.improvements
        curve = steps(
            [float(value) for value in self.trace.efficacies()],
            [float(step.iteration) for step in improvements],
        )
        return table(
            [
                ("strategy", escape(self.label)),
                ("efficacy", f"<b>{self.efficacy:.2f} %</b>, at most {self.gap:.2f} points more"),
                ("retained", f"{self.retained:.6g}, was {self.baseline:.6g}"),
                ("channels", f"{len(self.permutation)} at {self.pattern}"),
                ("ended", f"{self.trace.finished.reason}, after {self.seconds:.3g} s"),
                ("by iteration", curve),
            ]
        )
