"""A channel graph as lines, as text and as HTML."""

from collections.abc import Callable
from html.parser import HTMLParser

import pytest
import torch
from torch import Tensor, nn

from permviz.graph.analyze import analyze
from permviz.graph.rendering import lines
from permviz.graph.types import ChannelGraph

Lively = Callable[[nn.Module], nn.Module]


class Odd(nn.Module):
    """A normal group, one in blocks, and a layer frozen by an operation without a rule."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.middle = nn.Linear(6, 8), nn.Linear(8, 8)
        self.norm = nn.GroupNorm(2, 8)
        self.add_module("<odd>", nn.Linear(8, 8))
        self.last = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.middle(torch.relu(self.first(x))))
        return self.last(self.get_submodule("<odd>")(y).cumsum(1))


@pytest.fixture
def graph(lively: Lively) -> ChannelGraph:
    return analyze(lively(Odd()), torch.randn(2, 6))


def test_lines_tell_every_layer_and_group_with_its_reason(graph: ChannelGraph) -> None:
    told = lines(graph)
    assert (
        told.summary == "Odd: 2 of 4 layers can be permuted, in 2 groups of 16 channels together."
    )
    assert told.proof.startswith("The output is unchanged")
    assert [line.name for line in told.layers] == ["first", "middle", "<odd>", "last"]
    assert told.layers[1].reads == ("middle",)
    assert told.layers[1].writes == ("<odd>",)
    assert told.layers[3].op == "aten.cumsum.default"
    assert "test_rendering.py:" in told.layers[3].source
    assert [line.blocks for line in told.groups] == [(8,), (4, 4)]
    assert dict(told.groups[1].tensors)["passenger"] == ("middle.bias", "norm.weight", "norm.bias")
    assert all(line.control > 1e-3 for line in told.groups)
    assert all(line.error < 1e-12 for line in told.groups)


def test_text_is_a_table_and_a_line_for_each_group(graph: ChannelGraph) -> None:
    text = str(graph).splitlines()
    assert text[3].split() == ["layer", "kind", "weight", "reads,", "or", "why", "it", "stays"]
    assert "middle  linear  8x8     middle" in text
    assert "<odd>, 8 channels in blocks of 2 x 4: read by <odd>.weight" in text[-1]


class _Cells(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.cells: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        if tag != "br":
            self.open.append(tag)
        if tag == "td":
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "td":
            self.cells[-1] += data


def test_html_is_well_formed_and_quotes_names(graph: ChannelGraph) -> None:
    parsed = _Cells()
    parsed.feed(graph._repr_html_())
    assert parsed.open == []
    assert len(parsed.cells) == 6 * 4 + 6 * 2
    assert "<odd>" in parsed.cells
    assert any("Bound to the model input" in cell for cell in parsed.cells)


def test_what_was_not_verified_says_so(lively: Lively) -> None:
    graph = analyze(lively(Odd()), torch.randn(2, 6), verify=False)
    assert "no verification" in lines(graph).proof
    assert lines(graph).groups[0].control is None
    assert lines(graph).groups[0].error is None
