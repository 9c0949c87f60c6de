"""The batched kernels on torch's CPU device against the obvious ones, and who gets which."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from permviz.core.pattern import NMPattern
from permviz.errors import StrategyError
from permviz.kernels import select, subsets, torch_device
from permviz.kernels.numba_cpu import NumbaKernels
from permviz.kernels.protocol import Rounds
from permviz.kernels.reference import ReferenceKernels
from permviz.kernels.torch_device import TorchKernels

OBVIOUS = ReferenceKernels()
BATCHED = torch_device.on("torch:cpu")
CPU = torch.device("cpu")
PATTERNS = ((2, 4), (1, 4), (3, 4), (1, 2), (2, 3), (1, 5))


@st.composite
def boards(draw):
    """Columns, a random order of them, and n and m."""
    n, m = draw(st.sampled_from(PATTERNS))
    stripes, rows = draw(st.integers(2, 6)), draw(st.sampled_from([1, 3, 16, 130, 2100]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    columns = rng.random((stripes * m, rows), dtype=np.float32)
    if draw(st.booleans()):
        columns[rng.random(columns.shape) < 0.6] = 0
    return columns, rng.permutation(stripes * m), n, m


@settings(deadline=None, max_examples=60)
@given(boards(), st.sampled_from([1 << 10, 1 << 23]))
def test_every_kernel_agrees_with_the_obvious_one(board, memory):
    columns, order, n, m = board
    stripes, batched = order.reshape(-1, m), TorchKernels(CPU, memory)
    assert np.allclose(
        batched.stripe_values(columns, stripes, n), OBVIOUS.stripe_values(columns, stripes, n), 1e-6
    )
    floors = batched.floors(columns, stripes, n)
    assert np.array_equal(floors, OBVIOUS.floors(columns, stripes, n))
    values = OBVIOUS.slot_values(floors, columns)
    assert np.allclose(batched.slot_values(floors, columns), values, 1e-6)
    assert np.array_equal(
        batched.swap_round(values, order, m), OBVIOUS.swap_round(values, order, m)
    )
    pairs = np.argwhere(np.triu(np.ones((len(stripes), len(stripes))), 1))
    gains, places = batched.group_gains(columns, stripes, pairs, n)
    assert np.allclose(gains, OBVIOUS.group_gains(columns, stripes, pairs, n)[0], atol=2e-3)
    shared = stripes[pairs[0]].ravel()[places[0].reshape(2, m)]
    gain = OBVIOUS.stripe_values(columns, shared, n).sum()
    gain -= OBVIOUS.stripe_values(columns, stripes[pairs[0]], n).sum()
    assert gain == pytest.approx(gains[0], abs=2e-3)


def test_the_memory_changes_no_answer():
    rng = np.random.default_rng(0)
    columns, stripes = rng.random((64, 96), dtype=np.float32), rng.permutation(64).reshape(-1, 4)
    pairs = np.argwhere(np.triu(np.ones((16, 16)), 1))
    answers = []
    for memory in (1 << 10, 1 << 16, 1 << 26):
        batched = TorchKernels(CPU, memory)
        floors = batched.floors(columns, stripes, 2)
        gains, places = batched.group_gains(columns, stripes, pairs, 2)
        answers.append((floors, batched.slot_values(floors, columns), gains, places))
    for others in answers[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(answers[0], others, strict=True))


@settings(deadline=None, max_examples=12)
@given(st.sampled_from([(2, 4, 2), (2, 4, 3), (1, 3, 3), (1, 2, 4), (1, 3, 4)]), st.integers(0, 99))
def test_groups_of_stripes_share_as_the_obvious_kernel_does(shape, seed):
    n, m, size = shape
    rng = np.random.default_rng(seed)
    columns = rng.integers(0, 50, (5 * m, 7)).astype(np.float32)
    stripes = rng.permutation(5 * m).reshape(-1, m)
    groups = np.stack([rng.permutation(5)[:size] for _ in range(6)])
    gains, places = TorchKernels(CPU, 1 << 16).group_gains(columns, stripes, groups, n)
    assert np.array_equal(gains, OBVIOUS.group_gains(columns, stripes, groups, n)[0])
    for group, gain, place in zip(stripes[groups], gains, places, strict=True):
        shared = group.ravel()[place].reshape(size, m)
        assert sorted(shared.ravel()) == sorted(group.ravel())
        value = OBVIOUS.stripe_values(columns, shared, n).sum()
        assert value - OBVIOUS.stripe_values(columns, group, n).sum() == gain


def test_many_rows_do_not_drown_small_gains():
    rows = 100_000
    columns = np.full((2, rows), 0.7, dtype=np.float32)
    columns[1, 0] += np.float32(0.25)
    values = BATCHED.slot_values(np.zeros((1, rows), dtype=np.float32), columns)
    assert values[0, 1] - values[0, 0] == pytest.approx(0.25, abs=0.01)
    kept = BATCHED.stripe_values(columns, np.array([[0], [1]]), 1)
    assert kept[1] - kept[0] == pytest.approx(0.25, abs=0.01)


def test_columns_that_cannot_change_are_copied_once_and_forgotten_with_their_array(monkeypatch):
    kernels, copied = TorchKernels(CPU, 1 << 20), []
    make = torch.tensor
    monkeypatch.setattr(
        torch, "tensor", lambda array, **at: copied.append(array) or make(array, **at)
    )
    columns = np.random.default_rng(0).random((8, 5), dtype=np.float32)
    columns.setflags(write=False)
    stripes = np.arange(8).reshape(-1, 4)
    for _ in range(3):
        kernels.slot_values(kernels.floors(columns, stripes, 2), columns)
    assert sum(array is columns for array in copied) == 1
    assert [array.dtype for array in copied].count(np.float32) == 1  # floors never came back
    copied.clear()
    del columns
    gc.collect()
    assert kernels._resident == {}


def test_columns_that_change_are_seen():
    columns = np.zeros((4, 3), dtype=np.float32)
    stripes = np.arange(4).reshape(1, 4)
    assert BATCHED.stripe_values(columns, stripes, 2)[0] == 0
    columns[:] = 1
    assert BATCHED.stripe_values(columns, stripes, 2)[0] == 6


@settings(deadline=None, max_examples=40)
@given(boards(), st.sampled_from([0.0, 0.3, 5.0]), st.integers(0, 2**63), st.integers(2, 6))
def test_annealing_moves_channels_only_and_repeats_itself(board, temperature, seed, opened):
    columns, order, n, m = board
    rounds = Rounds(opened, 5, temperature, 3)
    found = []
    for _ in range(2):
        orders, states = np.stack([order, order]), np.array([[seed], [seed + 1]], dtype=np.uint64)
        BATCHED.anneal(columns, orders, NMPattern(n, m), rounds, states)
        found.append((orders.tolist(), states.tolist()))
    assert found[0] == found[1]
    assert all(sorted(chain) == list(range(len(order))) for chain in found[0][0])


def test_a_chain_does_not_depend_on_the_others():
    columns = np.random.default_rng(0).random((48, 20), dtype=np.float32)
    rounds, start = Rounds(4, 8, 0.4, 20), np.tile(np.arange(48), (3, 1))
    states = np.array([[1], [2], [3]], dtype=np.uint64)
    together, alone = start.copy(), start.copy()
    BATCHED.anneal(columns, together, NMPattern(2, 4), rounds, states.copy())
    for chain in range(3):
        BATCHED.anneal(columns, alone[chain : chain + 1], NMPattern(2, 4), rounds, states[[chain]])
    assert np.array_equal(together, alone)


@pytest.mark.parametrize(("n", "m"), [(2, 4), (1, 2), (3, 8)])
def test_without_heat_annealing_never_loses(n, m):
    columns = np.random.default_rng(1).random((6 * m, 30), dtype=np.float32)
    orders, states = np.arange(6 * m)[None].copy(), np.zeros((1, 1), dtype=np.uint64)
    values = []
    for _ in range(30):
        values.append(OBVIOUS.stripe_values(columns, orders.reshape(-1, m), n).sum())
        BATCHED.anneal(columns, orders, NMPattern(n, m), Rounds(4, 8, 0.0, 2), states)
    assert np.all(np.diff(values) >= -1e-4)
    assert values[-1] > values[0]


def visited(kernels, columns, m, temperature):
    """How often each sharing of two stripes is held, over many short rounds."""
    chains = 4000
    orders = np.tile(np.arange(2 * m), (chains, 1))
    states = np.arange(chains, dtype=np.uint64)[:, None] * np.uint64(7919)
    kernels.anneal(columns, orders, NMPattern(1, m), Rounds(2, 4, temperature, 12), states)
    stripes = np.sort(orders.reshape(chains, 2, m), axis=2)
    first = stripes[np.arange(chains), stripes[:, :, 0].argmin(axis=1)]
    return {tuple(line): count / chains for line, count in zip(*counted(first), strict=True)}


def counted(lines):
    found, counts = np.unique(lines, axis=0, return_counts=True)
    return found.tolist(), counts


@pytest.mark.parametrize("m", [2, 3])
@pytest.mark.parametrize("limit", [1000, 1], ids=["heat bath", "Metropolis"])
def test_a_temperature_means_boltzmann_s_distribution_as_on_the_cpu(monkeypatch, m, limit):
    monkeypatch.setattr("permviz.kernels.torch_anneal._MOST_SUBSETS", limit)
    columns = np.random.default_rng(2).random((2 * m, 5), dtype=np.float32)
    temperature = 0.4
    expected = {}
    for line in subsets.subsets(m)[: subsets.count(m) // 2]:
        both = np.stack([line, np.setdiff1d(np.arange(2 * m), line)])
        value = OBVIOUS.stripe_values(columns, both, 1).sum()
        expected[tuple(line.tolist())] = np.exp(value / temperature)
    share = sum(expected.values())
    for kernels in (BATCHED, NumbaKernels()):
        found = visited(kernels, columns, m, temperature)
        for line, weight in expected.items():
            assert found.get(line, 0.0) == pytest.approx(weight / share, abs=0.04)


def test_triton_s_kernel_agrees_with_the_obvious_one_in_the_interpreter():
    program = Path(__file__).with_name("interpreted_triton.py")
    done = subprocess.run(
        [sys.executable, "-W", "error", program],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"TRITON_INTERPRET": "1"},
    )
    assert done.returncode == 0, done.stderr
    tables, error = done.stdout.split()
    assert int(tables) == 25
    assert float(error) < 1e-5


def test_a_triton_table_takes_the_place_of_torch_s():
    asked = []

    def table(floors, columns, room):
        asked.append(room)
        return torch.full((len(floors), len(columns)), 7.0, dtype=torch.float64)

    kernels = TorchKernels(CPU, 8 * 6 * 2, table)
    columns = np.ones((6, 3), dtype=np.float32)
    assert np.array_equal(kernels.slot_values(columns[:5], columns), np.full((5, 6), 7.0))
    assert len(asked) == 3  # two lines at a time fit


@pytest.mark.parametrize("device", ["abacus", "cuda:99", "meta", "torch:abacus", "torch:", ""])
def test_devices_that_are_not_there_are_refused_with_a_way_out(device):
    with pytest.raises(StrategyError, match='Choose "cpu"'):
        select.select(device)


def test_devices_and_their_kernels():
    assert select.select("torch:cpu") is select.select("torch:cpu")
    assert isinstance(select.select("torch:cpu"), TorchKernels)
    assert select.select("torch:cpu", memory=1000).memory == 1000
    assert isinstance(select.select("cpu"), NumbaKernels)


def test_auto_takes_cuda_where_torch_has_it(monkeypatch):
    asked = []
    monkeypatch.setattr(torch_device, "cuda_is_there", lambda: True)
    monkeypatch.setattr(torch_device, "on", lambda name, memory: asked.append((name, memory)))
    select.select("auto")
    assert asked == [("cuda", None)]
    monkeypatch.setattr(torch_device, "cuda_is_there", lambda: False)
    assert isinstance(select.select("auto"), NumbaKernels)


def test_without_torch_the_cpu_is_left(monkeypatch):
    monkeypatch.setitem(sys.modules, "permviz.kernels.torch_device", None)
    monkeypatch.delattr("permviz.kernels.torch_device")
    assert isinstance(select.select("auto"), NumbaKernels)
    with pytest.raises(StrategyError, match="pip install torch"):
        select.select("cuda")


def test_a_search_on_the_cpu_does_not_import_torch():
    script = """
import sys
import permviz as pv
pv.search([[4, 3, 4, 3, 0, 0, 1, 0]], device="cpu")
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)
