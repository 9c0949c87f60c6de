import numpy as np
import pytest

from permviz.errors import PatternError, ScoresError, StrategyError
from permviz.search.channel_swap import ChannelSwap
from permviz.search.registry import make, parse
from permviz.search.run import search
from permviz.search.runner import Limits

# Efficacies of the reference implementation on uniform scores of 64 rows and 128 channels, by
# seed of numpy's RandomState from 0 on.
GREEDY = {
    "channel_swap": [
        46.9236,
        50.3086,
        44.1809,
        44.8348,
        46.5832,
        47.9413,
        48.9297,
        44.95,
        47.1145,
        52.0354,
        47.8219,
        47.7952,
    ],
    "osg": [
        49.1064,
        51.4763,
        48.0556,
        45.6627,
        47.2995,
        50.1082,
        45.8218,
        44.531,
        50.2256,
        49.6227,
        48.25,
        48.8238,
    ],
}
BOUNDED = {
    "channel_swap(escapes=100)": [
        46.9236,
        51.0499,
        44.1809,
        44.8348,
        46.5832,
        48.4265,
        48.9297,
        46.8008,
        47.9522,
        52.0354,
        47.8219,
        48.0897,
    ],
    "osg(escapes=100)": [
        49.3452,
        51.4763,
        49.4242,
        45.6627,
        47.2995,
        50.1082,
        46.8863,
        44.531,
        50.2256,
        50.3869,
        48.25,
        48.8238,
    ],
}


@pytest.mark.parametrize("text", GREEDY)
def test_greedy_climbs_are_the_reference_s(text):
    found = [search(published(seed), text).efficacy for seed in range(12)]
    assert found == pytest.approx(GREEDY[text], abs=0.5)
    assert np.mean(found) == pytest.approx(np.mean(GREEDY[text]), abs=0.05)


@pytest.mark.parametrize("text", BOUNDED)
def test_escapes_are_no_worse_than_the_reference_s_on_any_matrix(text):
    for matrix, reference in enumerate(BOUNDED[text]):
        found = [search(published(matrix), text, seed=seed).efficacy for seed in range(5)]
        assert np.mean(found) > reference - 0.5


def published(seed):
    return np.random.RandomState(seed).rand(64, 128)


def test_auto_is_better_than_what_the_paper_has():
    scores = [np.random.RandomState(seed).rand(64, 128) for seed in range(6)]
    means = {
        text: np.mean([search(s, text).efficacy for s in scores])
        for text in ("auto", "osg(stripes=2, escapes=100)")
    }
    assert means["auto"] > means["osg(stripes=2, escapes=100)"] + 2


def test_auto_solves_small_problems():
    for seed, optimum in ((0, 57.734213), (1, 68.931748), (2, 65.849934)):
        scores = np.random.RandomState(seed).rand(32, 16)
        assert search(scores, "auto").efficacy == pytest.approx(optimum, abs=1e-4)


def test_a_strategy_can_be_given_in_three_ways():
    scores = np.random.default_rng(0).random((8, 32))
    results = [
        search(scores, "channel_swap", escapes=3),
        search(scores, "channel_swap(escapes=3)"),
        search(scores, ChannelSwap(3)),
    ]
    assert len({result.permutation for result in results}) == 1
    assert results[0].label == "channel_swap(escapes=3)"
    assert results[0].params == {"escapes": 3, "doubled": 50, "restarts": 0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("anneal_wildly", "choose one of auto"),
        ("osg(stripes=7)", "osg\\(stripes=2\\)"),
        ("osg(depth=2)", "no parameter 'depth'"),
        ("channel_swap(escapes=-1)", "at least 0"),
        ("channel_swap(escapes=1.5)", "whole number"),
        ("channel_swap(escapes=True)", "whole number"),
        ("random(count=0)", "at least 1"),
        ("assignment(patience=0)", "at least 1"),
        ("anneal(opened=1)", "at least 2"),
        ("anneal(hot=0.1, cold=0.2)", "cold <= hot"),
        ("anneal(cold=0.0)", "cold <= hot"),
        ("channel_swap(3)", "cannot be read"),
        ("__import__('os').system('true')", "cannot be read"),
        ("channel_swap(escapes=open('x'))", "cannot be read"),
        ("channel_swap(**{})", "no parameter"),
        ("", "cannot be read"),
        ("(" * 500, "cannot be read"),
    ],
)
def test_unreadable_strategies_are_refused(text, message):
    with pytest.raises(StrategyError, match=message):
        parse(text)


def test_parameters_do_not_go_with_an_object():
    with pytest.raises(StrategyError, match="escapes"):
        search(np.ones((1, 4)), ChannelSwap(), escapes=2)
    with pytest.raises(StrategyError, match="no strategy 'nothing'"):
        make("nothing")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"pattern": "4:2"}, PatternError),
        ({"scores": [[np.nan] * 4]}, ScoresError),
        ({"seed": -1}, StrategyError),
        ({"budget": 0}, StrategyError),
        ({"budget": float("nan")}, StrategyError),
        ({"device": "abacus"}, StrategyError),
        ({"strategy": 3}, StrategyError),
        ({"strategy": ChannelSwap}, StrategyError),
        ({"blocks": [[0, 1], [1]]}, ScoresError),
    ],
)
def test_bad_arguments_are_refused(arguments, error):
    with pytest.raises(error):
        search(**{"scores": np.ones((2, 4)), **arguments})


def test_limits_default_to_none():
    assert Limits().budget is None


def test_channels_stay_in_their_blocks_and_the_remainder_stays_dense():
    scores = np.random.default_rng(0).random((5, 22))
    result = search(scores, "auto", blocks=[range(9), range(9, 22)])
    order = result.permutation.order
    assert set(order[:9]) == set(range(9))
    assert order[8] == 8
    assert order[21] == 21
