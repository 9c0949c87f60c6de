"""Scales of whole heads: is a head one channel, or do channels move inside it?

Where a value with labels for every head meets one with labels for every channel of every
head, tying them makes each head one channel. A head whose channels fill whole stripes
gains nothing by moving, and one that cannot move gains nothing either: there the heads
stay in their order, and their channels move inside them.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from permviz.graph.components import Components
from permviz.graph.groups import Grouping
from permviz.graph.labels import Labels
from permviz.graph.ledger import Ledger, Relation

# Positions in a row that fill a stripe of the usual pattern, 2:4.
STRIPE = 4


def told_apart(ledger: Ledger, components: Components, grouping: Grouping) -> Ledger:
    """The ledger with heads told apart where moving them whole gains nothing.

    The ledger itself is not changed, and is returned where there are no such heads.
    """
    idle = _idle(components, grouping)
    relations: list[Relation] = []
    more: list[Relation] = []
    for relation in ledger.relations:
        if not relation.instead or not _whole(relation, components, idle):
            relations.append(relation)
            continue
        first, *rest = _statements(relation, len(ledger.relations) + len(more))
        relations.append(first)
        more.extend(rest)
    if not more:
        return ledger
    return replace(ledger, relations=[*relations, *more])


def _statements(relation: Relation, salt: int) -> Iterator[Relation]:
    for number, (columns, coordinates) in enumerate(relation.instead):
        own = relation.salt if number == 0 else salt + number - 1
        yield Relation(own, tuple(columns), tuple(coordinates))


def _whole(relation: Relation, components: Components, idle: NDArray[np.bool_]) -> bool:
    """Whether all channels of a relation are idle and stand for several positions each."""
    channels = components.of[relation.columns[-1].atoms]
    return bool(idle[channels].all()) and np.unique(channels).size < channels.size


def _idle(components: Components, grouping: Grouping) -> NDArray[np.bool_]:
    """Channels that do not move, or whose moving changes no stripe."""
    least = np.full(components.count, STRIPE, dtype=np.int64)
    for axis in grouping.axes:
        if axis.role == "consumer":
            atoms = axis.atoms
            channels = components.of[atoms.start : atoms.start + atoms.count]
            window = np.repeat(np.arange(atoms.windows), atoms.size)
            _lower(least, channels + window * components.count, components.count)
    moving: NDArray[np.bool_] = grouping.of >= 0
    return ~moving | (least >= STRIPE)


def _lower(least: Labels, keys: Labels, count: int) -> None:
    found, counts = np.unique(keys, return_counts=True)
    np.minimum.at(least, found % count, counts)
