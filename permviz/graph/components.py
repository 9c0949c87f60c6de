"""Solving the relations: which atoms are one channel, and which channels are alike.

Tied atoms are one channel, a *component*. Two channels are alike when they occur in the
same tensors and every operation treats them alike: then trading places moves every value
of the network along its labels, and no output changes. "Alike" is compared through sums
of 128-bit hashes of each channel's occurrences and of its rows in every relation, where
an element is named by its repeat: how many elements of the same channel precede it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array  # pyright: ignore[reportMissingTypeStubs] - has none
from scipy.sparse.csgraph import (  # pyright: ignore[reportMissingTypeStubs] - has none
    connected_components,  # pyright: ignore[reportUnknownVariableType] - for that reason
)

from permviz.graph.labels import Cause, Labels
from permviz.graph.ledger import AxisAtoms, Ledger, Relation

Hashes = NDArray[np.uint64]
SEEDS = (np.uint64(0x243F6A8885A308D3), np.uint64(0x13198A2E03707344))  # digits of pi


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """The channels of a model.

    Attributes:
        of: int64[atoms], the channel that each atom belongs to.
        count: number of channels.
        alike: int64[channels], equal for channels that may trade places.
        siblings: int64[channels], equal for channels that differ only in the group of a
            convolution or norm, or another coordinate, that reads them.
        frozen: int64[channels], index into `causes`, -1 where nothing forbids moving.
        causes: reasons for keeping an order.
    """

    of: Labels = field(repr=False)
    count: int
    alike: Labels = field(repr=False)
    siblings: Labels = field(repr=False)
    frozen: Labels = field(repr=False)
    causes: tuple[Cause, ...] = field(repr=False)


def solve(ledger: Ledger) -> Components:
    """Tie the atoms of all relations at once, then compare the channels."""
    count, of = _tied(ledger)
    causes = tuple(cause for _, cause in ledger.freezes)
    frozen = np.full(count, len(causes), dtype=np.int64)
    for place, (labels, _) in enumerate(ledger.freezes):
        np.minimum.at(frozen, of[labels.reshape(-1)], place)
    frozen[frozen == len(causes)] = -1
    fine, coarse = _signatures(ledger, of, count)
    return Components(of, count, _classes(fine), _classes(coarse), frozen, causes)


def repeats(groups: Labels) -> Labels:
    """Number the equal elements of an array in order: [5, 7, 5] gives [0, 0, 1]."""
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    first = np.r_[True, ordered[1:] != ordered[:-1]] if ordered.size else np.empty(0, dtype=bool)
    starts = np.maximum.accumulate(np.where(first, np.arange(ordered.size), 0))
    numbered = np.empty(groups.size, dtype=np.int64)
    numbered[order] = np.arange(ordered.size) - starts
    return numbered


def _tied(ledger: Ledger) -> tuple[int, Labels]:
    left: list[Labels] = []
    right: list[Labels] = []
    for relation in ledger.relations:
        first = relation.columns[0].atoms
        for column in relation.columns[1:]:
            other = column.atoms
            apart = first != other
            left.append(first[apart])
            right.append(other[apart])
    ends = [np.concatenate(side) if side else np.empty(0, np.int64) for side in (left, right)]
    edges = coo_array(
        (np.ones(ends[0].size, dtype=np.int8), (ends[0], ends[1])),
        shape=(ledger.atoms, ledger.atoms),
    )
    if ledger.atoms == 0:
        return 0, np.empty(0, dtype=np.int64)
    found = cast("tuple[int, Labels]", connected_components(edges, directed=False))
    return int(found[0]), found[1].astype(np.int64)


def _signatures(ledger: Ledger, of: Labels, count: int) -> tuple[Hashes, Hashes]:
    """Sums of hashes with and without coordinates: uint64[channels, 2] each."""
    fine, coarse = np.zeros((2, count, len(SEEDS)), dtype=np.uint64)
    for place, atoms in enumerate(ledger.axes):
        _add_occurrences(place, atoms, of, fine, coarse)
    known: dict[int, Labels] = {}
    for relation in ledger.relations:
        _add_relation(relation, of, known, fine, coarse)
    return fine, coarse


def _add_occurrences(
    place: int, atoms: AxisAtoms, of: Labels, fine: Hashes, coarse: Hashes
) -> None:
    channels = of[atoms.start : atoms.start + atoms.count]
    window = np.repeat(np.arange(atoms.windows), atoms.size)
    for column, seed in enumerate(SEEDS):
        code = _mixed(np.full(1, place, dtype=np.int64), seed ^ np.uint64(1))
        np.add.at(coarse[:, column], channels, np.broadcast_to(code, channels.shape))
        np.add.at(fine[:, column], channels, _mixed(window, code))


def _add_relation(
    relation: Relation, of: Labels, known: dict[int, Labels], fine: Hashes, coarse: Hashes
) -> None:
    first = relation.columns[0]
    channels = of[first.atoms]
    numbers = [_numbers(c.labels, of, known)[c.index] for c in relation.columns]
    for column, seed in enumerate(SEEDS):
        code = _mixed(np.full(1, relation.salt, dtype=np.int64), seed)
        plain = _chained(numbers, np.broadcast_to(code, channels.shape))
        np.add.at(coarse[:, column], channels, plain)
        np.add.at(fine[:, column], channels, _chained(relation.coordinates, plain))


def _numbers(labels: Labels, of: Labels, known: dict[int, Labels]) -> Labels:
    # The ledger keeps every array alive, so an id names one array for the whole solution.
    if id(labels) not in known:
        known[id(labels)] = repeats(of[labels.reshape(-1)])
    return known[id(labels)]


def _chained(values: Sequence[Labels], start: Hashes) -> Hashes:
    code = start
    for value in values:
        code = _mixed(value, code)
    return code


def _mixed(value: Labels, state: Hashes | np.uint64) -> Hashes:
    """Mix numbers into hashes.

    Source: the finaliser of SplitMix64 (Steele, Lea and Flood 2014).
    """
    code = (np.asarray(state) ^ value.astype(np.uint64)) + np.uint64(0x9E3779B97F4A7C15)
    code = (code ^ (code >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    code = (code ^ (code >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return code ^ (code >> np.uint64(31))


def _classes(signatures: Hashes) -> Labels:
    if not signatures.size:
        return np.empty(0, dtype=np.int64)
    _, numbers = np.unique(signatures, axis=0, return_inverse=True)
    return numbers.reshape(-1).astype(np.int64)
