"""From a channel group to its search problem.

A group is searched on the scores of all layers that read it, stacked by rows. Stripes are
counted in a reader's own positions, so readers can only be stacked where they cut the
group's channels into the same stripes. Where they do not (a concatenation of 12 and 18
channels, a flatten of 7 x 7 pictures), the cut that carries the most score leads, and
every other reader is named in a note: it is permuted, but does not guide the search.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from permviz.core.pattern import NMPattern
from permviz.core.permutation import Permutation
from permviz.core.problem import SearchProblem
from permviz.graph.types import ChannelGroup, Indices, Occurrence

FullScores = Mapping[str, NDArray[np.floating]]


@dataclass(frozen=True, slots=True, eq=False)
class GroupProblem:
    """What is searched for one channel group.

    Attributes:
        group: the channel group.
        problem: the search problem, or None where there is nothing to search.
        slots: int64[k], which channel of the group each channel of the problem is.
        skipped: why there is nothing to search; empty otherwise.
        notes: what a user should know about the problem, in sentences.
    """

    group: ChannelGroup
    problem: SearchProblem | None
    slots: Indices = field(repr=False)
    skipped: str
    notes: tuple[str, ...]

    def group_order(self, order: NDArray[np.int64]) -> Permutation:
        """Turn an order of the problem's channels into one of the whole group."""
        whole = np.arange(self.group.size)
        whole[self.slots] = self.slots[order]
        return Permutation(whole)

    @property
    def cost(self) -> float:
        """Relative price of one search: rows times channels squared, over all blocks."""
        if self.problem is None:
            return 0.0
        rows = self.problem.scores.shape[0]
        return float(rows * sum(block.size**2 for block in self.problem.blocks))


@dataclass(frozen=True, slots=True, eq=False)
class _Reading:
    """One way in which one tensor reads the channels of a group.

    `cut` numbers, for every channel, the stripe in which it is read together with m-1
    others of its own block; -1 where its stripe is shared with strangers or is no stripe.
    """

    tensor: str
    scores: NDArray[np.floating]
    cut: Indices
    remainder: int

    @property
    def key(self) -> bytes:
        return self.cut.tobytes()


def group_problem(group: ChannelGroup, scores: FullScores, pattern: NMPattern) -> GroupProblem:
    """Build the search problem of a group.

    Args:
        group: the channel group.
        scores: importance of every prunable weight by tensor name, in the weight's shape.
        pattern: the N:M pattern.
    """
    readings = list(_readings(group, scores, pattern))
    cut = _leading_cut(readings)
    if cut is None:
        reason = "No pruned layer reads these channels in whole stripes, so no order can help."
        return GroupProblem(group, None, np.empty(0, dtype=np.int64), reason, ())
    slots, blocks = _layout(group, cut)
    notes = _notes(readings, cut, pattern)
    if all(block.size <= pattern.m for block in blocks):
        reason = f"Each block is one stripe of {pattern.m} channels, so no order changes anything."
        return GroupProblem(group, None, slots, reason, notes)
    stacked = [reading.scores[:, slots] for reading in readings if reading.key == cut.tobytes()]
    problem = SearchProblem(np.concatenate(stacked), pattern, blocks)
    return GroupProblem(group, problem, slots, "", notes)


def _readings(group: ChannelGroup, scores: FullScores, pattern: NMPattern) -> Iterable[_Reading]:
    """Every reader's scores and cut, the windows of a grouped convolution side by side."""
    places = sorted(
        (place for place in group.consumers if place.tensor in scores),
        key=lambda place: (place.tensor, place.axis),
    )
    for (tensor, axis), same in groupby(places, key=lambda place: (place.tensor, place.axis)):
        windows = list(same)
        width = scores[tensor].shape[axis]
        if width < pattern.m:
            continue
        for repeat in range(windows[0].positions.shape[1]):
            yield _reading(group, scores[tensor], windows, repeat, pattern.m)


