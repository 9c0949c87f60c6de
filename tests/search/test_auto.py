import subprocess
import sys

import numpy as np
import pytest

from permviz.core.pattern import NMPattern
from permviz.core.problem import SearchProblem
from permviz.core.score import retained, row_optimum
from permviz.kernels.numba_cpu import NumbaKernels
from permviz.search.anneal import Anneal, deviation, evenness
from permviz.search.assignment import Assignment
from permviz.search.auto import Auto
from permviz.search.ledger import StripeLedger
from permviz.search.room import room
from permviz.search.run import search
from permviz.search.runner import Limits, run
from permviz.search.strategy import Block

FAST = NumbaKernels()
PATTERN = NMPattern(2, 4)


def block_of(scores):
    return Block.of(scores, PATTERN)


@pytest.mark.parametrize("strategy", [Anneal(sweeps=20), Auto(sweeps=20)])
def test_a_wide_block_is_dealt_out_alike_on_any_threads(strategy):
    # 131 stripes do not go up in two hands, so some sit out at every deal.
    scores = np.random.default_rng(0).random((40, 524), dtype=np.float32)
    problem = SearchProblem.of(scores)
    one, two = (run(problem, strategy, NumbaKernels(threads), Limits(3)) for threads in (1, 2))
    assert one.permutation == two.permutation
    assert one.efficacy > 20


def test_the_heat_is_that_of_most_channels_not_of_a_few_large_ones():
    scores = np.random.default_rng(0).random((64, 128))
    even = deviation(block_of(scores), np.random.default_rng(1), FAST)
    scores[:, :8] *= 0.01
    scores[:, 8:] *= 0.01
    scores[:, :8] *= 1000
    block = block_of(scores)
    uneven = deviation(block, np.random.default_rng(1), FAST) * block.scale
    assert uneven < 0.1 * even


def test_an_order_that_keeps_all_that_rows_keep_leaves_no_room():
    rng = np.random.default_rng(0)
    scores = np.tile([9.0, 8.0, 1.0, 2.0], (8, 16)) + rng.random((8, 64))
    good, bad = np.arange(64), np.arange(64).reshape(-1, 4).T.ravel()
    block = block_of(scores)
    assert room(good, block, rng, FAST) < 0.02
    assert room(bad, block, rng, FAST) == 1
    assert room(good, block_of(np.ones((8, 64))), rng, FAST) == 1


def test_room_is_what_efficacy_leaves_wherever_the_rows_end():
    scores = np.random.default_rng(0).random((150, 32))
    scores[scores < 0.6] = 0
    found = search(scores, "channel_swap")
    draws = np.random.default_rng(1)
    orders = [draws.permutation(32) for _ in range(3)]
    kept = np.mean([retained(scores[:, order], PATTERN) for order in orders])
    most = row_optimum(scores, PATTERN)
    left = room(found.permutation.order, block_of(scores), np.random.default_rng(1), FAST)
    assert left == pytest.approx((most - found.retained) / (most - kept))


def test_cold_sweeps_end_at_the_order_that_they_return():
    block = block_of(np.random.default_rng(0).random((32, 64)))
    start, rng = np.arange(64), np.random.default_rng(0)
    steps = Anneal().cold_sweeps(start, 10, block, rng, FAST)
    proposed, returned = drained(steps)
    ledger = StripeLedger(block, FAST)
    assert np.array_equal(proposed[-1], returned)
    assert ledger.value(returned) > ledger.value(np.arange(64))


def test_reassignment_goes_on_from_an_order():
    block = block_of(np.random.default_rng(0).random((32, 256)))
    start = np.random.default_rng(1).permutation(256)
    steps = Assignment(patience=5).rounds(start, block, np.random.default_rng(2), FAST)
    proposed, returned = drained(steps)
    assert np.array_equal(proposed[-1], returned)
    values = [StripeLedger(block, FAST).value(order) for order in (start, *proposed)]
    assert np.all(np.diff(values) > 0)


def test_one_stripe_is_left_as_it_is():
    block = block_of(np.random.default_rng(0).random((3, 4)))
    rng = np.random.default_rng(0)
    for steps in (
        Anneal().cold_sweeps(np.arange(4), 3, block, rng, FAST),
        Assignment().rounds(np.arange(4), block, rng, FAST),
    ):
        assert drained(steps)[1].tolist() == [0, 1, 2, 3]


def test_auto_says_that_nothing_is_lost_where_it_finds_such_an_order():
    rng = np.random.default_rng(0)
    kept = np.tile([1.0, 1.0, 0.0, 0.0], (24, 16))
    for row in kept:
        row[:] = rng.permuted(row.reshape(16, 4), axis=1).ravel()
    scores = (kept * (0.5 + rng.random(kept.shape)))[:, rng.permutation(64)]
    found = search(scores, "auto", budget=20.0)
    assert found.efficacy == pytest.approx(100)
    assert found.trace.finished.reason == "perfect"


def test_auto_goes_on_where_an_order_that_loses_nothing_cannot_be():
    scores = np.zeros((32, 32))
    # Sixteen non-zeros a row fit eight stripes by count, in too many ways at once.
    for row, values in enumerate(scores):
        chosen = np.random.default_rng(row).permutation(32)[:16]
        values[chosen] = 1 + np.arange(16)
    found = search(scores, "auto", budget=0.5)
    assert 0 < found.efficacy < 100


def drained(steps):
    """All orders that were proposed, and what the search returned."""
    proposed = []
    while True:
        try:
            order = next(steps)
        except StopIteration as ended:
            return proposed, ended.value
        if order is not None:
            proposed.append(order)


def test_gains_are_less_even_where_channels_differ():
    rng = np.random.default_rng(0)
    scores = np.abs(rng.standard_normal((32, 512)))
    differing = scores * np.exp(rng.standard_normal(512))
    assert evenness(block_of(scores), rng, FAST) == pytest.approx(1, abs=0.1)
    assert evenness(block_of(differing), rng, FAST) < 0.55
    assert evenness(block_of(np.ones((8, 64))), rng, FAST) == 1


def test_a_hurried_annealing_of_uneven_channels_is_alike_on_any_threads():
    # The table of all swaps does not fit this memory, and the sweeps are few.
    rng = np.random.default_rng(0)
    scores = np.abs(rng.standard_normal((8, 640))) * np.exp(rng.standard_normal(640))
    problem, limits = SearchProblem.of(scores), Limits(3, memory=1 << 20)
    one, two = (run(problem, Auto(sweeps=400), NumbaKernels(n), limits) for n in (1, 2))
    assert one.permutation == two.permutation
    assert one.efficacy > 99


def test_a_process_loads_its_kernels_outside_the_budget_of_its_first_search():
    script = (
        "import numpy, permviz; "
        "found = permviz.search(numpy.random.RandomState(0).rand(64, 128), budget=0.05); "
        "print(found.efficacy)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) > 20
