"""What the analysis knows about a value of the graph: which index belongs to which channel.

An *atom* is one index of one axis of one parameter or buffer. A *facet* of a value is an
integer array with as many axes as the value, of size 1 on the axes that it says nothing
about; elsewhere it names the atom whose channel the index belongs to. Moving channels
moves a value along its facets and nowhere else, so an axis without a facet must keep its
order, unless the value does not vary along it (`uniform`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Labels = NDArray[np.int64]
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something keeps its order.

    Attributes:
        reason: one sentence for the user.
        op: the operation that caused it; empty if none.
        source: line of the model's source that called it; empty if unknown.
    """

    reason: str
    op: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """A tensor of the graph as the analysis sees it.

    Attributes:
        shape: its shape.
        facets: int64 arrays with `len(shape)` axes, of size 1 or the axis size.
        uniform: for each axis whether the value is the same all along it.
        cause: why the axes that are neither labelled nor uniform keep their order.
        tensor: canonical name, if it is a parameter or buffer, or a part of one.
        origin: for each axis, which axis of that tensor it is.
        computed: whether its elements are not that tensor's own but computed from them.
        windows: int64[groups, channels/groups], the atoms of a grouped convolution's
            input axis; such a weight has no facet on that axis.
        content: its elements, if they are known and never change.
    """

    shape: Shape
    facets: tuple[Labels, ...] = field(repr=False)
    uniform: tuple[bool, ...]
    cause: Cause
    tensor: str = ""
    windows: Labels | None = field(default=None, repr=False)
    content: Tensor | None = field(default=None, repr=False)
    origin: tuple[int, ...] = ()
    computed: bool = False

    def __post_init__(self) -> None:
        # An axis of size 1 cannot vary; a facet without a labelled axis says nothing.
        uniform = tuple(
            flag or size == 1 for flag, size in zip(self.uniform, self.shape, strict=True)
        )
        object.__setattr__(self, "uniform", uniform)
        object.__setattr__(self, "facets", tuple(f for f in self.facets if f.size > 1))

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def tracked(self, axis: int) -> bool:
        """Whether a facet labels the axis."""
        return any(facet.shape[axis] > 1 for facet in self.facets)

    def ordered(self, axis: int) -> bool:
        """Whether the axis must keep its order: it varies and nothing labels it."""
        return not self.uniform[axis] and not self.tracked(axis)


def opaque(shape: Iterable[int], cause: Cause) -> Value:
    """Return a value of which nothing is known, so that all its axes keep their order."""
    sizes = tuple(int(size) for size in shape)
    return Value(sizes, (), (False,) * len(sizes), cause)


def constant(shape: Iterable[int], cause: Cause) -> Value:
    """Return a value that is the same everywhere."""
    sizes = tuple(int(size) for size in shape)
    return Value(sizes, (), (True,) * len(sizes), cause)


def tracked_axes(facet: Labels) -> tuple[int, ...]:
    """Axes that the facet labels."""
    return tuple(axis for axis, size in enumerate(facet.shape) if size > 1)


def on_axis(labels: Labels, axis: int, ndim: int) -> Labels:
    """Lay labels out along one axis of a value with `ndim` axes."""
    return labels.reshape([-1 if place == axis else 1 for place in range(ndim)])


def positions(shape: Sequence[int]) -> Labels:
    """Number the elements of an array in order: int64[shape]."""
    return np.arange(int(np.prod(shape, dtype=np.int64)), dtype=np.int64).reshape(tuple(shape))


def normal_axis(axis: int, ndim: int) -> int:
    """Turn a negative axis into the axis that it means."""
    return axis + ndim if axis < 0 else axis