def _reading(
    group: ChannelGroup,
    weight: NDArray[np.floating],
    windows: list[Occurrence],
    repeat: int,
    m: int,
) -> _Reading:
    axis, width = windows[0].axis, weight.shape[windows[0].axis]
    whole = width // m * m
    block_of = np.empty(group.size, dtype=np.int64)
    for number, block in enumerate(group.blocks):
        block_of[block] = number
    cut = np.full(group.size, -1, dtype=np.int64)
    parts: list[tuple[Indices, NDArray[np.floating]]] = []
    remainder = 0
    for number, place in enumerate(windows):
        positions = place.positions[:, repeat]
        remainder += int((positions >= whole).sum())
        stripes = number * (width // m + 1) + positions // m
        cut[place.channels] = _whole_stripes(
            stripes, block_of[place.channels], positions < whole, m
        )
        matrix = np.moveaxis(weight[slice(*(place.rows or (None,)))], axis, -1)
        parts.append((place.channels, matrix.reshape(-1, width)[:, positions]))
    side_by_side = np.zeros((parts[0][1].shape[0], group.size), dtype=parts[0][1].dtype)
    for channels, columns in parts:
        side_by_side[:, channels] = columns
    return _Reading(windows[0].tensor, side_by_side, _renumbered(cut), remainder)


def _whole_stripes(stripes: Indices, blocks: Indices, inside: NDArray[np.bool_], m: int) -> Indices:
    """The stripe of each channel where m channels of one block fill it, else -1."""
    _, owner, size = np.unique(
        np.stack([stripes, blocks]), axis=1, return_inverse=True, return_counts=True
    )
    return np.where((size[owner.ravel()] == m) & inside, stripes, -1)


def _renumbered(cut: Indices) -> Indices:
    """Number stripes by their first channel, so that equal cuts are equal arrays."""
    numbered = np.full_like(cut, -1)
    used = cut >= 0
    _, first, inverse = np.unique(cut[used], return_index=True, return_inverse=True)
    rank = np.empty(first.size, dtype=np.int64)
    rank[np.argsort(first)] = np.arange(first.size)
    numbered[used] = rank[inverse.ravel()]
    return numbered


def _leading_cut(readings: list[_Reading]) -> Indices | None:
    """The cut into stripes that carries the most score; None if no stripe is whole."""
    weight: dict[bytes, float] = {}
    cuts: dict[bytes, Indices] = {}
    for reading in readings:
        if (reading.cut >= 0).any():
            cuts[reading.key] = reading.cut
            weight[reading.key] = weight.get(reading.key, 0.0) + float(reading.scores.sum())
    return cuts[max(weight, key=lambda key: weight[key])] if weight else None


def _layout(group: ChannelGroup, cut: Indices) -> tuple[Indices, tuple[Indices, ...]]:
    """Put the channels of whole stripes in stripe order; blocks are ranges of that list."""
    slots: list[Indices] = []
    blocks: list[Indices] = []
    start = 0
    for block in group.blocks:
        inside = block[cut[block] >= 0]
        ordered = inside[np.argsort(cut[inside], kind="stable")]
        slots.append(ordered)
        blocks.append(np.arange(start, start + ordered.size))
        start += ordered.size
    return np.concatenate(slots), tuple(block for block in blocks if block.size)


def _notes(readings: list[_Reading], cut: Indices, pattern: NMPattern) -> tuple[str, ...]:
    notes: dict[str, None] = {}
    for reading in readings:
        if reading.key != cut.tobytes():
            notes[
                f"{reading.tensor} reads these channels in other stripes; it is permuted with "
                "them, but does not guide the search."
            ] = None
        elif reading.remainder:
            notes[
                f"{reading.tensor} keeps its last {reading.remainder} channels dense and in "
                f"place, because its width is not a multiple of {pattern.m}."
            ] = None
    shared = int((cut < 0).sum()) - max(
        (r.remainder for r in readings if r.key == cut.tobytes()), default=0
    )
    if shared > 0:
        notes[f"{shared} channels share a stripe with other groups and stay in place."] = None
    return tuple(notes)
