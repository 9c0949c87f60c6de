import numpy as np
import pytest

from permviz.core.pattern import NMPattern
from permviz.kernels.numba_cpu import NumbaKernels
from permviz.search.ledger import StripeLedger
from permviz.search.strategy import Block
from permviz.search.table_anneal import TableAnneal, tabled

FAST = NumbaKernels()


def block_of(scores, pattern="2:4", memory=1 << 30):
    return Block.of(scores, NMPattern.parse(pattern), memory)


def orders(block, annealing, seed=0):
    start, rng = np.arange(block.channels), np.random.default_rng(seed)
    steps = annealing.steps_from(start, block, rng, FAST)
    return [order for order in steps if order is not None]


@pytest.mark.parametrize("pattern", ["2:4", "1:3"])
def test_it_ends_where_no_swap_gains(pattern):
    scores = np.random.default_rng(1).integers(0, 50, (8, 24)).astype(np.float32)
    block = block_of(scores, pattern)
    last = orders(block, TableAnneal(sweeps=400, chains=1))[-1]
    assert sorted(last) == list(range(24))
    ledger = StripeLedger(block, FAST)
    reached = ledger.value(last)
    for i in range(24):
        for j in range(i):
            swapped = last.copy()
            swapped[[i, j]] = swapped[[j, i]]
            assert ledger.value(swapped) <= reached


def test_each_cooling_begins_hot_again():
    block = block_of(np.random.default_rng(2).random((32, 64)))
    ledger = StripeLedger(block, FAST)
    values = [ledger.value(order) for order in orders(block, TableAnneal(2000, 1, coolings=2))]
    half = len(values) // 2
    assert min(values[half : half + half // 2]) < values[half - 1]
    assert max(values) > values[0]


def test_large_tables_are_left_to_others():
    scores = np.ones((8, 256), dtype=np.float32)
    assert tabled(block_of(scores), 2)
    assert not tabled(block_of(scores, memory=1 << 20), 2)
    assert not tabled(block_of(np.ones((1, 4100), dtype=np.float32)), 1)
    assert not tabled(block_of(np.ones((20_000, 4), dtype=np.float32)), 1)
