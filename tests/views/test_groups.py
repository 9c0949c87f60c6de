import pytest
import torch
from torch import nn

import permviz as pv
from permviz.views.groups import Groups, GroupsView, layer_story


@pytest.fixture(scope="module")
def graph():
    torch.manual_seed(0)
    layers = (nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 3))
    return pv.analyze(nn.Sequential(*layers).eval(), torch.randn(2, 12))


def test_picking_a_node_picks_the_layer_and_lights_its_groups(graph, sources):
    view = GroupsView(graph=graph, layer="0")
    root = view.__panel__().get_root()
    view._tap(["0", "2", "4"], 0.9)
    assert view.layer == "2" == view._picked.value
    (lines,) = sources(root, "width")
    assert list(lines["strength"]) == [1.0, 1.0]
    view._tap(["0", "2", "4"], -3.0)
    assert view.layer == "2"


def test_list_picks_the_layer_too(graph):
    view = GroupsView(graph=graph, layer="0")
    view._picked.value = "4"
    assert view.layer == "4"


def test_another_model_gets_a_picture_of_its_own(graph, figures):
    view = GroupsView(graph=graph, layer="0")
    root = view.__panel__().get_root()
    (first,) = figures(root)
    view.layer = "4"
    assert figures(root) == [first]
    view.graph = pv.analyze(nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8)), torch.randn(2, 8))
    (second,) = figures(root)
    assert second is not first
    view.graph = None
    assert figures(root) == []


def test_nothing_is_built_before_it_is_seen(graph):
    view = GroupsView(graph=graph, seen=False)
    assert not hasattr(view, "_picked")
    view.seen = True
    assert view._picked.options == ["0", "2", "4"]


def test_story_tells_who_shares_and_what_is_frozen(graph):
    told = layer_story(graph, "2")
    assert "Reads" in told
    assert "of 16 channels" in told
    assert "Also written by 0." in told
    assert "keep their order" in layer_story(graph, "0")
    assert "Its outputs keep their order" in layer_story(graph, "4")
    assert "Pick a layer" in layer_story(graph, "nonesuch")


def test_stand_alone_begins_with_a_layer_that_can_be_permuted(graph):
    assert Groups(graph).layer == "2"
    assert Groups(graph, layer="4").layer == "4"
