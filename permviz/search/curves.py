"""The paper's two experiments that are curves: between two orders, and against sparsity."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from permviz.core.score import Scores, efficacy
from permviz.search import published
from permviz.search.interpolation import interpolate
from permviz.search.matrices import random_matrices
from permviz.search.minimum_sparsity import minimum_sparsity
from permviz.search.run import search

FIGURE_4_STRATEGIES = (
    published.SWAP.text,
    published.OSG2.text,
    published.OSG2_100.text,
    published.OSG3.text,
    "auto",
    "perfect",
)


@dataclass(frozen=True, slots=True)
class Step:
    """One order between the default and the best.

    Attributes:
        number: 0 is the default order.
        even: efficacy in percent if the steps were perfectly even.
        efficacy: what the order reaches.
        published: what the order printed in the authors' README reaches; None if none is.
    """

    number: int
    even: float
    efficacy: float
    published: float | None


@dataclass(frozen=True, slots=True)
class LeastSparsity:
    """How far down a strategy finds an order that loses nothing.

    Attributes:
        strategy: its text.
        percent: least share of zeros at which it found one.
        impossible: percent below which there is none.
        searches: how many searches that took.
    """

    strategy: str
    percent: float
    impossible: float
    searches: int


def figure3(strategy: str, budget: float | None = None, device: str = "auto") -> tuple[Step, ...]:
    """Orders from the default to the strategy's, for the README's 128x64 matrix of seed 1."""
    scores = random_matrices("uniform", 128, 64, 1).draw(published.FIGURE_3_SEED)
    best = search(scores, strategy, budget=budget, device=device).permutation
    shown = published.FIGURE_3 if strategy == published.OSG2.text else ()
    orders = interpolate(best, len(published.FIGURE_3) - 1, scores)
    found = [efficacy(scores, order) for order in orders]
    even = np.linspace(found[0], found[-1], len(found))
    return tuple(
        Step(number, float(even[number]), value, shown[number] if shown else None)
        for number, value in enumerate(found)
    )


def figure4(
    weights: Scores, strategies: Sequence[str], budget: float, seed: int = 0
) -> Iterator[LeastSparsity]:
    """Least sparsity of a layer for each strategy; `budget` is that of one search."""
    for text in strategies:
        found = minimum_sparsity(weights, text, seed=seed, budget=budget)
        yield LeastSparsity(text, 100 * found.sparsity, 100 * found.impossible, found.searches)
