"""What every strategy must do, whichever it is."""

from functools import cache
from itertools import pairwise, permutations
from threading import Thread

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from permviz.core.pattern import NMPattern
from permviz.core.problem import SearchProblem
from permviz.core.score import retained
from permviz.core.trace import Finished, Improved, Started
from permviz.errors import StrategyError
from permviz.kernels.numba_cpu import NumbaKernels
from permviz.kernels.reference import ReferenceKernels
from permviz.kernels.subsets import feasible
from permviz.search.control import Control
from permviz.search.registry import describe, make, parse, strategies
from permviz.search.run import search
from permviz.search.runner import Limits, run

FAST = NumbaKernels()
STRATEGIES = [
    "random(count=20)",
    "channel_swap(escapes=0)",
    "channel_swap(escapes=20)",
    "osg(stripes=2, escapes=0)",
    "osg(stripes=2, escapes=20)",
    "channel_swap(escapes=3, restarts=2)",
    "assignment(patience=3, restarts=1)",
    "anneal(sweeps=20, restarts=1)",
    "osg(stripes=3, escapes=1)",
    "osg(stripes=4, escapes=0)",
    "assignment(patience=3)",
    "anneal(opened=4, sweeps=30, chains=2, hot=0.2, cold=0.06)",
    "auto(sweeps=30)",
]
SMALL = ["exact", "enumerate"]  # for a few channels, and refused for more
OTHER = ["perfect"]  # ends at once where nothing perfect can be found
every_strategy = pytest.mark.parametrize("text", STRATEGIES)


def test_the_list_above_covers_the_registry():
    assert {parse(text).name for text in [*STRATEGIES, *SMALL, *OTHER]} == set(strategies())


@st.composite
def problems(draw, most=26):
    n, m = draw(st.sampled_from([(2, 4), (1, 4), (1, 2), (2, 3), (3, 4)]))
    rows, channels = draw(st.integers(1, 6)), draw(st.integers(1, most))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scores = rng.random((rows, channels)) ** draw(st.integers(0, 6))
    scores[rng.random(scores.shape) < draw(st.sampled_from([0.0, 0.5, 0.95]))] = 0
    scores *= draw(st.sampled_from([1.0, 1e-30, 1e30]))
    cut = draw(st.integers(0, channels))
    blocks = draw(st.sampled_from([None, [range(cut), range(cut, channels)]]))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    return SearchProblem.of(scores.astype(dtype), NMPattern(n, m), blocks)


@pytest.mark.parametrize("text", [*STRATEGIES, *OTHER])
@settings(deadline=None, max_examples=15)
@given(problem=problems(), seed=st.integers(0, 99))
def test_results_are_what_they_say(text, problem, seed):
    check_result(problem, text, seed)


@pytest.mark.parametrize("text", SMALL)
@settings(deadline=None, max_examples=25)
@given(problem=problems(most=12))
def test_small_results_and_traces_are_what_they_say(text, problem):
    check_result(problem, text, 0)
    check_trace(problem, text)


def check_result(problem, text, seed):
    events = []
    result = run(problem, parse(text), FAST, Limits(seed), events.append)
    order = result.permutation.order
    assert sorted(order) == list(range(problem.channels))
    for block in problem.blocks:
        assert set(order[block]) == set(block)
    assert np.array_equal(order[problem.remainder], problem.remainder)
    assert result.retained == pytest.approx(problem.retained(order), rel=1e-12)
    slack = 1e-6 * problem.scores.sum(dtype=np.float64)
    assert problem.baseline - slack <= result.retained <= problem.row_optimum + slack
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Finished)
    assert [e for e in events if isinstance(e, Improved)] == list(result.trace.improvements)


@pytest.mark.parametrize("text", [*STRATEGIES, *OTHER])
@settings(deadline=None, max_examples=15)
@given(problem=problems())
def test_traces_rise_and_replay(text, problem):
    check_trace(problem, text)


def check_trace(problem, text):
    result = run(problem, parse(text), FAST, Limits())
    values = [step.retained for step in result.trace.improvements]
    assert all(later > earlier for earlier, later in pairwise(values))
    assert result.trace.replay() == result.permutation
    for count, value in enumerate(values, start=1):
        order = result.trace.replay(count).order
        assert value == pytest.approx(problem.retained(order), rel=1e-5)


@every_strategy
def test_the_same_seed_gives_the_same_order_on_any_threads(text):
    strategy = parse(text)
    wide = getattr(strategy, "stripes", 2) == 2
    channels = 512 if wide else 64
    scores = np.random.default_rng(5).random((64, channels), dtype=np.float32)
    problem = SearchProblem.of(scores, blocks=[range(40), range(40, channels)])
    first, second, other = (
        run(problem, strategy, NumbaKernels(threads), Limits(seed)).permutation
        for threads, seed in ((1, 1), (2, 1), (1, 2))
    )
    assert first == second
    random = strategy.name in ("random", "assignment", "anneal", "auto")
    random = random or getattr(strategy, "escapes", 0) > 0 or not wide
    assert random or first == other


@every_strategy
def test_reference_and_fast_kernels_lead_to_equal_scores(text):
    scores = np.random.default_rng(3).integers(0, 50, (9, 24)).astype(np.float32)
    problem = SearchProblem.of(scores)
    fast = run(problem, parse(text), FAST, Limits(4))
    slow = run(problem, parse(text), ReferenceKernels(), Limits(4))
    assert fast.retained == slow.retained


