"""Heads: is each of them one channel, or do channels move inside it?

Where a value with labels for every head meets one with labels for every channel of every
head, or is collected from it, tying them makes each head one channel. A head whose
channels fill whole stripes gains nothing by moving, and one that cannot move gains nothing
either: there the heads stay in their order, and their channels move inside them.
"""

from collections.abc import Iterator
from dataclasses import replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from permviz.graph.components import Components
from permviz.graph.groups import movable
from permviz.graph.ledger import Ledger, Relation

# Positions in a row that fill a stripe of the usual pattern, 2:4.
STRIPE = 4


def told_apart(ledger: Ledger, components: Components) -> Ledger:
    """The ledger with heads told apart where moving them whole gains nothing.

    The ledger itself is not changed, and is returned where there are no such heads.
    """
    if not any(relation.instead for relation in ledger.relations):
        return ledger
    idle = _idle(ledger, components)
    relations: list[Relation] = []
    more: list[Relation] = []
    freezes = [*ledger.freezes]
    for relation in ledger.relations:
        if not relation.instead or not _whole(relation, components, idle):
            relations.append(relation)
            continue
        told = [*_statements(relation, len(ledger.relations) + len(more))]
        relations.append(told[0])
        more.extend(told[1:])
        if relation.cause is not None:
            freezes.append((told[-1].columns[-1].labels, relation.cause))
    if not more:
        return ledger
    return replace(ledger, relations=[*relations, *more], freezes=freezes)


def _statements(relation: Relation, salt: int) -> Iterator[Relation]:
    for number, (columns, coordinates) in enumerate(relation.instead):
        own = relation.salt if number == 0 else salt + number - 1
        yield Relation(own, tuple(columns), tuple(coordinates))


def _whole(relation: Relation, components: Components, idle: NDArray[np.bool_]) -> bool:
    """Whether all channels of a relation are idle and stand for several positions each."""
    channels = components.of[relation.columns[-1].atoms]
    return bool(idle[channels].all()) and np.unique(channels).size < channels.size


def _idle(ledger: Ledger, components: Components) -> NDArray[np.bool_]:
    """Channels that do not move, or move whole stripes in most of their weights."""
    whole, part = np.zeros((2, components.count), dtype=np.int64)
    axes, sets = movable(ledger, components)
    for axis in axes:
        if axis.role == "consumer":
            atoms = axis.atoms
            channels = components.of[atoms.start : atoms.start + atoms.count]
            window = np.repeat(np.arange(atoms.windows), atoms.size)
            found, counts = np.unique(channels + window * components.count, return_counts=True)
            weights = counts * (prod(ledger.shapes[atoms.tensor]) // atoms.size // atoms.windows)
            fills = counts >= STRIPE
            np.add.at(whole, found[fills] % components.count, weights[fills])
            np.add.at(part, found[~fills] % components.count, weights[~fills])
    idle: NDArray[np.bool_] = (sets < 0) | (whole > part)
    return idle
