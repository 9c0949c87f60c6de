"""Upper bounds: valid always, and proofs where they are claimed."""

from threading import Thread

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from permviz.core.pattern import NMPattern
from permviz.core.problem import SearchProblem
from permviz.core.trace import Bounded, Finished, Improved
from permviz.errors import StrategyError
from permviz.kernels.numba_cpu import NumbaKernels
from permviz.search import bound, near, pricing
from permviz.search.control import Control
from permviz.search.registry import parse
from permviz.search.run import search
from permviz.search.runner import Limits, run

FAST = NumbaKernels()
PUBLISHED = np.random.RandomState(1).rand(128, 64)


@st.composite
def scored(draw, channels):
    """Scores of many kinds: uniform, heavy-tailed, sparse, constant, repeated, zero rows."""
    rows = draw(st.integers(1, 20))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scores = rng.random((rows, channels)) ** draw(st.integers(0, 6))
    scores[rng.random(scores.shape) < draw(st.sampled_from([0.0, 0.5, 0.9]))] = 0
    scores[rng.random(rows) < draw(st.sampled_from([0.0, 0.3]))] = 0
    if draw(st.booleans()):
        scores = scores[:, rng.integers(0, max(1, channels // 3), channels)]
    scores *= draw(st.sampled_from([1.0, 1e-30, 1e30]))
    return scores.astype(draw(st.sampled_from([np.float32, np.float64])))


@st.composite
def small_problems(draw):
    n, m, stripes = draw(
        st.sampled_from(
            [(2, 4, 3), (1, 4, 2), (3, 4, 3), (1, 2, 5), (2, 3, 4), (1, 3, 3), (4, 8, 2), (2, 5, 2)]
        )
    )
    return draw(scored(stripes * m + draw(st.integers(0, 1)))), NMPattern(n, m)


@settings(deadline=None, max_examples=300)
@given(small_problems(), st.sampled_from(["random(count=1)", "channel_swap"]))
def test_no_order_exceeds_the_bound_and_proofs_are_true(problem, text):
    scores, pattern = problem
    best = search(scores, "exact", pattern=pattern)
    found = search(scores, text, pattern=pattern, bound="lp")
    slack = 1e-6 * best.retained
    assert found.bound >= best.retained - slack
    assert found.retained <= found.bound + slack
    assert found.bound <= found.row_optimum + slack
    if found.gap == 0:
        assert found.retained == pytest.approx(best.retained, rel=1e-6)
    for event in found.trace.bounds:
        assert event.bound >= best.retained - slack


@pytest.mark.parametrize("seed", range(6))
def test_the_known_optima_are_proved_from_any_start(seed):
    scores = np.random.RandomState(seed).rand(32, 16)
    found = search(scores, "random(count=1)", bound="lp")
    assert found.gap == 0
    assert found.bound == found.retained
    assert found.trace.finished.reason == "optimal"
    assert found.bound_by == "proof"
    assert found.retained == pytest.approx(search(scores, "exact").retained, rel=1e-6)


def test_the_published_example_is_proved_optimal():
    events = []
    found = search(PUBLISHED, "anneal", sweeps=50, bound="lp", on_event=events.append)
    assert found.efficacy == pytest.approx(39.2594, abs=1e-4)
    assert found.gap == 0
    assert [e for e in events if isinstance(e, Bounded)] == list(found.trace.bounds)
    bounds = [event.bound for event in found.trace.bounds]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[-1] == found.bound
    assert found.trace.replay() == found.permutation
    kept = [step.retained for step in found.trace.improvements]
    assert kept == sorted(kept)


def test_every_result_has_a_bound():
    scores = np.random.default_rng(0).random((6, 12))
    plain = search(scores, "channel_swap")
    assert plain.bound == plain.row_optimum
    assert plain.bound_by == "row optimum"
    assert plain.gap == pytest.approx(100 - plain.efficacy)
    for text in ("exact", "enumerate", "auto"):
        proved = search(scores, text)
        assert proved.gap == 0
        assert proved.bound == proved.retained
        assert proved.trace.finished.reason == "optimal"


def test_the_last_circle_reaches_the_order_that_is_optimal_already():
    scores = np.random.default_rng(0).random((64, 40))
    first = search(scores, "random(count=1)", bound="lp")
    again = search(scores[:, first.permutation.order], "random(count=1)", bound="lp")
    assert first.gap == again.gap == 0
    assert again.retained == pytest.approx(first.retained, rel=1e-9)


def test_bounds_of_blocks_add_up():
    scores = np.random.default_rng(1).random((10, 22))
    cuts = [range(9), range(9, 22)]
    found = search(scores, "random(count=1)", blocks=cuts, bound="lp")
    best = search(scores, "exact", blocks=cuts)
    assert found.gap == best.gap == 0
    assert found.retained == pytest.approx(best.retained, rel=1e-6)


def test_one_open_block_leaves_the_others_proved(monkeypatch):
    scores = np.random.default_rng(2).random((10, 28))
    cuts = [range(8), range(8, 28)]
    monkeypatch.setattr(bound, "MOST_WORK", 20_000)
    found = search(scores, "random(count=1)", blocks=cuts, bound="lp")
    best = search(scores, "exact", blocks=cuts)
    assert "proof; row optimum, since 20 channels have" in found.bound_by
    assert best.retained <= found.bound < found.row_optimum


def test_what_is_too_large_falls_back_to_the_row_optimum_and_says_why():
    found = search(np.random.default_rng(0).random((2, 64)), "random(count=1)", pattern="8:32",
                   bound="lp")  # fmt: skip
    assert found.bound == found.row_optimum
    assert "64 channels have 1.83e+18 stripes of 32" in found.bound_by


def test_too_many_stripes_near_the_bound_leave_a_gap(monkeypatch):
    monkeypatch.setattr(near, "_MOST_STRIPES", 60)
    scores = np.random.RandomState(3).rand(64, 32)
    found = search(scores, "random(count=1)", bound="lp")
    best = search(scores, "anneal(sweeps=500)", bound="lp")
    assert 0 < found.gap < 100 - found.efficacy
    assert found.bound >= best.retained
    assert found.bound_by.startswith("linear program")


@pytest.mark.parametrize(
    "scores",
    [np.zeros((3, 16)), np.ones((3, 16)), np.ones((1, 1)), np.ones((2, 4)), np.eye(16),
     np.full((2, 8), 1e-320), np.full((2, 8), 1e307), np.repeat(np.eye(8), 4, axis=1)],
    ids=["zeros", "constant", "one", "one stripe", "eye", "denormal", "huge", "repeated"],
)  # fmt: skip
def test_degenerate_scores_have_a_bound(scores):
    found = search(scores, "channel_swap", bound="lp")
    assert found.retained <= found.bound <= found.row_optimum * (1 + 1e-9)
    assert 0 <= found.gap <= 100


def test_answers_do_not_depend_on_threads(monkeypatch):
    scores = np.random.RandomState(5).rand(24, 40)
    results = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(pricing, "cores", lambda threads=threads: threads)
        found = search(scores, "anneal(sweeps=20)", bound="lp")
        results.append((found.permutation, [event.bound for event in found.trace.bounds]))
    assert results[0] == results[1] == results[2]


def _cancelled_by(kind):
    control = Control()

    def cancel(event):
        if isinstance(event, kind):
            control.cancel()

    return control, cancel


def test_a_cancelled_proof_keeps_the_best_order_and_the_lowest_bound():
    control, cancel = _cancelled_by(Bounded)
    problem = SearchProblem.of(PUBLISHED)
    limits = Limits(0, None, control, bound="lp")
    found = run(problem, parse("anneal(sweeps=20)"), FAST, limits, cancel)
    assert found.trace.finished.reason == "cancelled"
    assert len(found.trace.bounds) == 1
    assert found.retained < found.bound == found.trace.bounds[0].bound <= found.row_optimum


def test_a_spent_budget_ends_search_and_proof():
    found = search(PUBLISHED, "auto", budget=0.05, bound="lp")
    assert found.trace.finished.reason == "budget"
    assert found.bound >= 0.39259 * (found.row_optimum - found.baseline) + found.baseline


def test_the_search_leaves_the_proof_its_share_of_the_budget():
    events = []
    found = search(
        np.random.RandomState(0).rand(32, 24), "anneal", budget=2.0, bound="lp",
        on_event=events.append,
    )  # fmt: skip
    assert found.gap == 0
    assert isinstance(events[-1], Finished)
    assert any(isinstance(event, Improved) for event in events)


def test_perfect_and_impossible_searches_are_bounded_too():
    scores = np.zeros((4, 16))
    scores[:, :8] = 1
    perfect = search(scores, "perfect", bound="lp")
    assert perfect.trace.finished.reason == "perfect"
    assert perfect.gap == 0
    dense = np.random.default_rng(0).random((6, 12))
    impossible = search(dense, "perfect", bound="lp")
    assert impossible.trace.finished.reason == "impossible"
    assert impossible.gap == 0
    assert impossible.retained == pytest.approx(search(dense, "exact").retained, rel=1e-6)


def test_pausing_a_proof_changes_nothing():
    problem = SearchProblem.of(np.random.RandomState(5).rand(24, 40))
    control, found = Control(), []

    def pause(event):
        if isinstance(event, Bounded):
            control.pause()

    limits = Limits(0, None, control, bound="lp")
    proving = Thread(
        target=lambda: found.append(run(problem, parse("anneal(sweeps=20)"), FAST, limits, pause))
    )
    proving.start()
    while proving.is_alive():
        proving.join(0.01)
        control.resume()
    whole = run(problem, parse("anneal(sweeps=20)"), FAST, Limits(bound="lp"))
    assert found[0].permutation == whole.permutation
    assert [e.bound for e in found[0].trace.bounds] == [e.bound for e in whole.trace.bounds]


def test_unknown_bounds_are_refused():
    with pytest.raises(StrategyError, match="choose lp, or None"):
        search(np.ones((1, 4)), bound="oracle")
