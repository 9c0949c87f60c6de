import numpy as np
import pytest

from permviz.core.pattern import NMPattern
from permviz.core.score import mask, retained
from permviz.figures import pair as pairs
from permviz.figures.pair import OrderPair, stripe_info, stripe_plot
from permviz.figures.palette import strategy_colors, strategy_dashes

TWO_FOUR = NMPattern(2, 4)


def test_stripes_tell_what_they_lose_in_both_orders():
    scores = np.array([[1, 1, 1, 1, 0, 0, 0, 0]], dtype=np.float32)
    pair = OrderPair("a", scores, np.array([0, 4, 1, 5, 2, 6, 3, 7]), TWO_FOUR)
    info = stripe_info(pair)
    assert info.positions.tolist() == [1.5, 5.5]
    assert info.before.tolist() == [50.0, 0.0]
    assert info.after.tolist() == [0.0, 0.0]
    assert info.channels == ((0, 4, 1, 5), (2, 6, 3, 7))
    assert (info.moved, info.size) == (6, 8)


@pytest.mark.parametrize("channels", [8, 30])
def test_losses_add_up_to_what_the_pattern_does_not_retain(channels):
    rng = np.random.default_rng(channels)
    scores = np.abs(rng.standard_normal((16, channels)))
    order = rng.permutation(channels)
    info = stripe_info(OrderPair("a", scores, order, TWO_FOUR))
    lost = 100 * (1 - retained(scores[:, order], TWO_FOUR) / scores.sum())
    assert info.after.sum() == pytest.approx(lost)
    assert len(info.channels) == channels // 4


def test_another_order_of_a_layer_is_as_if_it_were_the_first(monkeypatch):
    rng = np.random.default_rng(0)
    scores = np.abs(rng.standard_normal((16, 24)))
    one, other = rng.permutation(24), rng.permutation(24)
    again = OrderPair("a", scores, one, TWO_FOUR, -scores).prepared().reordered(other)
    fresh = OrderPair("a", scores, other, TWO_FOUR, -scores)
    for name in ("kept_found", "lost_found", "gains", "kept_given", "lost_given", "signed_limit"):
        assert np.array_equal(getattr(again, name), getattr(fresh, name)), name
    assert np.array_equal(again.order, other)
    # Only what the new order keeps is found out anew.
    masked = []
    monkeypatch.setattr(pairs, "mask", lambda *given: masked.append(given) or mask(*given))
    again.reordered(one).prepared()
    assert len(masked) == 1


def test_plot_names_the_channels_of_each_stripe():
    pair = OrderPair("a", np.ones((2, 8)), np.arange(8)[::-1], TWO_FOUR)
    before, after = stripe_plot(stripe_info(pair))
    assert before.dimension_values("lost").tolist() == [25.0, 25.0]
    assert after.dimension_values("channels").tolist() == ["7, 6, 5, 4", "3, 2, 1, 0"]


def test_neighbouring_strategies_differ_in_color_and_line():
    names = [f"s{i}" for i in range(8)]
    colors, dashes = strategy_colors(names), strategy_dashes(names)
    looks = {(colors[name], dashes[name]) for name in names}
    assert len(looks) == 8
    assert len(set(list(colors.values())[:6])) == 6
