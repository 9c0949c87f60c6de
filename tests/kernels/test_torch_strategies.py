"""Every strategy runs unchanged on a torch device."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from permviz.core.pattern import NMPattern
from permviz.core.problem import SearchProblem
from permviz.core.trace import Improved
from permviz.kernels.select import select
from permviz.search.control import Control
from permviz.search.registry import parse
from permviz.search.run import search
from permviz.search.runner import Limits, run

DEVICES = ["torch:cpu", *(["cuda"] if torch.cuda.is_available() else [])]
"""Where there is a GPU, strategies run on that too, however narrow their blocks are."""
every_device = pytest.mark.parametrize("device", DEVICES)
STRATEGIES = [
    "random(count=9)",
    "channel_swap(escapes=3)",
    "osg(escapes=3)",
    "assignment(patience=3)",
    "anneal(opened=4, sweeps=30, chains=2)",
    "auto(sweeps=30)",
]
every_strategy = pytest.mark.parametrize("text", STRATEGIES)


@pytest.fixture(autouse=True, scope="module")
def _nothing_is_left_to_the_host():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("permviz.kernels.torch_device._WIDE", 0)
        yield


@st.composite
def problems(draw):
    n, m = draw(st.sampled_from([(2, 4), (1, 4), (1, 2), (2, 3)]))
    rows, channels = draw(st.integers(1, 6)), draw(st.integers(1, 26))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scores = rng.random((rows, channels)) ** draw(st.integers(0, 6))
    scores[rng.random(scores.shape) < draw(st.sampled_from([0.0, 0.5, 0.95]))] = 0
    scores *= draw(st.sampled_from([1.0, 1e-30, 1e30]))
    cut = draw(st.integers(0, channels))
    blocks = draw(st.sampled_from([None, [range(cut), range(cut, channels)]]))
    return SearchProblem.of(scores, NMPattern(n, m), blocks)


@every_device
@every_strategy
@settings(deadline=None, max_examples=15)
@given(problem=problems(), seed=st.integers(0, 99))
def test_results_and_traces_are_what_they_say(device, text, problem, seed):
    result = run(problem, parse(text), select(device), Limits(seed))
    order = result.permutation.order
    for block in problem.blocks:
        assert set(order[block]) == set(block)
    assert np.array_equal(order[problem.remainder], problem.remainder)
    assert result.retained == pytest.approx(problem.retained(order), rel=1e-12)
    slack = 1e-6 * problem.scores.sum(dtype=np.float64)
    assert problem.baseline - slack <= result.retained <= problem.row_optimum + slack
    assert result.trace.replay() == result.permutation
    again = run(problem, parse(text), select(device), Limits(seed))
    assert again.permutation == result.permutation


@every_device
@pytest.mark.parametrize("text", ["random(count=5)", "channel_swap(escapes=3)", "osg(escapes=3)"])
@pytest.mark.parametrize("pattern", ["2:4", "1:3"])
def test_searches_without_rounding_end_where_they_end_on_the_cpu(device, text, pattern):
    scores = np.random.default_rng(3).integers(0, 50, (9, 24)).astype(np.float32)
    found = [search(scores, text, pattern=pattern, device=name) for name in (device, "cpu")]
    assert found[0].permutation == found[1].permutation


@every_device
def test_annealing_reaches_what_it_reaches_on_the_cpu(device):
    means = {}
    for name in (device, "cpu"):
        found = [
            search(np.random.RandomState(s).rand(16, 64), "anneal(sweeps=150)", device=name)
            for s in range(3)
        ]
        means[name] = np.mean([result.efficacy for result in found])
    assert means[device] > means["cpu"] - 1.5


@every_device
@pytest.mark.parametrize("pattern", ["2:8", "4:8", "2:16"])
def test_patterns_with_too_many_subsets_are_annealed_by_swaps(device, pattern):
    scores = np.random.default_rng(0).random((6, 48))
    result = search(scores, "anneal(sweeps=20)", pattern=pattern, device=device)
    assert result.efficacy > 20


@every_device
@every_strategy
def test_a_device_search_is_cancelled_and_keeps_its_budget(device, text):
    control, problem = Control(), SearchProblem.of(np.random.default_rng(1).random((16, 128)))
    result = run(
        problem, parse(text), select(device), Limits(0, None, control),
        lambda event: control.cancel() if isinstance(event, Improved) else None,
    )  # fmt: skip
    assert result.trace.finished.reason == "cancelled"
    assert result.retained > result.baseline
    spent = run(problem, parse(text), select(device), Limits(0, 1e-9))
    assert spent.trace.finished.reason == "budget"