@cache
def best_by_brute_force(seed, n, m):
    scores = np.random.default_rng(seed).random((4, 2 * m))
    orders = (np.array(order) for order in permutations(range(2 * m)) if order[0] == 0)
    return max(retained(scores[:, order], NMPattern(n, m)) for order in orders)


@pytest.mark.parametrize(("n", "m"), [(1, 2), (2, 3), (1, 3)])
@pytest.mark.parametrize("text", ["osg(stripes=2)", "osg(stripes=4)", "auto"])
@pytest.mark.parametrize("seed", range(5))
def test_two_stripes_are_solved_exactly(text, n, m, seed):
    scores = np.random.default_rng(seed).random((4, 2 * m))
    found = search(scores, text, pattern=NMPattern(n, m))
    assert found.retained == pytest.approx(best_by_brute_force(seed, n, m))


@every_strategy
def test_a_cancelled_search_keeps_the_best_so_far(text):
    control = Control()
    events = []

    def cancel_at_the_first_improvement(event):
        events.append(event)
        if isinstance(event, Improved):
            control.cancel()

    problem = SearchProblem.of(np.random.default_rng(0).random((16, 128)))
    result = run(
        problem, parse(text), FAST, Limits(0, None, control), cancel_at_the_first_improvement
    )
    assert result.trace.finished.reason == "cancelled"
    assert len(result.trace.improvements) == 1
    assert result.retained > result.baseline


@every_strategy
def test_a_spent_budget_ends_the_search_and_says_so(text):
    problem = SearchProblem.of(np.random.default_rng(0).random((64, 256)))
    result = run(problem, parse(text), FAST, Limits(0, 1e-9))
    assert result.trace.finished.reason == "budget"
    assert result.retained >= result.baseline


@every_strategy
def test_pause_and_resume_change_nothing(text):
    problem = SearchProblem.of(np.random.default_rng(2).random((16, 32)))
    control = Control()
    found = []
    paused = []

    def pause_once(event):
        if isinstance(event, Improved) and not paused:
            paused.append(True)
            control.pause()

    searching = Thread(
        target=lambda: found.append(
            run(problem, parse(text), FAST, Limits(7, None, control), pause_once)
        )
    )
    searching.start()
    while not paused:
        searching.join(0.01)
    assert control.paused
    searching.join(0.05)
    assert searching.is_alive()
    control.resume()
    searching.join()
    assert found[0].permutation == run(problem, parse(text), FAST, Limits(7)).permutation


@every_strategy
@pytest.mark.parametrize(
    "scores",
    [
        np.zeros((3, 16)),
        np.ones((3, 16)),
        np.ones((1, 1)),
        np.ones((2, 3)),
        np.ones((2, 4)),
        np.full((2, 8), 1e-320),
        np.full((2, 8), 1e307),
        np.eye(16, dtype=np.float16),
    ],
    ids=["zeros", "constant", "one", "narrow", "one stripe", "denormal", "huge", "half"],
)
def test_degenerate_scores_are_defined(text, scores):
    result = search(scores, text)
    assert 0 <= result.efficacy <= 100 or result.efficacy == pytest.approx(100)
    assert len(result.permutation) == scores.shape[1]


@every_strategy
@pytest.mark.parametrize("pattern", ["1:2", "1:4", "2:4", "3:4", "2:8", "4:8"])
def test_every_pattern_comes_near_the_best_and_never_above(text, pattern):
    parsed, strategy = NMPattern.parse(pattern), parse(text)
    if not feasible(parsed.m, getattr(strategy, "stripes", 2)):
        return
    channels = {2: 8, 4: 12, 8: 16}[parsed.m]
    scores = np.random.default_rng(6).random((6, channels))
    best = search(scores, "exact", pattern=parsed)
    found = search(scores, strategy, pattern=parsed)
    assert found.retained <= best.retained * (1 + 1e-6)
    # Twenty draws may all be worse than the order as given.
    assert found.retained > found.baseline or strategy.name == "random"


@every_strategy
@pytest.mark.parametrize(
    ("rows", "channels"), [(100_000, 8), (2, 4096), (8, 16_384)], ids=["tall", "wide", "widest"]
)
def test_extreme_shapes_are_searched_within_a_budget(text, rows, channels):
    scores = np.random.default_rng(1).random((rows, channels), dtype=np.float32)
    found = search(scores, text, budget=0.1)
    assert found.baseline <= found.retained <= found.row_optimum * (1 + 1e-6)


@every_strategy
@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_scores_of_any_float_are_searched_as_what_they_are(text, kind):
    scores = torch.rand(6, 20, generator=torch.Generator().manual_seed(0)).to(kind)
    plain = scores.double().numpy()
    found = search(scores, text)
    assert found.retained == pytest.approx(
        retained(plain[:, found.permutation.order], NMPattern(2, 4)), rel=1e-6
    )
    assert found.retained >= found.baseline


@every_strategy
def test_less_memory_than_the_tables_need_still_finds_something(text):
    scores = np.random.default_rng(1).random((4, 512), dtype=np.float32)
    found = search(scores, text, memory=1 << 20, budget=0.5)
    assert found.retained > found.baseline


@every_strategy
def test_text_and_object_are_the_same(text):
    strategy = parse(text)
    assert parse(describe(strategy)) == strategy
    assert len(describe(strategy)) <= len(text)
    assert make(strategy.name, **strategies()[strategy.name]) == parse(strategy.name)


def test_a_pattern_with_too_many_subsets_is_refused_by_pairs_only():
    scores = np.random.default_rng(0).random((2, 64))
    with pytest.raises(StrategyError, match="channel_swap"):
        search(scores, "osg", pattern="2:16")
    assert search(scores, "auto", pattern="2:16").retained > 0
