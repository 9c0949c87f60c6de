"""Random restarts: the same search again from random orders.

The first search begins from the order as given, each restart from a random one. With a
time budget every search has an equal share of what is left, so a search that paces itself
by the budget (cooling, for example) runs its full course in each.
"""

from collections.abc import Callable

import numpy as np

from permviz.search.strategy import Block, Order, Steps

Begin = Callable[[Block, np.random.Generator], Steps]


def restarted(block: Block, restarts: int, rng: np.random.Generator, begin: Begin) -> Steps:
    """Search from the order as given, then from `restarts` random ones.

    A search that ends with a verdict ends all.

    Args:
        block: what is searched.
        restarts: how many more searches follow the first.
        rng: random numbers, of the starts and of the searches.
        begin: begins one search on a block whose channels are already shuffled.

    Returns:
        The verdict of the search that had one.

    Source: Pool & Yu 2021, Appendix E.
    """
    spent = 0.0
    for left in range(restarts, -1, -1):
        again = left < restarts
        start = rng.permutation(block.channels) if again else np.arange(block.channels)
        shuffled = block.shuffled(start) if again else block
        relay = _Relay(start, spent, 1 / (left + 1))
        verdict = yield from relay.steps(begin(shuffled, rng))
        if verdict is not None:
            return verdict
        spent = relay.spent
    return None


class _Relay:
    """Passes one search on for its share of the time that is left."""

    def __init__(self, start: Order, begun: float, share: float) -> None:
        self.spent = begun
        self._start = start
        self._begun = begun
        self._share = share

    def steps(self, steps: Steps) -> Steps:
        """The orders of a search on shuffled channels, as orders of the channels given."""
        answer: float | None = None
        begun = False
        while True:
            try:
                order = steps.send(answer) if begun else next(steps)
            except StopIteration as ended:
                return ended.value
            begun = True
            answer = self._answer((yield None if order is None else self._start[order]))
            if self._share < 1 and answer is not None and answer >= 1:
                return None

    def _answer(self, spent: float | None) -> float | None:
        """The share of this search's own time that is spent."""
        if spent is None:
            return None
        self.spent = spent
        length = self._share * (1.0 - self._begun)
        return min(1.0, (spent - self._begun) / length) if length > 0 else 1.0
