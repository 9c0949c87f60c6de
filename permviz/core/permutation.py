"""Permutations of channels, with the one convention `order[new] = old`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from permviz.core.pattern import NMPattern
from permviz.errors import PermutationError


@dataclass(frozen=True, slots=True, eq=False)
class Permutation:
    """A bijection of channels: position `new` holds what was channel `order[new]`.

    Attributes:
        order: int64[channels], read-only.

    Raises:
        PermutationError: `order` does not hold each of 0 .. len-1 once.
    """

    order: NDArray[np.int64]

    def __post_init__(self) -> None:
        order = np.array(self.order, dtype=np.int64, copy=True)
        if order.ndim != 1 or not np.array_equal(np.sort(order), np.arange(order.size)):
            raise PermutationError(
                f"An order of shape {order.shape} is not a permutation: "
                f"it must hold each of 0..{max(order.size - 1, 0)} exactly once."
            )
        order.setflags(write=False)
        object.__setattr__(self, "order", order)

    @classmethod
    def of(cls, order: Sequence[int] | NDArray[np.integer]) -> Self:
        """Build a permutation from any sequence of integers.

        Raises:
            PermutationError: the values are not integers, or not each of 0 .. len-1 once.
        """
        listed = np.asarray(order)
        if listed.size and listed.dtype.kind not in "iu":
            raise PermutationError(
                f"An order of {listed.dtype} values is not a permutation; pass integers."
            )
        return cls(listed.astype(np.int64))

    @classmethod
    def identity(cls, channels: int) -> Self:
        """Leave `channels` channels where they are."""
        return cls(np.arange(channels))

    @classmethod
    def random(cls, channels: int, rng: np.random.Generator) -> Self:
        """Draw a uniformly random permutation."""
        return cls(rng.permutation(channels))

    def __len__(self) -> int:
        return self.order.size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Permutation) and np.array_equal(self.order, other.order)

    def __hash__(self) -> int:
        return hash(self.order.tobytes())

    def __repr__(self) -> str:
        shown = ", ".join(map(str, self.order[:8])) + (", ..." if len(self) > 8 else "")
        return f"Permutation([{shown}], channels={len(self)})"

    @property
    def is_identity(self) -> bool:
        """Whether nothing moves."""
        return bool(np.array_equal(self.order, np.arange(len(self))))

    def inverse(self) -> "Permutation":
        """Undo this permutation: `p.compose(p.inverse())` is the identity."""
        return Permutation(np.argsort(self.order))

    def compose(self, then: "Permutation") -> "Permutation":
        """Apply this permutation and then another one.

        Raises:
            PermutationError: the two have different lengths.
        """
        if len(then) != len(self):
            raise PermutationError(
                f"Permutations of {len(self)} and {len(then)} channels cannot be composed; "
                "both must move the same channels."
            )
        return Permutation(self.order[then.order])

    def canonical(self, pattern: NMPattern) -> "Permutation":
        """Sort inside stripes, then the stripes; equal forms have equal retained score.

        Channels past the last whole stripe stay where they are.

        Source: Pool & Yu 2021, Appendix C.
        """
        whole = len(self) // pattern.m * pattern.m
        stripes = np.sort(self.order[:whole].reshape(-1, pattern.m), axis=1)
        stripes = stripes[np.argsort(stripes[:, 0])] if whole else stripes
        return Permutation(np.concatenate([stripes.ravel(), self.order[whole:]]))

    def tolist(self) -> Sequence[int]:
        """The order as plain integers, for JSON."""
        return [int(channel) for channel in self.order]
