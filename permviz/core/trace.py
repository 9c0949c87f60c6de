"""What a search did, as an append-only list of events that replays to its result."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from permviz.core.permutation import Permutation
from permviz.core.score import efficacy_percent

Reason = Literal["converged", "optimal", "perfect", "impossible", "budget", "cancelled"]
"""Why a search ended.

- ``converged``: the strategy was through; nothing is said about better orders.
- ``optimal``: it is proved that no order keeps more.
- ``perfect``: the strategy looks for orders that lose nothing, and found one.
- ``impossible``: it proved that no order loses nothing.
- ``budget``, ``cancelled``: it was cut short.
"""


@dataclass(frozen=True, slots=True)
class Started:
    """A search begins.

    Attributes:
        baseline: retained score of the order as given.
        row_optimum: retained score that nothing can exceed.
    """

    baseline: float
    row_optimum: float


@dataclass(frozen=True, slots=True, eq=False)
class Improved:
    """The best order so far got better.

    Attributes:
        iteration: how many steps the strategy had taken.
        seconds: searching time so far, pauses left out.
        retained: retained score of the best order.
        slots: int64[k], the slots whose channel changed since the last event.
        moved: int64[k], the channels that now stand there.
    """

    iteration: int
    seconds: float
    retained: float
    slots: NDArray[np.int64] = field(repr=False)
    moved: NDArray[np.int64] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Bounded:
    """It is proved that no order keeps more than a lower bound than before.

    Attributes:
        seconds: searching time so far, pauses left out.
        bound: retained score that no order exceeds.
    """

    seconds: float
    bound: float


@dataclass(frozen=True, slots=True)
class Finished:
    """A search ended.

    Attributes:
        permutation: the best order found.
        reason: why it ended.
        iteration: how many steps it took in all.
        seconds: searching time, pauses left out.
    """

    permutation: Permutation = field(repr=False)
    reason: Reason
    iteration: int
    seconds: float


SearchEvent = Started | Improved | Bounded | Finished


@dataclass(frozen=True, slots=True)
class SearchTrace:
    """The events of one search; replaying its moves gives the final permutation exactly.

    Attributes:
        started: baseline and row optimum.
        improvements: every improvement of the best order, retained strictly rising.
        finished: the result.
        bounds: every upper bound that was proved, falling strictly.
    """

    started: Started
    improvements: tuple[Improved, ...]
    finished: Finished
    bounds: tuple[Bounded, ...] = ()

    def replay(self, until: int | None = None) -> Permutation:
        """Rebuild the order after the first `until` improvements (all of them by default)."""
        order = np.arange(len(self.finished.permutation))
        for step in self.improvements[:until]:
            order[step.slots] = step.moved
        return Permutation(order)

    def efficacies(self) -> NDArray[np.float64]:
        """Efficacy in percent after each improvement: float64[improvements]."""
        start = self.started
        return np.array(
            [
                efficacy_percent(start.baseline, step.retained, start.row_optimum)
                for step in self.improvements
            ]
        )
