import numpy as np
import pytest

from permviz.core.pattern import NMPattern
from permviz.figures.moves import MOST_LINES, MOST_POINTS, moves_info, moves_plot
from permviz.figures.pair import OrderPair


def moved(order, m=4):
    order = np.asarray(order)
    return moves_info(OrderPair("a", np.ones((1, order.size)), order, NMPattern(m // 2, m)))


def test_channels_are_told_by_old_and_new_place():
    # Position 0 now holds channel 4, position 4 holds channel 0; 1 and 2 change places.
    info = moved([4, 2, 1, 3, 0, 5, 6, 7, 8])
    assert info.new.tolist() == [4, 2, 1, 3, 0, 5, 6, 7, 8]
    assert info.distance.tolist() == [4, 1, 1, 0, 4, 0, 0, 0, 0]
    assert (info.moved, info.regrouped) == (4, 2)
    assert info.stripe(info.old).tolist() == [0, 0, 0, 0, 1, 1, 1, 1, -1]


def test_new_places_are_the_inverse_of_the_order():
    order = np.random.default_rng(0).permutation(50)
    info = moved(order)
    assert (info.new[order] == np.arange(50)).all()


def test_few_channels_are_lines_from_their_old_to_their_new_place():
    lines, squares = moves_plot(moved([4, 2, 1, 3, 0, 5, 6, 7]))
    assert (len(lines), len(squares)) == (8, 16)
    # The second stripe is set off by a gap.
    assert lines.dimension_values("end").tolist()[0] == pytest.approx(4.7)
    assert lines.dimension_values("into").tolist() == [1, 0, 0, 0, 0, 1, 1, 1]
    paint = lines.dimension_values("paint")
    assert len(set(paint)) == 2
    assert paint[0] == paint[5] != paint[1]


def test_more_channels_are_points_and_a_great_many_are_counted():
    many = MOST_LINES + 4
    _, points = moves_plot(moved(np.roll(np.arange(many), 1)))
    assert points.dimension_values("old").tolist() == list(range(many))
    assert points.dimension_values("distance").tolist() == [1] * (many - 1) + [many - 1]
    size = 2 * MOST_POINTS
    (fields,) = moves_plot(moved(np.arange(size)[::-1]))
    counts = fields.dimension_values("channels", flat=False)
    assert counts.sum() == size
    assert np.trace(counts[:, ::-1]) == size


@pytest.mark.parametrize("size", [4, 7, MOST_LINES, MOST_LINES + 1])
def test_every_size_is_drawn(size):
    moves_plot(moved(np.random.default_rng(1).permutation(size)))
