"""Searches as stages of another: for a share of its budget, or as long as they will be in time."""

from collections.abc import Generator

from permviz.kernels.protocol import Kernels
from permviz.search.ledger import StripeLedger
from permviz.search.strategy import Block, Order, Steps, Verdict

_SLOWING = 0.6
"""A complete search is through with the k-th part of its steps after k to the power of this:
what is left to try becomes less.
"""


def best_of(
    steps: Steps, order: Order, block: Block, kernels: Kernels
) -> Generator[Order | None, float | None, Order]:
    """The best order that a search proposes, or the one given."""
    ledger, best = StripeLedger(block, kernels), order
    reached = ledger.value(order)
    spent: float | None = None
    begun = False
    while True:
        try:
            found = steps.send(spent) if begun else next(steps)
        except StopIteration:
            return best
        begun = True
        if found is not None and (value := ledger.value(found)) > reached:
            best, reached = found, value
        spent = yield found


def for_share(steps: Steps, share: float) -> Steps:
    """Let a search have the first `share` of the budget, which it takes for the whole."""
    answer: float | None = None
    begun = False
    while True:
        try:
            order = steps.send(answer) if begun else next(steps)
        except StopIteration as ended:
            return ended.value
        begun = True
        spent = yield order
        if spent is not None and spent >= share:
            steps.close()
            return None
        answer = None if spent is None else spent / share


def while_in_time(
    steps: Steps, looks: int
) -> Generator[Order | None, float | None, Verdict | None]:
    """Let a search that is worth nothing before its end go on while that will be in time.

    Args:
        steps: of a search that does not ask how much of the budget is spent.
        looks: how many steps it takes.
    """
    begun, done = (yield None), 0
    while True:
        done += 1
        try:
            found = next(steps)
        except StopIteration as ended:
            return ended.value
        spent = yield found
        if begun is None or spent is None:
            continue
        if begun + (spent - begun) * max(1.0, looks / done) ** _SLOWING > 1:
            steps.close()
            return None
