"""The report by channel group: errors, controls, what is set aside, and runs that are bounded."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import permviz as pv
from permviz.core.permutation import Permutation
from permviz.core.plan import PermutationPlan, PlannedGroup
from permviz.errors import VerificationError
from permviz.graph import alone, groups
from permviz.graph.analyze import analyze
from permviz.graph.verify_report import GroupError, VerifyReport

Lively = Callable[[nn.Module], nn.Module]
ROWS = torch.randn(3, 6, generator=torch.Generator().manual_seed(1))


class Deep(nn.Module):
    def __init__(self, layers: int = 3) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, 8), nn.Linear(8, 4)
        self.inner = nn.ModuleList(nn.Linear(8, 8) for _ in range(layers - 1))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.first(x)
        for layer in self.inner:
            x = layer(x.relu())
        return {"scores": self.last(x.relu()), "sum": x.sum(-1)}


def planned(graph: pv.ChannelGraph) -> PermutationPlan:
    return pv.plan(graph, "random", budget=1)


def test_the_analysis_tells_every_group_and_output(lively: Lively) -> None:
    graph = analyze(lively(Deep()), ROWS)
    report = graph.verification
    assert report is not None
    assert [item.name for item in report.by_group] == [group.name for group in graph.groups]
    assert [item.name for item in report.by_output] == ["scores", "sum"]
    for item in report.by_group:
        assert item.together == 1
        assert item.float64_error < 1e-12
        assert item.native_error < 1e-5
        assert item.control_change == graph.controls[item.name]
    assert report.ok


def test_many_groups_are_tried_a_few_at_a_time(
    lively: Lively, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alone, "RUNS", 3)
    report = analyze(lively(Deep(8)), ROWS).verification
    assert report is not None
    assert [item.together for item in report.by_group] == [3, 3, 3, 3, 3, 3, 2, 2]
    assert len({(item.float64_error, item.native_error) for item in report.by_group}) <= 3


def test_a_plan_is_told_by_group_with_controls(lively: Lively) -> None:
    model = lively(Deep())
    graph = pv.analyze(model, ROWS)
    plan = planned(graph)
    report = pv.verify(model, pv.apply(model, plan), graph, plan=plan)
    moved = [n for n, group in plan.by_group.items() if not group.permutation.is_identity]
    assert [item.name for item in report.by_group] == moved
    assert min(item.control_change for item in report.by_group) > 1e-3
    assert report.ok
    assert pv.verify(model, pv.apply(model, plan), graph).by_group == ()


def test_a_plan_that_breaks_a_group_names_it(lively: Lively) -> None:
    model = lively(Deep())
    graph = pv.analyze(model, ROWS)
    name = graph.groups[1].name
    order = Permutation(np.roll(np.arange(8), 1))
    kept = PlannedGroup(order, "random", 0, 1.0, 1.0, 1.0)
    whole = planned(graph)
    plan = replace(whole, by_group={**whole.by_group, name: kept})
    broken = replace(graph.by_name[name], occurrences=graph.by_name[name].consumers)
    wrong = replace(
        graph, groups=tuple(broken if group.name == name else group for group in graph.groups)
    )
    report = pv.verify(model, pv.apply(model, whole), wrong, plan=plan)
    assert report.failing == (name,)
    assert not report.ok
    assert f"by {name}" in report.message


def test_a_plan_needs_the_graph_that_it_was_made_for(lively: Lively) -> None:
    model, other = lively(Deep()), pv.analyze(lively(Deep(4)), ROWS)
    graph = pv.analyze(model, ROWS)
    plan = planned(graph)
    permuted = pv.apply(model, plan)
    with pytest.raises(VerificationError, match="pass the ChannelGraph"):
        pv.verify(model, permuted, ROWS, plan=plan)
    with pytest.raises(VerificationError, match="another model than the graph"):
        pv.verify(model, permuted, other, plan=plan)


def test_a_group_without_a_visible_control_is_vacuous_and_named() -> None:
    seen, hidden = GroupError("seen", 0.0, 0.0, 1.0), GroupError("hidden", 0.0, 0.0, 1e-12)
    report = VerifyReport(0.0, 0.0, 1.0, 1e-5, by_group=(seen, hidden))
    assert report.equal
    assert report.vacuous
    assert not report.ok
    assert "vacuous" in report.message
    assert "hidden" in report.message
    assert "seen" not in report.message.replace("unseen", "")


def test_a_failing_group_is_named_and_set_aside_and_the_rest_proceed(
    lively: Lively, monkeypatch: pytest.MonkeyPatch
) -> None:
    gather = groups.gather

    def forgetful(*given: object) -> groups.Grouping:
        found = gather(*given)  # pyright: ignore[reportArgumentType]
        first, *rest = found.groups
        return replace(found, groups=(replace(first, occurrences=first.consumers), *rest))

    monkeypatch.setattr("permviz.graph.analyze.gather", forgetful)
    graph = analyze(lively(Deep()), ROWS)
    report = graph.verification
    assert report is not None
    assert report.ok
    assert [item.name for item in report.set_aside] == ["inner.0"]
    assert "changed the output" in report.set_aside[0].reason
    assert "Set aside: inner.0." in report.message
    assert [group.name for group in graph.groups] == ["inner.1", "last"]
    assert next(layer for layer in graph.layers if layer.name == "inner.0").frozen is not None
