import numpy as np
import pytest

import permviz as pv
from permviz.session.replay import result_replay
from permviz.views.layer import LayerView
from permviz.views.replay import Replay, ReplayBar


@pytest.fixture(scope="module")
def searched():
    scores = np.random.default_rng(0).random((8, 16))
    return scores, pv.search(scores, "channel_swap")


def test_player_walks_through_the_orders_and_tells_where_it_is(searched):
    steps = result_replay(*searched)
    bar = ReplayBar(replay=steps)
    assert bar._player.end == len(steps.orders) - 1
    assert (bar.pair.order == steps.orders[0]).all()
    bar._player.value = 3
    assert (bar.pair.order == steps.orders[3]).all()
    assert f"{steps.efficacies[3]:.2f} %" in bar._said.object
    bar.replay = None
    assert bar.pair is None
    assert not bar._layout.visible


def test_stand_alone_replay_moves_the_found_heatmap(searched, sources):
    view = Replay(*searched)
    root = view.__panel__().get_root()
    view._bar._player.value = view._bar._player.end
    shown = {tuple(data["original"][0][0]) for data in sources(root, "original")}
    assert shown == {tuple(range(16)), tuple(searched[1].permutation.order)}


def test_layer_shows_the_replay_while_there_is_one(searched):
    asked = []
    steps = result_replay(*searched, title="body")
    final = ReplayBar(replay=steps).pair
    view = LayerView(lambda: asked.append(1), pair=final, tracks={})
    view.replay = steps
    view._player._player.value = 2
    assert (view.looked.order == steps.orders[2]).all()
    view.replay = None
    assert view.looked is final
