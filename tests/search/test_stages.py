"""Searches inside another: their share of the budget, their best, and whether they are in time."""

import numpy as np

from permviz.core.pattern import NMPattern
from permviz.kernels.numba_cpu import NumbaKernels
from permviz.search.auto import Auto
from permviz.search.exact import Exact, looks
from permviz.search.ledger import StripeLedger
from permviz.search.stages import best_of, for_share, while_in_time
from permviz.search.strategy import Block

FAST = NumbaKernels()
SMALL = Block.of(np.random.RandomState(1).rand(64, 20), NMPattern(2, 4))


def run(steps, spent):
    """All that a search proposes, and what it returns, as its budget is spent by `spent`."""
    found = [next(steps)]
    for share in spent:
        try:
            found.append(steps.send(share))
        except StopIteration as ended:
            return found, ended.value
    return found, "goes on"


def asked(returned=None):
    """A search that proposes how much of its budget is spent."""
    spent = yield "begun"
    while True:
        spent = yield spent
        if spent is not None and spent > 0.9:
            return returned


def test_a_search_has_its_share_for_the_whole_and_ends_with_it():
    found, ended = run(for_share(asked(), 0.5), [0.1, 0.4, 0.5])
    assert found == ["begun", 0.2, 0.8]
    assert ended is None
    found, ended = run(for_share(asked("optimal"), 0.5), [0.1, 0.46])
    assert ended == "optimal"
    found, ended = run(for_share(asked(), 0.5), [None, None])
    assert found == ["begun", None, None]


def test_the_best_of_what_is_proposed_is_returned():
    good, bad = np.arange(20), np.random.default_rng(0).permutation(20)
    ledger = StripeLedger(SMALL, FAST)
    if ledger.value(good) < ledger.value(bad):
        good, bad = bad, good

    def proposing():
        yield good
        yield None
        yield bad

    found, best = run(best_of(proposing(), bad, SMALL, FAST), [None] * 3)
    assert [order is None for order in found] == [False, True, False]
    assert best is good


def counting(steps):
    """A search that is worth nothing before its end."""
    for _ in range(steps):
        yield None
    return "optimal"


def test_a_search_that_will_not_be_in_time_is_given_up_at_once():
    found, ended = run(while_in_time(counting(100), 100), [0.2, 0.3])
    assert (len(found), ended) == (2, None)


def test_a_search_that_will_be_in_time_is_let_through():
    for spent in (np.linspace(0.2, 0.9, 101), [None] * 101):
        found, ended = run(while_in_time(counting(100), 100), spent)
        assert (len(found), ended) == (101, "optimal")


def test_exact_looks_at_the_clock_as_often_as_it_says():
    for channels in (8, 12, 20):
        block = Block.of(np.random.RandomState(1).rand(4, channels), NMPattern(2, 4))
        steps = Exact().steps(block, np.random.default_rng(0), FAST)
        assert sum(1 for _ in steps) == looks(channels)


def gained(spent):
    """What `auto` gains on a small block whose budget is spent by `spent`, and how it ends."""
    ledger, start = StripeLedger(SMALL, FAST), np.arange(20)
    found, ended = run(Auto().steps(SMALL, np.random.default_rng(0), FAST), spent)
    values = [ledger.value(order) for order in found if order is not None]
    return max(values, default=0.0) - ledger.value(start), ended


def test_auto_has_an_order_before_the_optimum_of_a_small_block_is_known():
    optimum, ended = gained([0.001] * 100)
    assert ended == "optimal"
    hurried, ended = gained(np.linspace(0.05, 1, 12))
    assert ended == "goes on"
    assert 0.8 * optimum < hurried <= optimum
