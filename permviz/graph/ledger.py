"""Everything that the rules find out, collected in arrays and solved once at the end.

A *relation* is the one statement that rules make about channels: in every row the listed
elements belong to one channel (so their atoms are tied), and this operation treats them
in the way that the row's code says (so channels may trade places only where their codes
agree). A relation with one column is a mere mark: this operation reads these channels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from permviz.graph.labels import Cause, Labels, Shape, Value
from permviz.graph.nested import leaves


@dataclass(frozen=True, slots=True)
class AxisAtoms:
    """The atoms of one axis of one tensor: `start` .. `start + windows * size`.

    Attributes:
        tensor: canonical name.
        axis: axis of the tensor.
        start: its first atom.
        size: positions along the axis.
        windows: number of row windows (convolution groups); 1 for none.
        rows: size of axis 0 of the tensor.
    """

    tensor: str
    axis: int
    start: int
    size: int
    windows: int
    rows: int

    @property
    def count(self) -> int:
        """Number of atoms."""
        return self.windows * self.size


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """Elements of one value's facet, one a row.

    Attributes:
        labels: the whole facet; among its elements the repeats of a channel are counted.
        index: int64[rows], the element that stands in each row.
    """

    labels: Labels = field(repr=False)
    index: Labels = field(repr=False)

    @property
    def atoms(self) -> Labels:
        """The atom in each row: int64[rows]."""
        return self.labels.reshape(-1)[self.index]


Statement = tuple[Sequence[Column], Sequence[Labels]]


@dataclass(frozen=True, slots=True, eq=False)
class Relation:
    """One statement of a rule, row by row.

    Attributes:
        salt: number of the statement; equal only within one statement.
        columns: the elements that belong together.
        coordinates: int64[rows] each; where they differ, channels may not trade places.
        instead: what may be said in its place, without tying anything; the last column of
            the last statement then keeps its order.
        cause: why it does.
    """

    salt: int
    columns: tuple[Column, ...]
    coordinates: tuple[Labels, ...] = ()
    instead: tuple[Statement, ...] = ()
    cause: Cause | None = None


@dataclass(frozen=True, slots=True)
class LayerCall:
    """A call of a convolution or linear layer with a parameter as its weight.

    Attributes:
        tensor: canonical name of the weight.
        kind: of layer.
        shape: of the weight.
        conv_groups: number of convolution groups.
        input_axis: axis of the weight that reads channels.
        output_axis: axis of the weight that writes channels.
        computed: whether the weight is computed from the tensor in each forward pass.
    """

    tensor: str
    kind: str
    shape: Shape
    conv_groups: int
    input_axis: int = 1
    output_axis: int = 0
    computed: bool = False

    @property
    def width(self) -> int:
        """Number of input channels that each row reads, those of one convolution group."""
        size = self.shape[self.input_axis]
        return size // self.conv_groups if self.kind.startswith("conv_transpose") else size


@dataclass(slots=True)
class Ledger:
    """What one analysis has collected so far.

    Attributes:
        axes: the labelled axes of all parameters and buffers.
        relations: which elements belong together.
        freezes: channels that keep their order, with the reason.
        layers: calls of layers, in the order of execution.
        tables: tensors that are read by number, as an embedding is.
        shapes: of all labelled tensors.
        atoms: number of atoms so far.
        places: ranges of atoms that hold no parameter's channel: the first, and behind the last.
        still: those of them that keep their order.
    """

    axes: list[AxisAtoms] = field(default_factory=list)
    relations: list[Relation] = field(default_factory=list)
    freezes: list[tuple[Labels, Cause]] = field(default_factory=list)
    layers: list[LayerCall] = field(default_factory=list)
    tables: set[str] = field(default_factory=set)
    shapes: dict[str, Shape] = field(default_factory=dict)
    atoms: int = 0
    places: list[tuple[int, int]] = field(default_factory=list)
    still: list[tuple[int, int]] = field(default_factory=list)

    def add_axis(self, tensor: str, shape: Shape, axis: int, windows: int = 1) -> Labels:
        """Make the atoms of an axis: int64[windows, size]."""
        made = AxisAtoms(tensor, axis, self.atoms, shape[axis], windows, shape[0])
        self.axes.append(made)
        self.shapes[tensor] = shape
        return self._take(made.count).reshape(windows, shape[axis])

    def add_places(self, count: int) -> Labels:
        """Make atoms of positions that hold no parameter's channel: int64[count]."""
        made = self._take(count)
        self.places.append((self.atoms - count, self.atoms))
        return made

    def add_frozen(self, count: int, cause: Cause) -> Labels:
        """Make atoms of positions that hold no parameter's channel and stay: int64[count]."""
        made = self.add_places(count)
        self.freeze(made, cause)
        self.still.append((self.atoms - count, self.atoms))
        return made

    def stays(self, labels: Labels) -> bool:
        """Whether all of these are places that keep their order."""
        return _within(labels, self.still)

    def foreign(self, labels: Labels) -> bool:
        """Whether none of these is a parameter's channel."""
        return _within(labels, self.places)

    def freeze(self, labels: Labels, cause: Cause) -> None:
        """Keep these channels where they are."""
        self.freezes.append((labels, cause))

    def note_layer(
        self, weight: Value, kind: str, conv_groups: int = 1, axes: tuple[int, int] = (1, 0)
    ) -> None:
        """Note the call of a layer whose weight is a parameter, or a part of one.

        Args:
            weight: as the layer reads it.
            kind: of layer.
            conv_groups: number of convolution groups.
            axes: input and output axis of `weight`.
        """
        if weight.tensor in self.shapes:
            shape = self.shapes[weight.tensor]
            read, written = (weight.origin[axis] for axis in axes)
            self.layers.append(
                LayerCall(
                    tensor=weight.tensor,
                    kind=kind,
                    shape=shape,
                    conv_groups=conv_groups,
                    input_axis=read,
                    output_axis=written,
                    computed=weight.computed,
                )
            )

    def relate(
        self,
        columns: Sequence[Column],
        coordinates: Sequence[Labels] = (),
        instead: Sequence[Statement] = (),
        cause: Cause | None = None,
    ) -> None:
        """Add a relation; nothing is added for no rows."""
        if columns and columns[0].index.size:
            salt = len(self.relations)
            made = Relation(salt, tuple(columns), tuple(coordinates), tuple(instead), cause)
            self.relations.append(made)

    def _take(self, count: int) -> Labels:
        start = self.atoms
        self.atoms += count
        return np.arange(start, self.atoms, dtype=np.int64)


