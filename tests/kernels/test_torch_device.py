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
from permviz.kernels.torch_device import Compiled, TorchKernels

OBVIOUS = ReferenceKernels()
CPU = torch.device("cpu")
DEVICES = ["torch:cpu", *(["torch:cuda", "cuda"] if torch.cuda.is_available() else [])]
every_device = pytest.mark.parametrize("device", DEVICES)
"""All that this machine has: where there is a GPU, its kernels pass the same tests."""
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


@every_device
@settings(deadline=None, max_examples=60)
@given(boards(), st.sampled_from([1 << 10, 1 << 23]))
def test_every_kernel_agrees_with_the_obvious_one(device, board, memory):
    columns, order, n, m = board
    stripes, batched = order.reshape(-1, m), torch_device.on(device, memory)
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
        batched = torch_device.on("torch:cpu", memory)
        floors = batched.floors(columns, stripes, 2)
        gains, places = batched.group_gains(columns, stripes, pairs, 2)
        answers.append((floors, batched.slot_values(floors, columns), gains, places))
    for others in answers[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(answers[0], others, strict=True))


@every_device
@settings(deadline=None, max_examples=12)
@given(st.sampled_from([(2, 4, 2), (2, 4, 3), (1, 3, 3), (1, 2, 4), (1, 3, 4)]), st.integers(0, 99))
def test_groups_of_stripes_share_as_the_obvious_kernel_does(device, shape, seed):
    n, m, size = shape
    rng = np.random.default_rng(seed)
    columns = rng.integers(0, 50, (5 * m, 7)).astype(np.float32)
    stripes = rng.permutation(5 * m).reshape(-1, m)
    groups = np.stack([rng.permutation(5)[:size] for _ in range(6)])
    gains, places = torch_device.on(device, 1 << 16).group_gains(columns, stripes, groups, n)
    assert np.array_equal(gains, OBVIOUS.group_gains(columns, stripes, groups, n)[0])
    for group, gain, place in zip(stripes[groups], gains, places, strict=True):
        shared = group.ravel()[place].reshape(size, m)
        assert sorted(shared.ravel()) == sorted(group.ravel())
        value = OBVIOUS.stripe_values(columns, shared, n).sum()
        assert value - OBVIOUS.stripe_values(columns, group, n).sum() == gain


@every_device
def test_many_rows_do_not_drown_small_gains(device):
    rows = 100_000
    columns = np.full((2, rows), 0.7, dtype=np.float32)
    columns[1, 0] += np.float32(0.25)
    values = torch_device.on(device).slot_values(np.zeros((1, rows), dtype=np.float32), columns)
    assert values[0, 1] - values[0, 0] == pytest.approx(0.25, abs=0.01)
    kept = torch_device.on(device).stripe_values(columns, np.array([[0], [1]]), 1)
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


@every_device
def test_columns_that_change_are_seen(device):
    columns = np.zeros((4, 3), dtype=np.float32)
    stripes = np.arange(4).reshape(1, 4)
    assert torch_device.on(device).stripe_values(columns, stripes, 2)[0] == 0
    columns[:] = 1
    assert torch_device.on(device).stripe_values(columns, stripes, 2)[0] == 6


@every_device
@settings(deadline=None, max_examples=40)
@given(boards(), st.sampled_from([0.0, 0.3, 5.0]), st.integers(0, 2**63), st.integers(2, 6))
def test_annealing_moves_channels_only_and_repeats_itself(device, board, temperature, seed, opened):
    columns, order, n, m = board
    rounds = Rounds(opened, 5, temperature, 3)
    found = []
    for _ in range(2):
        orders, states = np.stack([order, order]), np.array([[seed], [seed + 1]], dtype=np.uint64)
        torch_device.on(device).anneal(columns, orders, NMPattern(n, m), rounds, states)
        found.append((orders.tolist(), states.tolist()))
    assert found[0] == found[1]
    assert all(sorted(chain) == list(range(len(order))) for chain in found[0][0])


@every_device
def test_a_chain_does_not_depend_on_the_others(device):
    columns = np.random.default_rng(0).random((48, 20), dtype=np.float32)
    rounds, start = Rounds(4, 8, 0.4, 20), np.tile(np.arange(48), (3, 1))
    states = np.array([[1], [2], [3]], dtype=np.uint64)
    together, alone = start.copy(), start.copy()
    torch_device.on(device).anneal(columns, together, NMPattern(2, 4), rounds, states.copy())
    for chain in range(3):
        torch_device.on(device).anneal(
            columns, alone[chain : chain + 1], NMPattern(2, 4), rounds, states[[chain]]
        )
    assert np.array_equal(together, alone)


