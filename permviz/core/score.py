"""What a pattern keeps: masks, retained score, row optimum and efficacy.

All of it takes `scores: float[rows, channels]`, non-negative importance, and counts a
*stripe* as M consecutive channels. Channels past the last whole stripe stay dense, and
count as kept everywhere.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from permviz.core.pattern import NMPattern
from permviz.core.permutation import Permutation
from permviz.errors import PermutationError, ScoresError

Scores = NDArray[np.floating]

_BATCH = 1 << 17
"""Scores that are ranked at a time, so that they stay in the cache."""

_MOST_COMPARED = 16
"""Channels of a stripe, up to which comparing each with each is faster than sorting."""

_MOST_PASSES = 8
"""Passes over all slots, above which partitioning every stripe is faster."""


def as_array(values: object) -> NDArray[np.generic]:
    """Return numbers of any kind as an array that numpy can calculate with.

    Tensors are detached and brought to the CPU. Types that numpy does not have itself
    (bfloat16 and the 8-bit floats, as tensors or as extension types) become float32.
    """
    if not hasattr(values, "detach"):
        array = np.asarray(values)
        extended = array.dtype.kind == "V" and np.can_cast(array.dtype, np.float32)
        return array.astype(np.float32) if extended else array
    tensor: Any = values
    tensor = tensor.detach().cpu()
    narrow = tensor.is_floating_point() and tensor.element_size() < 4
    return np.asarray(tensor.float() if narrow else tensor)


def checked_scores(scores: object) -> Scores:
    """Return scores as a finite, non-negative float matrix (float32 or float64).

    Raises:
        ScoresError: not two-dimensional, empty, not numeric, NaN, infinite or negative.
    """
    matrix = as_array(scores)
    if matrix.dtype.kind not in "fiub":
        raise ScoresError(f"Scores of type {matrix.dtype} are not numbers; pass a float matrix.")
    if matrix.ndim != 2 or matrix.size == 0:
        raise ScoresError(
            f"Scores of shape {matrix.shape} cannot be searched: "
            "a non-empty matrix [rows, channels] is needed."
        )
    matrix = matrix.astype(np.float64 if matrix.dtype.itemsize > 4 else np.float32, copy=False)
    least = matrix.min()
    if not (np.isfinite(least) and np.isfinite(matrix.max())):
        bad = ~np.isfinite(matrix)
        row, channel = np.argwhere(bad)[0]
        raise ScoresError(
            f"Scores hold {int(bad.sum())} NaN or infinite values, the first at row {row}, "
            f"channel {channel}; repair the weights before searching."
        )
    if least < 0:
        raise ScoresError("Scores are negative somewhere; pass importances such as abs(weight).")
    return matrix


def mask(scores: Scores, pattern: NMPattern) -> NDArray[np.bool_]:
    """Keep the N best of each stripe in each row: bool[rows, channels].

    Ties keep the channel that comes first, so the mask is a function of the scores alone.
    """
    rows, channels = scores.shape
    whole = channels // pattern.m * pattern.m
    kept = np.ones((rows, channels), dtype=bool)
    keep = _ranked if pattern.m > _MOST_COMPARED else _compared
    batch = max(1, _BATCH // max(1, whole))
    for start in range(0, rows if whole else 0, batch):
        some = slice(start, start + batch)
        kept[some, :whole] = keep(scores[some, :whole], pattern)
    return kept


def _ranked(scores: Scores, pattern: NMPattern) -> NDArray[np.bool_]:
    """Keep the N best of stripes of any width."""
    stripes = scores.reshape(len(scores), -1, pattern.m)
    ranked = np.argsort(-stripes, axis=2, kind="stable")
    inside = np.zeros(stripes.shape, dtype=bool)
    np.put_along_axis(inside, ranked[:, :, : pattern.n], values=True, axis=2)
    return inside.reshape(scores.shape)


def _compared(scores: Scores, pattern: NMPattern) -> NDArray[np.bool_]:
    """The same, ten times faster on narrow stripes: count who is ahead of each channel."""
    m = pattern.m
    slots = [np.ascontiguousarray(scores[:, slot::m]) for slot in range(m)]
    ahead = [np.zeros(slots[0].shape, dtype=np.int8) for _ in range(m)]
    for left in range(m):
        for right in range(left + 1, m):
            first = slots[left] >= slots[right]
            ahead[right] += first
            ahead[left] += ~first
    kept = np.empty(scores.shape, dtype=bool)
    for slot in range(m):
        kept[:, slot::m] = ahead[slot] < pattern.n
    return kept


def retained(scores: Scores, pattern: NMPattern, order: NDArray[np.integer] | None = None) -> float:
    """Sum of the scores that survive the pattern.

    Args:
        scores: float[rows, channels].
        pattern: the N:M pattern.
        order: which channel each slot holds; by default as given, else not necessarily all.
    """
    rows, slots = len(scores), scores.shape[1] if order is None else order.size
    whole = slots // pattern.m * pattern.m
    rest = scores[:, whole:] if order is None else scores[:, order[whole:]]
    total = float(rest.sum(dtype=np.float64))
    batch = max(1, _BATCH // max(1, whole))
    for start in range(0, rows if whole else 0, batch):
        some = scores[start : start + batch]
        # Reordered in batches, too, or half of the time goes into memory for all of them.
        whole_stripes = some[:, :whole] if order is None else some.take(order[:whole], axis=1)
        total += _largest(whole_stripes, pattern)
    return total


def _largest(scores: Scores, pattern: NMPattern) -> float:
    """Sum of the N largest of all stripes of M."""
    n, m = pattern.n, pattern.m
    if n > _MOST_PASSES:
        ranked = np.partition(scores.reshape(-1, m), m - n, axis=1)
        return float(ranked[:, m - n :].sum(dtype=np.float64))
    # One slot of all stripes at a time: numpy is slow at many short partitions.
    slots = [scores[:, slot::m] for slot in range(m)]
    for place in range(n):
        for slot in range(m - 1, place, -1):
            upper, lower = slots[slot - 1], slots[slot]
            slots[slot - 1], slots[slot] = np.maximum(upper, lower), np.minimum(upper, lower)
    return float(sum(slot.sum(dtype=np.float64) for slot in slots[:n]))


def row_optimum(scores: Scores, pattern: NMPattern) -> float:
    """Best N/M of each row with no structure: what no permutation can exceed.

    Channels past the last whole stripe stay dense and count in full.
    """
    channels = scores.shape[1]
    whole = channels // pattern.m * pattern.m
    if whole == 0:
        return float(scores.sum(dtype=np.float64))
    total = float(scores[:, whole:].sum(dtype=np.float64))
    keep = whole // pattern.m * pattern.n
    batch = max(1, _BATCH // whole)
    for start in range(0, len(scores), batch):
        # Numpy partitions ten times slower at a value that many share from below, as zero is.
        negated = -scores[start : start + batch, :whole]
        negated.partition(keep - 1, axis=1)
        total -= float(negated[:, :keep].sum(dtype=np.float64))
    return total


def efficacy_percent(baseline: float, found: float, optimum: float) -> float:
    """Share of the possible gain that was found, in percent; 100 where nothing can be gained.

    Source: Pool & Yu 2021, Section 5.1.
    """
    room = optimum - baseline
    if room <= 1e-12 * max(abs(optimum), 1e-300):
        return 100.0
    return 100.0 * (found - baseline) / room


def efficacy(
    scores: object,
    permutation: Permutation | Sequence[int] | NDArray[np.integer],
    pattern: NMPattern | str = "2:4",
) -> float:
    """Efficacy of a permutation of the channels of `scores`, in percent.

    Raises:
        ScoresError: the scores are unusable.
        PermutationError: the permutation has another length than the scores have channels.
    """
    matrix = checked_scores(scores)
    moved = permutation if isinstance(permutation, Permutation) else Permutation.of(permutation)
    parsed = NMPattern.parse(pattern)
    if len(moved) != matrix.shape[1]:
        raise PermutationError(
            f"A permutation of {len(moved)} channels does not fit scores with "
            f"{matrix.shape[1]} channels."
        )
    return efficacy_percent(
        retained(matrix, parsed),
        retained(matrix, parsed, moved.order),
        row_optimum(matrix, parsed),
    )