def _within(labels: Labels, ranges: Sequence[tuple[int, int]]) -> bool:
    found = np.zeros(labels.shape, dtype=bool)
    for start, stop in ranges:
        found |= (start <= labels) & (labels < stop)
    return bool(found.all())


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One operation of the graph, as its rule sees it.

    Attributes:
        op: name such as ``aten.conv2d``.
        overload: which form of it, such as ``padding``; empty if it has no forms.
        arguments: all arguments by their names in the operator's schema; tensors as `Value`.
        shape: shape of the (first) result.
        source: line of the model's source.
        ledger: where findings go.
        static: whether no operand depends on the model's inputs.
    """

    op: str
    overload: str
    arguments: Mapping[str, Any]
    shape: Shape
    source: str
    ledger: Ledger = field(repr=False)
    static: bool = False

    def value(self, *names: str) -> Value:
        """The tensor argument with the first of these names that the operator has."""
        found = self.optional(*names)
        if found is None:
            raise KeyError(f"{self.op} has no tensor argument {' or '.join(names)}")
        return found

    def optional(self, *names: str) -> Value | None:
        """The same, None where it is absent or not a tensor."""
        for name in names:
            found = self.arguments.get(name)
            if isinstance(found, Value):
                return found
        return None

    def cause(self, reason: str) -> Cause:
        """A cause that names this operation and its source line."""
        full = f"{self.op}.{self.overload}" if self.overload else self.op
        return Cause(reason, full, self.source)

    def freeze(self, labels: Labels, reason: str) -> None:
        """Keep these channels where they are because of this operation."""
        self.ledger.freeze(labels, self.cause(reason))

    def operands(self) -> tuple[Value, ...]:
        """Every tensor among the arguments, those in lists included."""
        return tuple(leaves(self.arguments, Value))
