"""Groups of stripes: the fast kernel against the obvious one, and the tables against lists."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from permviz.kernels import subsets
from permviz.kernels.numba_cpu import NumbaKernels
from permviz.kernels.reference import ReferenceKernels

OBVIOUS = ReferenceKernels()
SHAPES = ((2, 2, 4), (3, 2, 4), (3, 1, 4), (4, 2, 4), (2, 1, 2), (3, 2, 3), (4, 1, 2), (4, 2, 3))


def partitions(places, m):
    """All partitions of places into sets of m, as sets of sets."""
    if not places:
        return {frozenset()}
    found = set()
    first, rest = places[0], places[1:]
    for subset in subsets._listed(len(rest), m - 1):
        mates = [rest[at] for at in subset]
        others = [place for place in rest if place not in mates]
        own = frozenset([first, *mates])
        found |= {other | {own} for other in partitions(others, m)}
    return found


@pytest.mark.parametrize(("size", "m"), [(2, 2), (2, 4), (3, 2), (3, 3), (4, 2)])
def test_the_tables_hold_every_partition(size, m):
    tables = subsets.sharings(m, size)
    splits = [[tuple(tables.listed[one]) for one in double.ravel()] for double in tables.halves]
    assert len(splits) * len(splits[0]) // 2 == subsets.splits(m, size)
    made = set()
    for number, double in enumerate(tables.halves):
        for split in double:
            rest = [[]]
            if size == 3:
                rest = [[tables.alone[number]]]
            elif size == 4:
                rest = tables.halves[-1 - number]
            made |= {frozenset(frozenset(tables.listed[i]) for i in [*split, *r]) for r in rest}
    assert made == partitions(list(range(size * m)), m)


@settings(deadline=None, max_examples=20)
@given(st.sampled_from(SHAPES), st.sampled_from([1, 16, 130]), st.integers(0, 2**31))
def test_gains_and_places_are_those_of_the_obvious_one(shape, rows, seed):
    size, n, m = shape
    rng = np.random.default_rng(seed)
    # Whole numbers are summed without rounding, so both must choose alike.
    columns = rng.integers(0, 30, (5 * m, rows)).astype(np.float32)
    stripes = rng.permutation(5 * m).reshape(-1, m)
    groups = subsets._listed(5, size)
    gains, places = NumbaKernels().group_gains(columns, stripes, groups, n)
    expected, chosen = OBVIOUS.group_gains(columns, stripes, groups, n)
    assert np.array_equal(gains, expected)
    assert np.array_equal(places, chosen)
    for group, gain, place in zip(groups, gains, places, strict=True):
        moved = stripes[group].ravel()[place].reshape(size, m)
        before = OBVIOUS.stripe_values(columns, stripes[group], n).sum()
        assert OBVIOUS.stripe_values(columns, moved, n).sum() - before == gain
        assert gain >= 0


def test_groups_do_not_depend_on_threads():
    rng = np.random.default_rng(0)
    columns, stripes = rng.random((64, 96), dtype=np.float32), rng.permutation(64).reshape(-1, 4)
    groups = subsets._listed(16, 3)
    for mine, theirs in zip(
        NumbaKernels(2).group_gains(columns, stripes, groups, 2),
        NumbaKernels(1).group_gains(columns, stripes, groups, 2),
        strict=True,
    ):
        assert np.array_equal(mine, theirs)


def test_feasible_tables_are_told_from_others():
    assert subsets.feasible(8, 2)
    assert not subsets.feasible(8, 3)
    assert subsets.feasible(4, 4)
    assert not subsets.feasible(16, 2)
