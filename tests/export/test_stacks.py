"""Stacks of expert matrices and transposed convolutions, from the graph to the export."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as fn

import permviz as pv
from permviz.errors import PlanError, SourceError
from permviz.export.files import read_tensors
from permviz.export.names import MASKS
from permviz.models.prunable import eligibility, remainders
from permviz.models.sparsify import masks, plain, sparsify

ROWS = torch.randn(12, 8, generator=torch.Generator().manual_seed(1))
IMAGE = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(2))


class Experts(nn.Module):
    """Every row takes the expert that it is sent to; weights output by input, or turned."""

    def __init__(self, *, turned: bool) -> None:
        super().__init__()
        self.first, self.route, self.last = nn.Linear(8, 16), nn.Linear(16, 3), nn.Linear(16, 4)
        shapes = [(3, 16, 24), (3, 24, 16)] if turned else [(3, 24, 16), (3, 16, 24)]
        self.up, self.down = (nn.Parameter(torch.randn(shape)) for shape in shapes)
        self.turned = turned

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.first(x).relu()
        sent = self.route(hidden).softmax(-1)
        done = [self.expert(hidden, at) * sent[:, at, None] for at in range(3)]
        return self.last(hidden + torch.stack(done).sum(0))

    def expert(self, x: Tensor, at: int) -> Tensor:
        if self.turned:
            return (x @ self.up[at]).relu() @ self.down[at]
        return fn.linear(fn.linear(x, self.up[at]).relu(), self.down[at])


def made(build: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    return build().eval()


@pytest.mark.parametrize("turned", [False, True])
def test_every_expert_is_pruned_along_its_input_axis(
    turned: bool,  # noqa: FBT001 # a parameter
    tmp_path: Path,
) -> None:
    model = made(lambda: Experts(turned=turned))
    graph = pv.analyze(model, ROWS)
    axis = 1 if turned else 2
    assert graph.stacks == {"up": axis, "down": axis}
    plan = pv.plan(graph, "channel_swap")
    assert plan.stacks == graph.stacks
    assert plan.by_group["down"].retained > plan.by_group["down"].baseline
    report = pv.export(model, plan, tmp_path / "out", example_inputs=graph.example_inputs)
    rows = {row.name: row for row in report.layers}
    assert (rows["down"].kind, rows["down"].status, rows["down"].input_axis) == (
        "experts",
        "sparse",
        axis,
    )
    assert plan.by_group["down"].retained == pytest.approx(rows["down"].retained, rel=1e-5)
    kept = read_tensors(tmp_path / "out" / MASKS)["down"].movedim(axis, -1)
    assert kept.unflatten(-1, (-1, 4)).sum(-1).unique().tolist() == [2]
    checked = pv.check(tmp_path / "out", model, graph.example_inputs)
    assert checked.sparse_layers == 5


def test_a_sparse_stack_runs_trains_and_becomes_plain_again() -> None:
    model = made(lambda: Experts(turned=False))
    graph = pv.analyze(model, ROWS)
    sparse = sparsify(model, stacks=graph.stacks)
    assert {"up", "down"} <= {*masks(sparse)}
    sparse(ROWS).sum().backward()
    dense = plain(sparse)
    assert [*dense.state_dict()] == [*model.state_dict()]
    assert torch.equal(dense(ROWS), sparse(ROWS))
    assert float((dense.get_parameter("down") == 0).float().mean()) == 0.5
    assert {"up", "down"}.isdisjoint(masks(sparsify(model)))


def test_a_session_scores_stacks_and_tells_no_reason_against_them() -> None:
    graph = pv.analyze(made(lambda: Experts(turned=False)), ROWS)
    with pv.Session(graph, pv.SearchSettings(("random",))) as session:
        assert {"up", "down"}.isdisjoint(session.dense)
        assert session.problems["down"].scores.shape == (3 * 16, 24)


def test_stacks_that_are_not_there_are_refused() -> None:
    model = made(lambda: Experts(turned=False))
    with pytest.raises(SourceError, match="no stack 'middle'"):
        sparsify(model, stacks={"middle": 2})
    with pytest.raises(SourceError, match="no stack 'up' with an input axis 3"):
        eligibility(model, stacks={"up": 3})
    plan = pv.plan(pv.analyze(model, ROWS), "random", budget=0.1)
    changed = plan.to_json().replace('"stacks": {', '"stacks": {"up": "2", ', 1)
    with pytest.raises(PlanError, match="names with an axis"):
        _ = type(plan).from_json(changed.replace('"up": 2,', "")).stacks


class Growing(nn.Module):
    def __init__(self, groups: int, width: int = 16) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, width, 3, padding=1)
        self.up = nn.ConvTranspose2d(width, 8 * groups, 2, 2, groups=groups)
        self.last = nn.Conv2d(8 * groups, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.up(self.first(x).relu()).relu())


@pytest.mark.parametrize("groups", [1, 2])
def test_transposed_convolutions_are_pruned_along_their_input_axis(
    groups: int, tmp_path: Path
) -> None:
    model = made(lambda: Growing(groups))
    graph = pv.analyze(model, IMAGE)
    layer = next(layer for layer in graph.layers if layer.name == "up")
    assert (layer.kind, layer.input_axis, layer.width) == ("conv_transpose2d", 0, 16 // groups)
    assert [block.size for block in graph.by_name["up"].blocks] == [16 // groups] * groups
    plan = pv.plan(graph, "channel_swap")
    report = pv.export(model, plan, tmp_path / "out", example_inputs=graph.example_inputs)
    row = next(row for row in report.layers if row.name == "up")
    assert (row.status, row.permuted) == ("sparse", True)
    assert row.retained > row.default
    assert plan.by_group["up"].retained == pytest.approx(row.retained, rel=1e-5)
    kept = read_tensors(tmp_path / "out" / MASKS)["up.weight"]
    assert kept.movedim(0, -1).unflatten(-1, (-1, 4)).sum(-1).unique().tolist() == [2]


def test_groups_that_stripes_would_run_over_stay_dense() -> None:
    reasons = eligibility(Growing(2, width=12))
    assert "2 convolution groups read 6 channels each" in reasons["up.weight"]
    assert eligibility(nn.ConvTranspose2d(8, 8, 2, groups=8))["weight"].startswith(
        "1 input channel"
    )
    assert "last 2 channels" in remainders(Growing(1, width=14))["up.weight"]


def test_a_transposed_convolution_of_one_channel_a_group_reads_nothing_to_permute() -> None:
    graph = pv.analyze(made(lambda: Growing(16)), IMAGE)
    layer = next(layer for layer in graph.layers if layer.name == "up")
    assert layer.width == 1
    assert layer.inputs == () or all(
        place.role == "passenger"
        for place in graph.by_name[layer.inputs[0]].occurrences
        if place.tensor == "up.weight"
    )


NORMS: dict[str, tuple[Callable[[nn.Module], nn.Module], str]] = {
    "weight_norm": (nn.utils.parametrizations.weight_norm, "remove_parametrizations"),
    "spectral_norm": (nn.utils.parametrizations.spectral_norm, "remove_parametrizations"),
    "spectral_norm by hooks": (nn.utils.spectral_norm, "remove_spectral_norm"),
}


@pytest.mark.parametrize("name", NORMS)
def test_computed_weights_say_how_they_would_be_pruned(name: str) -> None:
    norm, call = NORMS[name]
    model = made(lambda: nn.Sequential(nn.Linear(8, 16), nn.ReLU(), norm(nn.Linear(16, 4))))
    graph = pv.analyze(model, ROWS)
    with pv.Session(graph, pv.SearchSettings(("random",))) as session:
        (computed,) = [layer.name for layer in graph.layers if layer.computed]
        assert call in session.dense[computed]
