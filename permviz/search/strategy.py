"""What a strategy is: parameters, a name, and one generator of orders.

A strategy sees one block of channels, all movable and a whole number of stripes. Blocks
of a larger problem, budgets and bookkeeping are the runner's.
"""

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from permviz.core.pattern import NMPattern
from permviz.core.score import Scores
from permviz.errors import StrategyError
from permviz.kernels.protocol import Columns, Kernels

Order = NDArray[np.int64]
Verdict = Literal["perfect", "impossible", "optimal"]
Steps = Generator[Order | None, float | None, Verdict | None]

_ROWS, _SCORES = 16, 1 << 15
"""Rows that are laid out by channel at a time, so that they stay in the cache; more of short
rows, up to so many scores.
"""

MEMORY = 1 << 30
"""Bytes that the tables of a search may take where the caller sets no limit."""


@dataclass(frozen=True, slots=True)
class AtMost:
    """A proof: every order that keeps more than the best one proposed keeps at most `value`.

    Attributes:
        value: retained score in units of the block's columns.
        by: what proves it, in words.
    """

    value: float
    by: str


BoundSteps = Generator[Order | AtMost | None, float | None, Verdict | None]


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Channels that may go anywhere among each other.

    Attributes:
        columns: float32[channels, rows], a vector a channel, scaled by a power of two.
        pattern: the N:M pattern; the number of channels is a multiple of m.
        scale: columns times scale are the scores.
        memory: bytes that tables of the search may take; larger ones are taken in parts.
    """

    columns: Columns = field(repr=False)
    pattern: NMPattern
    scale: float
    memory: int = MEMORY

    @classmethod
    def of(cls, scores: Scores, pattern: NMPattern, memory: int = MEMORY) -> "Block":
        """Lay scores out by channel: float[rows, channels] to float32[channels, padded rows].

        Rows are padded with zeros, which add nothing to any sum, to whole vectors and off
        the powers of two, where all channels would share a few cache lines. Scaling by a
        power of two keeps float32 scores exact and float64 ones inside float32's range.
        """
        rows, channels = scores.shape
        padded = -(-rows // 16) * 16
        padded += 16 if padded % 512 == 0 else 0
        _, exponent = np.frexp(scores.max(initial=0.0))
        columns = np.zeros((channels, padded), dtype=np.float32)
        step = max(_ROWS, _SCORES // max(1, channels))
        for start in range(0, rows, step):
            some = scores[start : start + step]
            columns[:, start : start + len(some)] = _scaled(some, -int(exponent)).T
        columns.setflags(write=False)
        return cls(columns, pattern, float(np.ldexp(1.0, int(exponent))), memory)

    def shuffled(self, order: Order) -> "Block":
        """The same block, or a part of it, with its channels in another order."""
        return self.of_columns(self.columns[order])

    def of_columns(self, columns: Columns) -> "Block":
        """A block of other columns: float32[channels, rows], read-only from now on.

        Read-only columns are another type than writable ones to the compiler, and all
        kernels are compiled for these.
        """
        columns.setflags(write=False)
        return replace(self, columns=columns)

    @property
    def channels(self) -> int:
        """Number of channels."""
        return len(self.columns)

    @property
    def stripes(self) -> int:
        """Number of stripes."""
        return self.channels // self.pattern.m


class Strategy(Protocol):
    """An anytime search over one block: a frozen dataclass of its parameters.

    Attributes:
        name: what users call it.
    """

    name: ClassVar[str]
    __dataclass_fields__: ClassVar[dict[str, Any]]

    def steps(self, block: Block, rng: np.random.Generator, kernels: Kernels) -> Steps:
        """Propose orders, better or worse; the caller keeps the best.

        Yields an int64[channels] order that the caller may keep, or None where nothing is
        proposed but time has passed. Between two yields lie at most some 50 ms of work, so
        that budgets, pause and cancel are obeyed. Every yield is answered with the share of
        the time budget that is spent, 0 to 1, or None where there is no budget; then the
        same `rng` gives the same orders.

        A strategy that settles whether some order loses nothing returns ``perfect`` where
        it proposed one, ``impossible`` where it proved that there is none. One that proved
        that no order keeps more than the best it proposed returns ``optimal``; others None.
        """
        ...


def at_least(owner: str, parameter: str, value: object, least: int) -> None:
    """Check an integer parameter when a strategy is built.

    Raises:
        StrategyError: not an integer, or too small.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise StrategyError(
            f"{owner}({parameter}={value!r}) is not possible: "
            f"{parameter} must be a whole number of at least {least}."
        )


def _scaled(scores: Scores, exponent: int) -> Scores:
    """Scores times a power of two, exactly."""
    if abs(exponent) < 100:
        return scores * scores.dtype.type(2.0**exponent)
    return np.ldexp(scores, exponent)
