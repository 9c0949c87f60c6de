"""Channels that may trade places, gathered into named groups with all their places."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from permviz.graph.components import Components
from permviz.graph.labels import Labels
from permviz.graph.ledger import AxisAtoms, LayerCall, Ledger
from permviz.graph.types import ChannelGroup, Occurrence, Role

PARAMETRIZED = re.compile(r"(\.parametrizations\.weight\.original\d*|\.weight_(v|orig))$")
ORDER: tuple[Role, ...] = ("consumer", "producer", "passenger")


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """Atoms of one tensor axis with their role."""

    atoms: AxisAtoms
    role: Role


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """The groups, and which group every channel belongs to.

    Attributes:
        groups: in the order of their first place.
        of: int64[channels], index of the channel's group, -1 for none.
        axes: all tensor axes, consumers first, each role in the order of execution.
    """

    groups: tuple[ChannelGroup, ...]
    of: Labels = field(repr=False)
    axes: tuple[Axis, ...] = field(repr=False)


def layer_name(tensor: str) -> str:
    """Module path of a weight, also of one that is computed from the tensor."""
    return PARAMETRIZED.sub("", tensor).removesuffix(".weight")


def gather(ledger: Ledger, components: Components) -> Grouping:
    """Gather all channels that have another one to trade places with."""
    axes, sets = movable(ledger, components)
    names = _Names()
    of = np.full(components.count, -1, dtype=np.int64)
    pending: dict[int, _Members] = {}
    for axis in axes:
        for number, part in _parts(axis, components, sets):
            if number not in pending:
                of[part.channels] = len(pending)
                name = names.next(layer_name(axis.atoms.tensor))
                pending[number] = _Members(name, _first_positions(part, components.count))
            pending[number].add(axis, part)
    groups = tuple(members.group(components.alike) for members in pending.values())
    return Grouping(groups, of, axes)


def movable(ledger: Ledger, components: Components) -> tuple[tuple[Axis, ...], Labels]:
    """All tensor axes, and for every channel the set that it may move in, -1 for none."""
    axes = tuple(_ordered_axes(ledger))
    return axes, _sets(axes, components)


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Where channels of one group stand along one axis: int64[k] each."""

    channels: Labels
    windows: Labels
    positions: Labels


@dataclass(slots=True)
class _Names:
    used: dict[str, int] = field(default_factory=dict)

    def next(self, name: str) -> str:
        self.used[name] = self.used.get(name, 0) + 1
        return name if self.used[name] == 1 else f"{name}#{self.used[name]}"


@dataclass(slots=True)
class _Members:
    """A group in the making: its channels in their order, and its places so far."""

    name: str
    channels: Labels
    places: list[Occurrence] = field(default_factory=list)

    def add(self, axis: Axis, part: _Part) -> None:
        order = np.argsort(self.channels)
        numbers = order[np.searchsorted(self.channels, part.channels, sorter=order)]
        self.places.extend(_occurrences(axis, numbers, part))

    def group(self, alike: Labels) -> ChannelGroup:
        kinds = alike[self.channels]
        blocks = [_read_only(np.flatnonzero(kinds == kind)) for kind in np.unique(kinds)]
        blocks.sort(key=lambda block: int(block[0]))
        return ChannelGroup(self.name, self.channels.size, tuple(blocks), tuple(self.places))


def _ordered_axes(ledger: Ledger) -> Iterator[Axis]:
    roles = _roles(ledger.layers)
    rank = {place: number for number, place in enumerate(roles)}
    placed = [(atoms, (atoms.tensor, atoms.axis)) for atoms in ledger.axes]
    placed.sort(key=lambda item: rank.get(item[1], len(rank)))
    listed = [Axis(atoms, roles.get(place, "passenger")) for atoms, place in placed]
    for role in ORDER:
        yield from (axis for axis in listed if axis.role == role)


def _roles(layers: Sequence[LayerCall]) -> Mapping[tuple[str, int], Role]:
    roles: dict[tuple[str, int], Role] = {}
    for layer in layers:
        depthwise = layer.conv_groups > 1 and layer.width == 1
        read, written = ("passenger",) * 2 if depthwise else ("consumer", "producer")
        roles.setdefault((layer.tensor, layer.input_axis), read)
        roles.setdefault((layer.tensor, layer.output_axis), written)
    return roles


def _sets(axes: Sequence[Axis], components: Components) -> Labels:
    """Sibling class of every channel that can move and is worth it, -1 for the others.

    Channels that no layer reads, such as those of queries and keys, change no stripe.
    """
    worth = np.zeros(components.count, dtype=bool)
    for axis in axes:
        if axis.role == "consumer":
            worth[_channels(axis, components)] = True
    able = worth & (components.frozen < 0)
    alike = np.bincount(components.alike[able], minlength=components.count + 1)
    able &= alike[components.alike] > 1
    return np.where(able, components.siblings, -1)


def _channels(axis: Axis, components: Components) -> Labels:
    atoms = axis.atoms
    return components.of[atoms.start : atoms.start + atoms.count]


def _parts(axis: Axis, components: Components, sets: Labels) -> Iterator[tuple[int, _Part]]:
    """Split an axis by groups, in the order of their first position."""
    channels = _channels(axis, components)
    numbers = sets[channels]
    found, first = np.unique(numbers, return_index=True)
    for number in found[np.argsort(first)]:
        if number >= 0:
            places = np.flatnonzero(numbers == number)
            windows, positions = np.divmod(places, axis.atoms.size)
            yield int(number), _Part(channels[places], windows, positions)


def _first_positions(part: _Part, count: int) -> Labels:
    """The part's channels in the order in which they first appear."""
    seen = np.full(count, part.channels.size, dtype=np.int64)
    np.minimum.at(seen, part.channels, np.arange(part.channels.size))
    distinct = np.unique(part.channels)
    return distinct[np.argsort(seen[distinct])]


def _occurrences(axis: Axis, numbers: Labels, part: _Part) -> Iterator[Occurrence]:
    """One occurrence for each row window and each number of repeats."""
    atoms = axis.atoms
    order = np.lexsort((part.positions, numbers, part.windows))
    keys = part.windows[order] * (numbers.max() + 1) + numbers[order]
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
    counts = np.diff(np.r_[starts, keys.size])
    windows = part.windows[order][starts]
    height = atoms.rows // atoms.windows
    for window, count in np.unique(np.stack([windows, counts]), axis=1).T.tolist():
        chosen = starts[(windows == window) & (counts == count)]
        rows = (window * height, (window + 1) * height) if atoms.windows > 1 else None
        yield Occurrence(
            tensor=atoms.tensor,
            axis=atoms.axis,
            role=axis.role,
            rows=rows,
            channels=_read_only(numbers[order][chosen]),
            positions=_read_only(part.positions[order][chosen[:, None] + np.arange(count)]),
        )


def _read_only(array: Labels) -> Labels:
    made = np.ascontiguousarray(array, dtype=np.int64)
    made.setflags(write=False)
    return made
