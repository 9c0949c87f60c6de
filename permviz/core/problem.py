"""The search problem: scores, a pattern and the blocks within which channels may move."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from permviz.core.pattern import NMPattern
from permviz.core.score import Scores, checked_scores, retained, row_optimum
from permviz.errors import ScoresError

Channels = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class SearchProblem:
    """Which channels may trade places, and what each order is worth.

    The slots of a block, in ascending order, are cut into stripes of M; what is left over
    at the end of a block stays dense and in place. Channels in no block stay in place too
    and count for nothing: their stripes are shared with channels of other problems.

    Attributes:
        scores: float[rows, channels], finite and non-negative, read-only.
        pattern: the N:M pattern.
        blocks: disjoint sets of channels, each ascending; by default one with all channels.

    Raises:
        ScoresError: unusable scores, or blocks that overlap or leave the channels.
    """

    scores: Scores
    pattern: NMPattern
    blocks: tuple[Channels, ...]

    def __post_init__(self) -> None:
        scores = checked_scores(self.scores).view()
        scores.setflags(write=False)
        blocks = tuple(_frozen(block) for block in self.blocks)
        _check_blocks(blocks, scores.shape[1])
        object.__setattr__(self, "scores", scores)
        object.__setattr__(self, "blocks", blocks)

    @classmethod
    def of(
        cls,
        scores: object,
        pattern: NMPattern | str = "2:4",
        blocks: Sequence[Sequence[int] | Channels] | None = None,
    ) -> Self:
        """Build a problem; without blocks every channel may go anywhere."""
        matrix = checked_scores(scores)
        listed = [range(matrix.shape[1])] if blocks is None else blocks
        sets = tuple(np.array(block, dtype=np.int64) for block in listed)
        return cls(matrix, NMPattern.parse(pattern), sets)

    @property
    def channels(self) -> int:
        """Number of channels, movable or not."""
        return self.scores.shape[1]

    @property
    def movable(self) -> tuple[Channels, ...]:
        """The slots of each block that fill whole stripes: int64[stripes * m] each."""
        m = self.pattern.m
        return tuple(block[: block.size // m * m] for block in self.blocks)

    @property
    def remainder(self) -> Channels:
        """The slots that stay dense because their block's size is not a multiple of M."""
        m = self.pattern.m
        rest = [block[block.size // m * m :] for block in self.blocks]
        return np.sort(np.concatenate(rest)) if rest else np.empty(0, dtype=np.int64)

    def retained(self, order: NDArray[np.integer]) -> float:
        """Retained score of all blocks when slot `i` holds channel `order[i]`."""
        whole = sum(self._kept(order[block]) for block in self.blocks if self._striped(block))
        return whole + self._dense(order[self._unstriped])

    def _kept(self, channels: NDArray[np.integer]) -> float:
        if _consecutive(channels):
            return retained(self.taken(channels), self.pattern)
        return retained(self.scores, self.pattern, channels)

    @property
    def baseline(self) -> float:
        """Retained score of the order as given."""
        return self.retained(np.arange(self.channels))

    @property
    def row_optimum(self) -> float:
        """Upper bound: the row optimum of every block, since no channel leaves its block."""
        striped = (self.taken(block) for block in self.blocks if self._striped(block))
        whole = sum(row_optimum(scores, self.pattern) for scores in striped)
        return whole + self._dense(self._unstriped)

    def _striped(self, block: Channels) -> bool:
        return block.size >= self.pattern.m

    @property
    def _unstriped(self) -> Channels:
        """The slots of all blocks without a stripe: of a depthwise layer they are thousands."""
        found = [block for block in self.blocks if not self._striped(block)]
        return np.concatenate(found) if found else np.empty(0, dtype=np.int64)

    def _dense(self, channels: NDArray[np.integer]) -> float:
        return float(self.taken(channels).sum(dtype=np.float64))

    def taken(self, channels: NDArray[np.integer]) -> Scores:
        """Scores of some channels, without a copy where they are consecutive."""
        if _consecutive(channels):
            return self.scores[:, channels[0] : channels[-1] + 1]
        return np.take(self.scores, channels, axis=1)


def _consecutive(channels: NDArray[np.integer]) -> bool:
    if channels.size == 0 or channels[-1] - channels[0] != channels.size - 1:
        return False
    return bool((channels[1:] - channels[:-1] == 1).all())


def _frozen(block: Channels) -> Channels:
    ascending = np.sort(np.asarray(block, dtype=np.int64))
    ascending.setflags(write=False)
    return ascending


def _check_blocks(blocks: tuple[Channels, ...], channels: int) -> None:
    used = np.concatenate(blocks) if blocks else np.empty(0, dtype=np.int64)
    if used.size and (used.min() < 0 or used.max() >= channels):
        raise ScoresError(
            f"A block names channel {int(used.max() if used.max() >= channels else used.min())}, "
            f"but the scores have channels 0..{channels - 1}."
        )
    if np.unique(used).size != used.size:
        raise ScoresError("A channel stands in two blocks; blocks must be disjoint.")
