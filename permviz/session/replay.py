"""The orders that a search went through, for watching it again."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from permviz.core.pattern import NMPattern
from permviz.core.permutation import Permutation
from permviz.core.score import Scores, checked_scores
from permviz.core.trace import SearchTrace
from permviz.search.result import SearchResult
from permviz.session.report import best_order, layer_scores
from permviz.session.session import Session

MOST_STEPS = 120


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """A search of a layer, step by step; long searches are thinned to `MOST_STEPS`.

    Attributes:
        layer: name of the layer.
        strategy: text of the strategy.
        scores: float[rows, channels], in the order as given.
        pattern: the N:M pattern.
        orders: int64[steps, channels]; the first is the order as given.
        iterations: int64[steps], how many steps the strategy had taken.
        efficacies: float64[steps], efficacy of the search so far, in percent.
    """

    layer: str
    strategy: str
    scores: Scores = field(repr=False)
    pattern: NMPattern
    orders: NDArray[np.int64] = field(repr=False)
    iterations: NDArray[np.int64] = field(repr=False)
    efficacies: NDArray[np.float64] = field(repr=False)


def result_replay(scores: object, result: SearchResult, title: str = "matrix") -> Replay:
    """Replay the search of a matrix.

    Args:
        scores: float[rows, channels] that were searched.
        result: what `search` returned for them.
        title: what the matrix is called.
    """
    orders = [order.order for order in _orders(result.trace)]
    return _replay(title, checked_scores(scores), result, np.array(orders))


def layer_replay(session: Session, layer: str, strategy: str | None = None) -> Replay | None:
    """Replay a search of a layer's channel group; None if none of them has ended.

    A layer with several groups is replayed on the first of them that was searched; the
    others stand in their found order.

    Args:
        session: the session, running or ended.
        layer: name of the layer.
        strategy: whose search; None for the best of each group.
    """
    groups = session.layers.layer(layer).inputs
    for group in groups:
        best = best_order(session, group, strategy)
        result = None if best is None else session.results.get((group, best[0]))
        if result is not None:
            break
    else:
        return None
    others = _other_orders(session, groups, group, strategy)
    problem = session.group_problems[group]
    orders = [
        session.layers.order(layer, {**others, group: problem.group_order(order.order).order})
        for order in _orders(result.trace)
    ]
    return _replay(layer, layer_scores(session, layer), result, np.array(orders))


def _other_orders(
    session: Session, groups: tuple[str, ...], replayed: str, strategy: str | None
) -> dict[str, NDArray[np.int64]]:
    found: dict[str, NDArray[np.int64]] = {}
    for group in groups:
        best = best_order(session, group, strategy)
        if group != replayed and best is not None:
            found[group] = session.group_problems[group].group_order(best[1]).order
    return found


def _replay(layer: str, scores: Scores, result: SearchResult, orders: NDArray[np.int64]) -> Replay:
    kept = _kept(result.trace)
    return Replay(
        layer=layer,
        strategy=result.label,
        scores=scores,
        pattern=result.pattern,
        orders=orders,
        iterations=np.array([0, *(step.iteration for step in result.trace.improvements)])[kept],
        efficacies=np.concatenate([[0.0], result.trace.efficacies()])[kept],
    )


def _kept(trace: SearchTrace) -> NDArray[np.int64]:
    """Which of the orders are shown: how many improvements each has."""
    count = len(trace.improvements) + 1
    shown: NDArray[np.float64] = np.linspace(0, count - 1, min(count, MOST_STEPS))
    return np.unique(shown.round().astype(np.int64))


def _orders(trace: SearchTrace) -> Iterator[Permutation]:
    """The orders that are shown, each made from the one before."""
    wanted = set(_kept(trace).tolist())
    order = np.arange(len(trace.finished.permutation))
    yield Permutation(order)
    for number, step in enumerate(trace.improvements, 1):
        order[step.slots] = step.moved
        if number in wanted:
            yield Permutation(order)
