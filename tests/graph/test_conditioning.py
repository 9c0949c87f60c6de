"""Native differences that rounding alone explains cost no group; others do."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import permviz as pv
from permviz.core.permutation import Permutation
from permviz.graph.analyze import analyze
from permviz.graph.apply import occurrence_moves
from permviz.graph.calling import Inputs
from permviz.graph.conditioning import shaken, shakings
from permviz.graph.reference import Reference

Lively = Callable[[nn.Module], nn.Module]
ROWS = torch.randn(64, 12, generator=torch.Generator().manual_seed(1))


class Routed(nn.Module):
    """Two experts between which float32 cannot decide: their scores differ by 1e-9."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.route = nn.Linear(12, 64), nn.Linear(64, 2, bias=False)
        self.experts, self.last = nn.ModuleList(nn.Linear(64, 16) for _ in "ab"), nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.first(x)
        first = (self.route(hidden).argmax(-1) == 0)[:, None]
        one, other = (expert(hidden) for expert in self.experts)
        return self.last(torch.where(first, one, other))


def near_tie(lively: Lively) -> Routed:
    model = Routed()
    lively(model)
    with torch.no_grad():
        # Channels 2..32 and 33..63 are the same, so what is moved between them changes nothing.
        model.first.weight[33:], model.first.bias[33:] = model.first.weight[2:33], 0.5
        model.first.bias[2:33] = 0.5
        model.first.weight[0], model.first.bias[0] = 0, 1e-9
        apart = torch.linspace(-2, 2, 31)
        model.route.weight[1] = model.route.weight[0]
        model.route.weight[1, 2:33] += apart
        model.route.weight[1, 33:] -= apart
        model.route.weight[1, 0] += 1
    return model


def test_a_jump_at_a_near_tie_costs_no_group_and_is_told(lively: Lively) -> None:
    graph = analyze(near_tie(lively), ROWS)
    report = graph.verification
    assert report is not None
    assert {group.name: group.size for group in graph.groups} == {"route": 64, "last": 16}
    assert report.ok
    assert report.native_error > 1e-2
    assert report.response > 1e-2
    assert report.float64_error < 1e-12
    assert "only float64 is sharp" in report.message


def test_the_jump_is_explained_for_a_plan_too(lively: Lively) -> None:
    model = near_tie(lively)
    graph = pv.analyze(model, ROWS)
    plan = pv.plan(graph, "random")
    report = pv.verify(model, pv.apply(model, plan), graph, plan=plan)
    assert report.ok
    assert report.response > 0
    assert {item.name for item in report.by_group} == {"route", "last"}


def test_a_native_difference_that_rounding_does_not_make_freezes(
    lively: Lively, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("permviz.graph.reference.shakings", lambda _: iter(()))
    graph = analyze(near_tie(lively), ROWS)
    assert "route" not in graph.by_name
    layer = next(layer for layer in graph.layers if layer.name == "route")
    assert layer.frozen is not None
    assert "changed the output" in layer.frozen.reason


def test_a_model_that_rounding_does_not_move_has_no_response(lively: Lively) -> None:
    model = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 4))
    report = analyze(lively(model), ROWS).verification
    assert report is not None
    assert report.response == 0
    assert report.native_tolerance == 1e-5


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_shaking_moves_every_weight_by_its_own_rounding(dtype: torch.dtype) -> None:
    model = nn.Sequential(nn.Linear(5, 7), nn.BatchNorm1d(7)).to(dtype)
    before = dict(model.named_parameters())
    moved = shaken(model, 4)
    for name in ("0.weight", "0.bias", "1.weight"):
        change = ((moved[name] - before[name]) / before[name]).detach().abs()
        assert moved[name].dtype == dtype
        assert float(change.max()) <= 8 * torch.finfo(dtype).eps
        assert float(change.min()) > 0
    assert "1.num_batches_tracked" not in moved


def test_shakings_grow_and_are_the_same_every_time() -> None:
    model = nn.Linear(8, 8)
    one, other = [*shakings(model)], [*shakings(model)]
    sizes = [float((part["weight"] - model.weight.detach()).abs().mean()) for part in one]
    assert sizes[0] < sizes[-1]
    assert len(one) == 8
    assert all(torch.equal(a["weight"], b["weight"]) for a, b in zip(one, other, strict=True))


def test_a_jump_does_not_pass_for_a_control(lively: Lively) -> None:
    model = Routed()
    model.route = nn.Linear(64, 2)
    lively(model)
    with torch.no_grad():
        # All channels are the same, so that moving them wrongly changes the rounding alone.
        model.first.weight[:], model.first.bias[:] = model.first.weight[0].clone(), 0.5
        model.route.weight[1] = model.route.weight[0].flip(0)
        model.route.bias[0], model.route.bias[1] = 0, 1e-9
    (group,) = [g for g in analyze(model, ROWS, verify=False).groups if g.name == "route"]
    reference = Reference.of(model, Inputs.of(ROWS))
    order = Permutation(np.random.default_rng(0).permutation(64))
    wrong = occurrence_moves(model, [(place, order) for place in group.consumers])
    assert reference.native_change(wrong) > 1e-2
    frozen = next(layer for layer in analyze(model, ROWS).layers if layer.name == "route").frozen
    assert frozen is not None
    assert "vacuous" in frozen.reason
