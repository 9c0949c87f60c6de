"""Families of matrices that searches are measured on, one matrix a seed."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from permviz.core.score import Scores
from permviz.errors import ScoresError

DISTRIBUTIONS = ("uniform", "normal", "heavy")
_MOST_CELLS = 1 << 30


@dataclass(frozen=True, slots=True)
class Matrices:
    """Matrices to search, each with the seed of its search.

    Attributes:
        label: what they are.
        seeds: one a matrix.
        draw: the scores for a seed, float[rows, channels].
    """

    label: str
    seeds: tuple[int, ...]
    draw: Callable[[int], Scores] = field(repr=False)


def random_matrices(distribution: str, rows: int, channels: int, seeds: int) -> Matrices:
    """Random scores for the seeds 0 .. seeds-1.

    `uniform` holds the paper's matrices; `normal` is the magnitude of Gaussian weights,
    `heavy` that of Student's t with two degrees of freedom, which has a few large values.

    Raises:
        ScoresError: an unknown distribution, or a size that is none or too large.
    """
    if distribution not in DISTRIBUTIONS:
        raise ScoresError(
            f"There is no distribution {distribution!r}; choose one of {', '.join(DISTRIBUTIONS)}."
        )
    if min(rows, channels, seeds) < 1 or rows * channels > _MOST_CELLS:
        raise ScoresError(
            f"{seeds} matrices of {rows} rows and {channels} channels cannot be drawn; choose at "
            f"least 1 of each, and at most {_MOST_CELLS:,} cells."
        )

    def draw(seed: int) -> Scores:
        return _magnitudes(distribution, rows, channels, seed)

    return Matrices(f"{rows}x{channels} {distribution}", tuple(range(seeds)), draw)


def one_matrix(label: str, scores: Scores, seeds: int) -> Matrices:
    """The same matrix for the seeds 0 .. seeds-1."""
    return Matrices(label, tuple(range(seeds)), lambda _: scores)


def without_smallest(scores: Scores, share: float) -> Scores:
    """Set the smallest `share` (0 to 1) of a matrix to zero: unstructured pruning."""
    order = np.argsort(scores, axis=None, kind="stable")
    pruned = scores.copy()
    pruned.reshape(-1)[order[: round(share * scores.size)]] = 0
    return pruned


def _magnitudes(distribution: str, rows: int, channels: int, seed: int) -> NDArray[np.float64]:
    # The published matrices come from this generator.
    random = np.random.RandomState(seed)
    if distribution == "uniform":
        return random.rand(rows, channels)
    if distribution == "normal":
        return np.abs(random.standard_normal((rows, channels)))
    return np.abs(random.standard_t(2, (rows, channels)))
