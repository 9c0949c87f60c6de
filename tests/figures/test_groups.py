import pytest
import torch
from torch import nn

from permviz.figures.groups import groups_info, groups_plot
from permviz.graph.analyze import analyze
from permviz.session.comparison import ComparedLayer, Comparison


class Branched(nn.Module):
    """A residual pair of layers, and one whose inputs a running sum freezes."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(6, 16)
        self.inner = nn.Linear(16, 24)
        self.outer = nn.Linear(24, 16)
        self.last = nn.Linear(16, 8)
        self.after = nn.Linear(8, 3)

    def forward(self, x):
        x = self.stem(x)
        x = x + self.outer(torch.relu(self.inner(x)))
        return self.after(torch.cumsum(self.last(x), 1))


@pytest.fixture(scope="module")
def graph():
    torch.manual_seed(0)
    return analyze(Branched().eval(), (torch.randn(2, 6),))


def test_layers_are_nodes_in_order_with_what_they_read_write_and_what_froze_them(graph):
    nodes = groups_info(graph).nodes
    assert [node.name for node in nodes] == ["stem", "inner", "outer", "last", "after"]
    assert [node.place for node in nodes] == [0, 1, 2, 3, 4]
    assert nodes[1].reads == nodes[0].writes == nodes[2].writes == nodes[3].reads
    assert nodes[0].frozen
    assert nodes[0].op == ""
    assert nodes[4].frozen
    assert "cumsum" in nodes[4].op


def test_groups_reach_from_first_to_last_layer_and_never_overlap_in_a_lane(graph):
    info = groups_info(graph)
    residual, inner = info.lanes
    assert (residual.first, residual.last, residual.channels) == (0, 3, 16)
    assert (inner.first, inner.last, inner.channels) == (1, 2, 24)
    assert residual.lane != inner.lane
    assert residual.color != inner.color
    assert info.columns == 2


def test_a_lane_that_is_free_again_is_used_again():
    torch.manual_seed(0)
    layers = [layer for _ in range(6) for layer in (nn.Linear(8, 8), nn.Tanh())]
    graph = analyze(nn.Sequential(*layers).eval(), (torch.randn(2, 8),))
    info = groups_info(graph)
    assert len(info.lanes) == 5
    assert info.columns == 2
    for one in info.lanes:
        for other in info.lanes:
            if one is not other and one.lane == other.lane:
                assert one.last < other.first or other.last < one.first


def test_groups_of_the_picked_layer_are_lit(graph):
    info = groups_info(graph, "inner")
    assert info.selected == 1
    assert info.lit == {lane.name for lane in info.lanes}
    assert groups_info(graph, "last").lit == {info.lanes[0].name}
    assert groups_info(graph, "nonesuch").selected is None


def test_picture_marks_readers_writers_and_reasons(graph):
    info = groups_info(graph, "last")
    band, beams, lines, places, nodes, reasons = groups_plot(info)
    assert band.dimension_values("from").tolist() == [2.5]
    assert len(beams) == 4
    assert sorted(lines.dimension_values("strength").tolist()) == [0.4, 1.0]
    told = list(zip(places["layer"], places["does"], strict=True))
    assert told.count(("inner", "reads")) == told.count(("inner", "writes")) == 1
    assert nodes["sign"].tolist() == ["x", "square", "square", "square", "x"]
    assert reasons["y"].tolist() == [0, 4]
    assert "cumsum" in reasons["text"][1]


def test_model_without_groups_is_drawn():
    graph = analyze(nn.Sequential(nn.Linear(8, 4)).eval(), (torch.randn(2, 8),))
    info = groups_info(graph)
    assert (info.lanes, info.columns) == ((), 0)
    groups_plot(info)


def test_lanes_and_the_table_tell_what_was_found_for_their_group(graph):
    first, second = groups_info(graph).lanes
    assert (first.found, second.found) == ("", "")
    layer = ComparedLayer("inner", (first.name,), 0.0, 10.0, {"osg": 4.0, "swap": 2.5})
    found = Comparison(("osg", "swap"), (layer,), {}, {first.name: "osg"})
    info = groups_info(graph, "", found)
    assert [lane.found for lane in info.lanes] == ["40.0 % with osg", ""]
    _, _, lines, *_ = groups_plot(info)
    assert lines["found"].tolist() == ["40.0 % with osg", "not searched"]
    table = info.table
    assert table["layer"] == ["stem", "inner", "outer", "last", "after"]
    assert table["found_for_what_it_reads"] == ["", "40.0 % with osg", "", "40.0 % with osg", ""]
    assert table["channels_read"] == [0, 16, 24, 16, 0]
    assert "cumsum" in table["frozen_by"][4]
