"""The projections inside torch's own attention, from the graph to the export."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import permviz as pv
from permviz.export.files import read_tensors
from permviz.export.names import MASKS
from permviz.models.sparsify import masks, plain, sparsify

WORDS = torch.arange(18).reshape(2, 9)


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(18, 16)
        block = nn.TransformerEncoderLayer(16, 2, 24, dropout=0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(block, 2, enable_nested_tensor=False)
        self.head = nn.Linear(16, 18)

    def forward(self, words: Tensor) -> Tensor:
        return self.head(self.blocks(self.words(words)))


class Crossing(nn.Module):
    """Attention to something of another width, whose projections are weights of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.asking, self.told = nn.Linear(8, 16), nn.Linear(8, 24)
        self.attention = nn.MultiheadAttention(16, 2, kdim=24, vdim=24, batch_first=True)
        self.head = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        told = self.told(x).relu()
        seen, _ = self.attention(self.asking(x).relu(), told, told)
        return self.head(seen)


@pytest.fixture
def encoder() -> nn.Module:
    torch.manual_seed(0)
    model = Encoder().eval()
    for name, parameter in model.named_parameters():
        if parameter.ndim == 1 and "norm" in name:
            nn.init.uniform_(parameter, 0.5, 1.5)
    return model


def test_packed_projections_are_pruned_permuted_and_exported(
    encoder: nn.Module, tmp_path: Path
) -> None:
    graph = pv.analyze(encoder, WORDS)
    plan = pv.plan(graph, "channel_swap")
    report = pv.export(encoder, plan, tmp_path / "out", example_inputs=graph.example_inputs)
    rows = {row.name: row for row in report.layers}
    packed = [name for name in rows if name.endswith("in_proj_weight")]
    assert len(packed) == 2
    assert all((rows[name].status, rows[name].permuted) == ("sparse", True) for name in packed)
    assert sum(rows[name].retained - rows[name].default for name in packed) > 0
    kept = read_tensors(tmp_path / "out" / MASKS)
    assert all(
        kept[name].unflatten(-1, (-1, 4)).sum(-1).unique().tolist() == [2] for name in packed
    )
    checked = pv.check(tmp_path / "out", encoder, graph.example_inputs)
    assert checked.sparse_layers == len(rows) == 9


def test_a_sparse_attention_runs_fast_and_slow_trains_and_becomes_plain_again(
    encoder: nn.Module,
) -> None:
    sparse = sparsify(encoder)
    assert sum(name.endswith("in_proj_weight") for name in masks(sparse)) == 2
    slow = sparse(WORDS)
    slow.sum().backward()
    with torch.no_grad():
        assert torch.allclose(sparse(WORDS), slow, atol=1e-5)
    dense = plain(sparse)
    assert [*dense.state_dict()] == [*encoder.state_dict()]
    assert torch.allclose(dense(WORDS), slow, atol=1e-6)


def test_projections_of_their_own_are_pruned_each() -> None:
    torch.manual_seed(0)
    model = Crossing().eval()
    found = masks(sparsify(model))
    assert {f"attention.{one}_proj_weight" for one in "qkv"} <= {*found}
    graph = pv.analyze(model, torch.randn(2, 5, 8))
    with pv.Session(graph, pv.SearchSettings(("random",))) as session:
        assert session.dense == {}
        assert session.problems["attention.k_proj_weight"].scores.shape == (32, 24)
