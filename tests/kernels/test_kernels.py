"""Every fast kernel against the obvious one."""

import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from permviz.core.pattern import NMPattern
from permviz.errors import StrategyError
from permviz.kernels import subsets, warm
from permviz.kernels.compiled_table import room
from permviz.kernels.numba_cpu import NumbaKernels
from permviz.kernels.protocol import Rounds, Sweeps
from permviz.kernels.reference import ReferenceKernels
from permviz.kernels.select import cores, select

OBVIOUS = ReferenceKernels()
PATTERNS = ((2, 4), (1, 4), (3, 4), (1, 2), (2, 3), (1, 5))


@pytest.fixture(params=[1, 2], ids=["one thread", "two threads"])
def fast(request):
    return NumbaKernels(request.param)


@st.composite
def boards(draw):
    """Columns, a random order of them, and n and m."""
    n, m = draw(st.sampled_from(PATTERNS))
    stripes, rows = draw(st.integers(2, 6)), draw(st.sampled_from([1, 3, 16, 130, 530]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    columns = rng.random((stripes * m, rows), dtype=np.float32)
    if draw(st.booleans()):
        columns[rng.random(columns.shape) < 0.6] = 0
    return columns, rng.permutation(stripes * m), n, m


@settings(deadline=None, max_examples=60)
@given(boards())
def test_every_kernel_agrees_with_the_obvious_one(board):
    columns, order, n, m = board
    stripes, fast = order.reshape(-1, m), NumbaKernels()
    assert np.allclose(
        fast.stripe_values(columns, stripes, n), OBVIOUS.stripe_values(columns, stripes, n), 1e-5
    )
    floors = fast.floors(columns, stripes, n)
    assert np.array_equal(floors, OBVIOUS.floors(columns, stripes, n))
    values = OBVIOUS.slot_values(floors, columns)
    assert np.allclose(fast.slot_values(floors, columns), values, 1e-5)
    assert np.array_equal(fast.swap_round(values, order, m), OBVIOUS.swap_round(values, order, m))


@settings(deadline=None, max_examples=40)
@given(boards())
def test_slot_values_predict_every_swap_exactly(board):
    columns, order, n, m = board
    stripes = order.reshape(-1, m)
    values = OBVIOUS.slot_values(OBVIOUS.floors(columns, stripes, n), columns)
    before = OBVIOUS.stripe_values(columns, stripes, n).sum()
    i, j = 0, m
    moved = order.copy()
    moved[[i, j]] = moved[[j, i]]
    after = OBVIOUS.stripe_values(columns, moved.reshape(-1, m), n).sum()
    gain = values[i, order[j]] + values[j, order[i]] - values[i, order[i]] - values[j, order[j]]
    assert gain == pytest.approx(after - before, abs=1e-3)


def test_answers_do_not_depend_on_threads(fast):
    rng = np.random.default_rng(0)
    columns, order = rng.random((512, 96), dtype=np.float32), rng.permutation(512)
    stripes = order.reshape(-1, 4)
    one = NumbaKernels(1)
    floors = one.floors(columns, stripes, 2)
    values = one.slot_values(floors, columns)
    assert np.array_equal(fast.slot_values(floors, columns), values)
    assert np.array_equal(fast.swap_round(values, order, 4), one.swap_round(values, order, 4))


@settings(deadline=None, max_examples=30)
@given(boards(), st.sampled_from([0.0, 0.3, 5.0]), st.integers(0, 2**63))
def test_annealing_draws_and_swaps_like_the_obvious_one(board, temperature, seed):
    columns, order, n, m = board
    # Whole numbers are summed without rounding, so both must decide alike.
    columns = np.floor(columns * 50).astype(np.float32)
    rounds = Rounds(min(3, len(order) // m), 5, temperature, 7)
    found = []
    for kernels in (NumbaKernels(), OBVIOUS):
        orders, states = np.stack([order, order]), np.array([[seed], [seed + 1]], dtype=np.uint64)
        kernels.anneal(columns, orders, NMPattern(n, m), rounds, states)
        found.append((orders.tolist(), states.tolist()))
    assert found[0] == found[1]
    assert sorted(found[0][0][0]) == list(range(len(order)))


@settings(deadline=None, max_examples=30)
@given(boards(), st.sampled_from([0.0, 2.0, 20.0]), st.integers(1, 9), st.integers(0, 2**63))
def test_annealing_on_a_table_swaps_like_the_obvious_one(board, temperature, most, seed):
    columns, order, n, m = board
    columns = np.floor(columns * 50).astype(np.float32)
    found = []
    for kernels in (NumbaKernels(), OBVIOUS):
        orders, states = np.stack([order, order]), np.array([[seed], [seed + 1]], dtype=np.uint64)
        tables = np.zeros((2, *room(*columns.shape)), dtype=np.float32)
        for heat, fill in ((temperature, True), (0.0, False)):
            sweeps = Sweeps(heat, 2, most, fill)
            kernels.anneal_table(columns, orders, NMPattern(n, m), sweeps, states, tables)
        found.append((orders.tolist(), states.tolist()))
    assert found[0] == found[1]
    assert sorted(found[0][0][0]) == list(range(len(order)))


def test_many_rows_do_not_drown_small_gains():
    rows = 100_000
    columns = np.full((2, rows), 0.7, dtype=np.float32)
    columns[1, 0] += np.float32(0.25)
    values = NumbaKernels().slot_values(np.zeros((1, rows), dtype=np.float32), columns)
    assert values[0, 1] - values[0, 0] == pytest.approx(0.25, abs=0.01)


def test_subsets_pair_up_with_their_complements():
    for m in (1, 2, 3, 4, 5):
        listed = subsets.subsets(m)
        assert len(listed) == subsets.count(m)
        for choice in range(len(listed) // 2):
            both = [*listed[choice], *listed[-1 - choice]]
            assert sorted(both) == list(range(2 * m))


def test_only_known_devices_are_selected():
    assert select("cpu", threads=1) is select("cpu", threads=1)
    assert cores() >= 1
    with pytest.raises(StrategyError, match="'tpu'"):
        select("tpu")


def test_warming_loads_the_kernels(monkeypatch):
    warm.ensure()
    assert warm.ready()
    monkeypatch.setattr(warm, "_compiled", type(warm._compiled)())
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(StrategyError, match="could not be compiled"):
        warm.ensure()


def test_warming_runs_as_a_module():
    done = subprocess.run([sys.executable, "-m", "permviz.kernels.warm"], check=False)
    assert done.returncode == 0


@pytest.mark.parametrize("threads", [2, 5])
def test_chains_of_an_annealing_go_side_by_side_on_two_or_more_threads(monkeypatch, threads):
    met = threading.Barrier(2)

    def meets_the_other(*_):
        met.wait(timeout=20)

    monkeypatch.setattr("permviz.kernels.compiled_anneal.anneal", meets_the_other)
    monkeypatch.setattr("permviz.kernels.compiled_table.anneal_table", meets_the_other)
    kernels, columns = NumbaKernels(threads), np.zeros((512, 512), dtype=np.float32)
    orders, states = np.zeros((2, 512), dtype=np.int64), np.zeros((2, 1), dtype=np.uint64)
    pattern, tables = NMPattern(2, 4), np.zeros((2, 1, 1), dtype=np.float32)
    kernels.anneal(columns, orders, pattern, Rounds(16, 128, 1.0, 100), states)
    kernels.anneal_table(columns, orders, pattern, Sweeps(1.0, 1, 1, fill=False), states, tables)
