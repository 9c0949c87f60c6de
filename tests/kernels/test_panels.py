"""The table of many slots and channels: tiles of any width make the same sums."""

import sys
from importlib.util import module_from_spec, spec_from_file_location

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llvmlite import binding
from numba import njit

from permviz.kernels import compiled_panels, compiled_swaps, compiled_tile
from permviz.kernels.numba_cpu import NumbaKernels
from permviz.kernels.reference import ReferenceKernels

WORTH, ROWS = compiled_panels.WORTH, compiled_panels.ROWS


@settings(deadline=None, max_examples=25)
@given(
    st.integers(WORTH, WORTH + 40),
    st.integers(WORTH, WORTH + 40),
    st.sampled_from([1, 2, 63, 65, 255, 257, ROWS - 1, ROWS + 1, 2 * ROWS + 300]),
    st.integers(0, 2**32 - 1),
)
def test_panels_agree_with_the_obvious_sums(slots, channels, rows, seed):
    rng = np.random.default_rng(seed)
    floors = rng.random((slots, rows), dtype=np.float32)
    columns = rng.random((channels, rows), dtype=np.float32)
    found = NumbaKernels().slot_values(floors, columns)
    assert np.allclose(found, ReferenceKernels().slot_values(floors, columns), 2e-6)
    assert np.array_equal(found, NumbaKernels(3).slot_values(floors, columns))


def test_whole_numbers_are_summed_as_without_panels():
    rng = np.random.default_rng(0)
    shape = (2 * compiled_panels._SLOTS + 3, ROWS + 77)
    floors = rng.integers(0, 9, shape).astype(np.float32)
    columns = rng.integers(0, 9, (WORTH + 1, shape[1])).astype(np.float32)
    plain = np.empty((len(floors), len(columns)))
    compiled_swaps.slot_values(floors, columns, plain)
    assert np.array_equal(NumbaKernels(2).slot_values(floors, columns), plain)


def test_many_rows_do_not_drown_small_gains():
    rows = 100_000
    columns = np.full((WORTH, rows), 0.7, dtype=np.float32)
    columns[1, 0] += np.float32(0.25)
    values = NumbaKernels().slot_values(np.zeros_like(columns), columns)
    assert values[0, 1] - values[0, 0] == pytest.approx(0.25, abs=0.01)


def tile_of(features, monkeypatch):
    """The tile as a machine with these features has it."""
    monkeypatch.setattr(binding, "get_host_cpu_features", lambda: features)
    spec = spec_from_file_location(f"tile_of_{len(features)}", compiled_tile.__file__)
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


def sums_by(tile, floors, columns):
    """Max-sums of the tile's height of floors and of all columns: float32[floors, columns]."""
    max_sums, rows = tile.max_sums, np.uint64(len(floors))

    @njit
    def sums(floors, columns, found):
        max_sums(floors, np.uint64(0), columns, np.uint64(0), rows, np.float32(1), found)

    parts = []
    for start in range(0, columns.shape[1], tile.WIDTH):
        parts.append(np.empty((tile.HEIGHT, tile.WIDTH), dtype=np.float32))
        sums(floors.ravel(), columns[:, start : start + tile.WIDTH].ravel(), parts[-1])
    return np.concatenate(parts, axis=1)


def test_wider_vectors_make_the_same_sums(monkeypatch):
    narrow, wide = tile_of({}, monkeypatch), tile_of({"avx512f": True}, monkeypatch)
    assert wide.WIDTH == 2 * narrow.WIDTH
    rng = np.random.default_rng(0)
    floors = rng.random((201, narrow.HEIGHT), dtype=np.float32)
    columns = rng.random((201, wide.WIDTH), dtype=np.float32)
    found = sums_by(narrow, floors, columns)
    exact = np.maximum(floors[:, :, None], columns[:, None].astype(np.float64)).sum(axis=0)
    assert np.allclose(found, exact, 1e-5)
    assert np.array_equal(sums_by(wide, floors, columns), found)
