import numpy as np
import pytest

from permviz.core.pattern import NMPattern
from permviz.search.escape import Escapes, climb_and_escape
from permviz.search.strategy import Block


class Worth:
    """A ledger for which all orders are worth the same, or a new one more than all before."""

    def __init__(self, rising):
        self._seen = {} if rising else None

    def value(self, order):
        return 1 if self._seen is None else self._seen.setdefault(order.tobytes(), len(self._seen))


class Resting:
    """A climber that never moves, and notes where its climbs begin."""

    patience = 1

    def __init__(self, ledger):
        self.block = Block.of(np.ones((1, 16)), NMPattern(2, 4))
        self.ledger = ledger
        self.order = np.arange(16)
        self.begun = []

    def retable(self):
        self.begun.append(self.order)
        yield None

    def improved(self):
        return self.order

    def keep(self):
        pass


@pytest.mark.parametrize(
    ("rising", "doubled", "wide"), [(False, 4, 6), (True, 4, 0), (False, 0, 0)]
)
def test_escapes_take_a_second_swap_after_some_that_ended_no_higher(rising, doubled, wide):
    climber = Resting(Worth(rising))
    rng = np.random.default_rng(0)
    list(climb_and_escape(climber, [np.arange(16)], Escapes(10, doubled), rng))
    start, *begun = climber.begun
    before = [start, *begun[:-1]] if rising else [start] * 10
    moved = [int((a != b).sum()) for a, b in zip(before, begun, strict=True)]
    assert moved[:4] == [2] * 4
    assert sum(channels > 2 for channels in moved) == wide