@every_device
@pytest.mark.parametrize(("n", "m"), [(2, 4), (1, 2), (3, 8)])
def test_without_heat_annealing_never_loses(device, n, m):
    columns = np.random.default_rng(1).random((6 * m, 30), dtype=np.float32)
    orders, states = np.arange(6 * m)[None].copy(), np.zeros((1, 1), dtype=np.uint64)
    values = []
    for _ in range(30):
        values.append(OBVIOUS.stripe_values(columns, orders.reshape(-1, m), n).sum())
        torch_device.on(device).anneal(
            columns, orders, NMPattern(n, m), Rounds(4, 8, 0.0, 2), states
        )
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


@every_device
@pytest.mark.parametrize("m", [2, 3])
@pytest.mark.parametrize("limit", [1000, 1], ids=["heat bath", "Metropolis"])
def test_a_temperature_means_boltzmann_s_distribution_as_on_the_cpu(monkeypatch, device, m, limit):
    monkeypatch.setattr("permviz.kernels.torch_anneal._MOST_SUBSETS", limit)
    columns = np.random.default_rng(2).random((2 * m, 5), dtype=np.float32)
    temperature = 0.4
    expected = {}
    for line in subsets.subsets(m)[: subsets.count(m) // 2]:
        both = np.stack([line, np.setdiff1d(np.arange(2 * m), line)])
        value = OBVIOUS.stripe_values(columns, both, 1).sum()
        expected[tuple(line.tolist())] = np.exp(value / temperature)
    share = sum(expected.values())
    for kernels in (torch_device.on(device), NumbaKernels()):
        found = visited(kernels, columns, m, temperature)
        for line, weight in expected.items():
            assert found.get(line, 0.0) == pytest.approx(weight / share, abs=0.04)


def interpreted(program):
    """What a program of Triton's interpreter prints, line by line."""
    done = subprocess.run(
        [sys.executable, "-W", "error", Path(__file__).with_name(program)],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"TRITON_INTERPRET": "1"},
    )
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines()]


def test_triton_s_table_agrees_with_the_obvious_one_in_the_interpreter():
    [[tables, error]] = interpreted("interpreted_triton.py")
    assert int(tables) == 34
    assert float(error) < 1e-5


def test_triton_s_annealing_does_as_the_obvious_kernels_say_in_the_interpreter():
    [[error], *orders] = interpreted("interpreted_annealing.py")
    assert float(error) < 1e-6
    assert len(orders) == 3
    for before, after, whole in orders:
        assert float(after) > 1.003 * float(before)
        assert whole == "True"


def test_a_triton_table_takes_the_place_of_torch_s():
    asked = []

    def table(floors, columns):
        asked.append(len(floors))
        return torch.full((len(floors), len(columns)), 7.0, dtype=torch.float64)

    compiled = Compiled(table, lambda *_: False, None)
    kernels = TorchKernels(CPU, 8 * 6 * 2, compiled)
    columns = np.ones((6, 3), dtype=np.float32)
    assert np.array_equal(kernels.slot_values(columns[:5], columns), np.full((5, 6), 7.0))
    assert asked == [2, 2, 1]  # two lines at a time fit


def test_narrow_blocks_stay_on_the_host_where_triton_is(monkeypatch):
    monkeypatch.setattr("permviz.kernels.torch_device._WIDE", 24)
    compiled = TorchKernels(CPU, 1000, Compiled(None, None, None), threads=3)
    narrow, wide = np.ones((4, 5), dtype=np.float32), np.ones((4, 6), dtype=np.float32)
    assert compiled.suited(wide) is compiled
    assert isinstance(compiled.suited(narrow), NumbaKernels)
    assert compiled.suited(narrow).threads == 3
    plain = torch_device.on("torch:cpu")
    assert plain.suited(narrow) is plain


def test_where_triton_cannot_compile_the_cpu_is_left(monkeypatch):
    with pytest.raises(StrategyError, match='"torch:cpu" to do without it, or "cpu"'):
        torch_device._compiled(CPU)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch_device, "_compiled", no_compiler)
    torch_device.cuda_is_there.cache_clear()
    assert select.resolved("auto") == "cpu"
    assert select.devices() == ("auto", "cpu")
    torch_device.cuda_is_there.cache_clear()


def no_compiler(_):
    raise StrategyError("no compiler")


@pytest.mark.parametrize("names", [["cuda"], ["cuda:0", "cuda:1"]])
def test_devices_are_named_as_torch_names_them(monkeypatch, names):
    monkeypatch.setattr(torch_device, "cuda_is_there", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(names))
    assert select.devices() == ("auto", "cpu", *names)


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
    monkeypatch.setattr(torch_device, "on", lambda *given: asked.append(given))
    select.select("auto", threads=3)
    assert asked == [("cuda", None, 3)]
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
