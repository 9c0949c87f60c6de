import numpy as np
import pytest

from permviz.core.pattern import NMPattern
from permviz.search.restarts import restarted
from permviz.search.run import search
from permviz.search.strategy import Block

BLOCK = Block.of(np.random.default_rng(0).random((4, 16)), NMPattern(2, 4))


@pytest.mark.parametrize("text", ["channel_swap", "osg"])
def test_restarts_begin_elsewhere_and_keep_the_best(text):
    scores = [np.random.RandomState(seed).rand(64, 64) for seed in range(4)]
    once = [search(one, text).retained for one in scores]
    often = [search(one, text, restarts=6).retained for one in scores]
    assert all(more >= less for more, less in zip(often, once, strict=True))
    assert sum(often) > sum(once)


said = []


def begin(block, _rng):
    """Propose the order as given, three times, and note what the caller says."""
    for _ in range(3):
        answer = yield np.arange(block.channels)
        said.append(answer)


def test_orders_are_those_of_the_channels_given():
    orders = list(restarted(BLOCK, 2, np.random.default_rng(1), begin))
    assert len(orders) == 9
    assert all(sorted(order) == list(range(16)) for order in orders)
    assert len({tuple(order) for order in orders}) == 3


def test_each_search_has_its_share_of_the_time():
    said.clear()
    steps = restarted(BLOCK, 1, np.random.default_rng(1), begin)
    next(steps)
    for spent in (0.1, 0.25, 0.5, 0.75):
        steps.send(spent)
    # The first search has half of the time; the second begins where it ended.
    assert said == pytest.approx([0.2, 0.5, 0.5])


def test_a_verdict_ends_all():
    def settled(block, _rng):
        yield np.arange(block.channels)
        return "perfect"

    steps = restarted(BLOCK, 5, np.random.default_rng(1), settled)
    next(steps)
    with pytest.raises(StopIteration) as ended:
        next(steps)
    assert ended.value.value == "perfect"
