"""What a whole problem keeps at most, from what is proved of its blocks."""

from dataclasses import dataclass

import numpy as np

from permviz.core.problem import SearchProblem
from permviz.core.score import retained, row_optimum
from permviz.search.strategy import AtMost, Order

ROW_OPTIMUM = "row optimum"
PROOF = "proof"

_ROUNDING = 1 + 2.0**-23
"""Scores of float64 are searched as float32, off by half a unit of 2**-23 at most."""


@dataclass(slots=True)
class Ceiling:
    """What is proved of one block so far.

    Attributes:
        slots: int64[slots], those of the block.
        scale: units of the block in units of the scores.
        at_most: what orders better than the best one keep at most, in units of the scores.
        by: what proves it, in words.
        settled: whether the best order is proved to be the best there is.
    """

    slots: Order
    scale: float
    at_most: float = np.inf
    by: str = ROW_OPTIMUM
    settled: bool = False
    _row_optimum: float | None = None

    def lower(self, proved: AtMost) -> None:
        """Take note of a proof; those that prove less than what is known change nothing."""
        at_most = proved.value * self.scale * _ROUNDING
        if at_most <= self.at_most:
            self.at_most, self.by = at_most, proved.by
        self.settled = self.settled or proved.value <= 0

    @property
    def told(self) -> bool:
        """Whether more is known than the row optimum."""
        return self.settled or self.at_most < np.inf

    def value(self, problem: SearchProblem, best: Order) -> float:
        """Retained score that no order of the block exceeds, in units of the scores."""
        kept = retained(problem.scores, problem.pattern, best)
        if self.settled:
            return kept
        if self._row_optimum is None:
            self._row_optimum = row_optimum(problem.scores[:, self.slots], problem.pattern)
        return min(self._row_optimum, max(self.at_most, kept))


def upper_bound(problem: SearchProblem, ceilings: list[Ceiling], order: Order) -> float:
    """Retained score that no order of the problem exceeds: what its blocks keep at most.

    Args:
        problem: the problem.
        ceilings: what is proved of each block that has a whole stripe.
        order: int64[channels], the best order so far.
    """
    if all(ceiling.settled for ceiling in ceilings):
        return problem.retained(order)
    if not any(ceiling.told for ceiling in ceilings):
        return problem.row_optimum
    dense = float(problem.scores[:, problem.remainder].sum(dtype=np.float64))
    total = dense + sum(ceiling.value(problem, order[ceiling.slots]) for ceiling in ceilings)
    return min(problem.row_optimum, total)


def reasons(ceilings: list[Ceiling]) -> str:
    """What the bound rests on, in words; each reason once."""
    words = [PROOF if ceiling.settled else ceiling.by for ceiling in ceilings]
    return "; ".join(dict.fromkeys(words)) or PROOF
