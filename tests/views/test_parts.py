import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

import permviz as pv
from permviz.errors import PermutationError
from permviz.views.compare import Compare
from permviz.views.following import Following
from permviz.views.groups import Groups
from permviz.views.parts import Curves, Heatmaps, Layers


@pytest.fixture(scope="module")
def scores():
    return np.random.default_rng(0).random((12, 16))


@pytest.fixture(scope="module")
def result(scores):
    return pv.search(scores, "channel_swap")


@pytest.fixture
def session():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 8)).eval()
    graph = pv.analyze(network, torch.randn(2, 12))
    with pv.Session(graph, pv.SearchSettings(("channel_swap",))) as made:
        yield made


def test_heatmaps_of_a_matrix_in_the_order_that_a_search_found(scores, result, figures):
    view = Heatmaps(scores, result, title="mine")
    assert (view.pair.order == result.permutation.order).all()
    titles = [figure.title.text for figure in figures(view.__panel__().get_root())]
    assert [title for title in titles if title] == ["mine: order as given", "mine: permuted"]


def test_heatmaps_of_a_module_lay_its_weight_out_by_input_channel():
    torch.manual_seed(0)
    conv = nn.Conv2d(8, 3, 2)
    pair = Heatmaps(conv, list(range(7, -1, -1))).pair
    assert pair.scores.shape == (12, 8)
    kernel = conv.weight.detach().abs().numpy()
    np.testing.assert_array_equal(pair.scores[:, 5], kernel[:, 5].reshape(-1))
    assert pair.order.tolist() == list(range(7, -1, -1))


def test_heatmaps_take_a_pair_as_it_is(pair):
    given = pair()
    assert Heatmaps(given).pair is given


def test_order_of_another_width_is_refused(scores):
    with pytest.raises(PermutationError, match="does not fit weights of shape"):
        Heatmaps(scores, [1, 0])


def test_curves_of_results_end_at_their_efficacies(scores, result, sources):
    other = pv.search(scores, "osg")
    view = Curves([result, other])
    root = view.__panel__().get_root()
    ends = sorted(data["efficacy"][-1] for data in sources(root, "efficacy"))
    assert ends == pytest.approx(sorted([result.efficacy, other.efficacy]), abs=1e-3)
    assert list(Curves(result).tracks) == ["channel_swap"]


def test_layers_of_a_session_are_shown_and_refreshed(session):
    view = Layers(session)
    assert view._table.value["layer"].tolist() == ["0", "2"]
    session.start()
    assert session.wait(60)
    view.refresh()
    assert view._table.value["channel_swap"][1] > 0


@pytest.mark.parametrize(
    ("view_of", "knows"),
    [
        (Layers, lambda view: view.rows[1].by_strategy),
        (Compare, lambda view: view.comparison.begun),
        (Groups, lambda view: "Best so far" in view._told.object),
    ],
)
def test_views_follow_a_running_session_by_themselves(session, view_of, knows):
    async def watch():
        view = view_of(session)
        (following,) = view.__panel__().select(Following)
        assert not knows(view)
        session.start()
        assert not following.running
        # What the browser says once it has drawn the view.
        following._handle_msg("drawn")
        for _ in range(200):
            await asyncio.sleep(0.05)
            if knows(view) and not following.running:
                return True
        return False

    # In a thread of its own: a browser that other tests drive keeps a loop in this one.
    with ThreadPoolExecutor(1) as aside:
        assert aside.submit(asyncio.run, watch()).result()
