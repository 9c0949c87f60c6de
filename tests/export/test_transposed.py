"""Linear layers whose weight is input by output, as GPT-2's: from the graph to the export."""

import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

import permviz as pv
from permviz.errors import ExportError
from permviz.export.files import read_tensors, write_tensors
from permviz.export.layers import LayerExport
from permviz.export.names import MASKS

WORDS = torch.tensor([[3, 1, 4, 1, 5], [9, 2, 6, 5, 3]])


class Conv1D(nn.Module):
    """As in Hugging Face's GPT-2."""

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, width) / channels**0.5)
        self.bias = nn.Parameter(torch.randn(width))

    def forward(self, x: Tensor) -> Tensor:
        flat = torch.addmm(self.bias, x.view(-1, x.size(-1)), self.weight)
        return flat.view(*x.shape[:-1], flat.shape[-1])


class Language(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.norm = nn.Embedding(10, 16), nn.LayerNorm(16)
        self.up, self.down = Conv1D(24, 16), Conv1D(16, 24)
        self.head = nn.Linear(16, 10, bias=False)
        self.head.weight = self.words.weight

    def forward(self, words: Tensor) -> Tensor:
        x = self.words(words)
        return self.head(x + self.down(torch.relu(self.up(self.norm(x)))))


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    home = ModuleType("transformers.pytorch_utils")
    home.Conv1D = Conv1D
    monkeypatch.setitem(sys.modules, "transformers.pytorch_utils", home)
    torch.manual_seed(0)
    made = Language()
    nn.init.uniform_(made.norm.weight, 0.5, 1.5)
    return made.eval()


def test_the_input_axis_is_pruned_permuted_and_exported(model: nn.Module, tmp_path: Path) -> None:
    graph = pv.analyze(model, WORDS)
    axes = {layer.name: (layer.input_axis, layer.output_axis) for layer in graph.layers}
    assert axes == {"up": (0, 1), "down": (0, 1)}
    assert {name: group.size for name, group in graph.by_name.items()} == {"up": 16, "down": 24}
    plan = pv.plan(graph, "channel_swap")
    assert plan.by_group["down"].retained > plan.by_group["down"].baseline
    report = pv.export(model, plan, tmp_path / "out", example_inputs=graph.example_inputs)
    rows: dict[str, LayerExport] = {row.name: row for row in report.layers}
    for name in ("up", "down"):
        assert (rows[name].status, rows[name].permuted) == ("sparse", True)
        assert rows[name].input_axis == 0
        assert rows[name].retained > rows[name].default
    assert plan.by_group["down"].retained == pytest.approx(rows["down"].retained, rel=1e-5)
    assert "24 output" in rows["up"].deployability.reasons[0]
    assert pv.check(tmp_path / "out", model, graph.example_inputs).sparse_layers == 2
    kept = read_tensors(tmp_path / "out" / MASKS)["up.weight"]
    assert kept.T.unflatten(-1, (-1, 4)).sum(-1).unique().tolist() == [2]


def test_a_mask_along_the_other_axis_is_noticed(model: nn.Module, tmp_path: Path) -> None:
    plan = pv.plan(pv.analyze(model, WORDS), "random", budget=0.1)
    pv.export(model, plan, tmp_path / "out")
    masks = read_tensors(tmp_path / "out" / MASKS)
    masks["up.weight"] = (torch.arange(24) % 4 < 2).repeat(16, 1)
    write_tensors(tmp_path / "out" / MASKS, masks)
    with pytest.raises(ExportError, match=r"up.weight.*not 2:4"):
        pv.check(tmp_path / "out")


def test_a_class_of_the_same_name_is_no_such_layer() -> None:
    made = Language().eval()
    assert [*pv.sparsify(made).state_dict()] == [*made.state_dict()]
    graph = pv.analyze(made, WORDS)
    session = pv.Session(graph, pv.SearchSettings(("random",)))
    assert all("another kind of module" in session.dense[name] for name in ("up", "down"))
    session.close()


def test_a_tied_weight_moves_once_in_the_negative_control(model: nn.Module) -> None:
    graph = pv.analyze(model, WORDS)
    permuted = pv.apply(model, pv.plan(graph, "random", budget=0.1))
    assert permuted.head.weight is permuted.words.weight
    assert pv.verify(model, permuted, WORDS).ok
