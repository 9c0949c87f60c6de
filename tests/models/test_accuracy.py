"""Accuracy of the demo, and what it is compared with."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from permviz.core.pattern import NMPattern
from permviz.core.permutation import Permutation
from permviz.core.plan import PermutationPlan, PlannedGroup
from permviz.errors import PlanError, SourceError
from permviz.graph.analyze import analyze
from permviz.graph.apply import apply_moves, moves
from permviz.graph.fingerprint import fingerprint
from permviz.graph.types import ChannelGraph, ChannelGroup
from permviz.models.accuracy import (
    AccuracyTable,
    accuracy,
    accuracy_table,
    recalibrated,
    shuffled,
)
from permviz.models.digits_data import DigitsData, load_digits
from permviz.models.sources import LoadedModel, load_model
from permviz.models.sparsify import sparsify


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return load_model("digits")


@pytest.fixture(scope="module")
def graph(loaded: LoadedModel) -> ChannelGraph:
    return analyze(loaded.model, loaded.example_inputs, verify=False)


@pytest.fixture(scope="module")
def few(loaded: LoadedModel) -> LoadedModel:
    """The demo with a tenth of its test images."""
    data = load_digits()
    small = DigitsData(
        data.train_images[:300],
        data.train_labels[:300],
        data.test_images[:100],
        data.test_labels[:100],
    )
    return LoadedModel("digits", loaded.model, loaded.example_inputs, small, "")


def plan_for(graph: ChannelGraph, seed: int = 0) -> PermutationPlan:
    rng = np.random.default_rng(seed)
    orders = {group.name: random_order(group, rng) for group in graph.groups}
    moved = moves(graph, orders)
    return PermutationPlan(
        graph.fingerprint,
        fingerprint(apply_moves(graph.model, moved)),
        NMPattern(2, 4),
        {name: PlannedGroup(order, "given", seed, 0, 0, 0) for name, order in orders.items()},
        moved,
        {},
    )


def random_order(group: ChannelGroup, rng: np.random.Generator) -> Permutation:
    order = np.arange(group.size)
    for block in group.blocks:
        order[block] = rng.permutation(block)
    return Permutation(order)


class Constant(nn.Module):
    """Sees the same digit everywhere."""

    def __init__(self, digit: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.eye(10)[digit])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        assert not self.training
        return self.logits.expand(len(images), 10)


def test_a_constant_guess_is_right_one_time_in_ten() -> None:
    model = Constant(3).train()
    assert accuracy(model, load_digits()) == pytest.approx(10.0)
    assert model.training


def test_accuracy_is_the_share_of_right_answers(few: LoadedModel) -> None:
    assert few.data is not None
    images = torch.from_numpy(few.data.test_images.astype(np.float32) / 255)[:, None]
    answers = few.model((images - 0.1307) / 0.3081).argmax(1).numpy()
    right = 100 * float((answers == few.data.test_labels).mean())
    assert accuracy(few.model, few.data) == pytest.approx(right)


def test_a_double_model_is_measured_too(few: LoadedModel) -> None:
    assert few.data is not None
    double = copy.deepcopy(few.model).double()
    assert accuracy(double, few.data) == pytest.approx(accuracy(few.model, few.data))


def test_recalibration_leaves_the_original_untouched(few: LoadedModel) -> None:
    assert few.data is not None
    before = copy.deepcopy(few.model.state_dict())
    fresh = recalibrated(few.model, few.data)
    after = few.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not fresh.training
    assert not few.model.training
    changed = {name for name in before if not torch.equal(before[name], fresh.state_dict()[name])}
    assert changed
    assert all("running" in name or "num_batches" in name for name in changed)


def test_recalibration_restores_the_momentum_and_repeats(few: LoadedModel) -> None:
    assert few.data is not None
    first, second = (recalibrated(few.model, few.data) for _ in range(2))
    norms = [part for part in first.modules() if isinstance(part, nn.BatchNorm2d)]
    assert {norm.momentum for norm in norms} == {0.1}
    assert all(
        torch.equal(value, second.state_dict()[name]) for name, value in first.state_dict().items()
    )


def test_recalibration_repeats_with_dropout_and_keeps_the_callers_random_numbers(
    few: LoadedModel,
) -> None:
    assert few.data is not None
    model = nn.Sequential(nn.Flatten(), nn.Dropout(), nn.BatchNorm1d(784), nn.Linear(784, 10))
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    first = recalibrated(model, few.data)
    assert torch.equal(torch.rand(2), expected)
    second = recalibrated(model, few.data)
    assert torch.equal(first.state_dict()["2.running_mean"], second.state_dict()["2.running_mean"])


def test_recalibration_recovers_most_of_the_pruned_demo(loaded: LoadedModel) -> None:
    assert loaded.data is not None
    sparse = sparsify(loaded.model)
    pruned, dense = accuracy(sparse, loaded.data), accuracy(loaded.model, loaded.data)
    assert pruned < dense - 10
    assert accuracy(recalibrated(sparse, loaded.data), loaded.data) > dense - 3


def test_a_shuffled_model_computes_the_same(loaded: LoadedModel, graph: ChannelGraph) -> None:
    moved = shuffled(graph, np.random.default_rng(0))
    weights, others = loaded.model.state_dict(), moved.state_dict()
    assert sum(not torch.equal(weights[name], others[name]) for name in weights) > 20
    inputs = loaded.example_inputs[0].double()
    expected = copy.deepcopy(loaded.model).double()(inputs)
    assert torch.allclose(moved.double()(inputs), expected, rtol=1e-10, atol=1e-10)


@pytest.fixture(scope="module")
def table(few: LoadedModel, graph: ChannelGraph) -> AccuracyTable:
    return accuracy_table(few, graph, plan_for(graph), orders=2)


def test_the_table_has_all_that_is_compared(table: AccuracyTable) -> None:
    assert [row.label for row in table.rows] == [
        "dense",
        "default 2:4",
        "permuted 2:4",
        "2 random orders 2:4",
    ]
    assert (table.orders, table.images) == (2, 100)
    assert [row.deviation is None for row in table.rows] == [True, True, True, False]
    assert [row.recalibrated_deviation is None for row in table.rows] == [True, True, True, False]


def test_the_table_tells_the_accuracies(table: AccuracyTable, few: LoadedModel) -> None:
    assert few.data is not None
    dense, default = table.rows[:2]
    sparse = sparsify(few.model)
    assert dense.accuracy == accuracy(few.model, few.data)
    assert default.accuracy == accuracy(sparse, few.data)
    assert default.recalibrated == accuracy(recalibrated(sparse, few.data), few.data)


def test_the_random_row_is_the_mean_of_its_orders(
    table: AccuracyTable, few: LoadedModel, graph: ChannelGraph
) -> None:
    assert few.data is not None
    rng = np.random.default_rng(0)
    drawn = [accuracy(sparsify(shuffled(graph, rng)), few.data) for _ in range(2)]
    assert table.rows[3].accuracy == pytest.approx(np.mean(drawn))
    assert table.rows[3].deviation == pytest.approx(np.std(drawn, ddof=1))


def test_progress_reaches_the_end(few: LoadedModel, graph: ChannelGraph) -> None:
    seen: list[tuple[str, float]] = []
    accuracy_table(
        few,
        graph,
        plan_for(graph),
        orders=2,
        importance="squared",
        on_progress=lambda label, share: seen.append((label, share)),
    )
    shares = [share for _, share in seen]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    labels = list(dict.fromkeys(label for label, _ in seen))
    assert labels[3:] == ["random order 1 of 2", "random order 2 of 2", "done"]
    # Each batch tells, so that whoever wants it to end, or to wait, need not wait for long.
    assert len(seen) > len(labels)


def test_a_model_without_test_images_is_refused(few: LoadedModel, graph: ChannelGraph) -> None:
    blind = LoadedModel("mine", few.model, few.example_inputs, None, "")
    with pytest.raises(SourceError, match="no labelled test images for mine"):
        accuracy_table(blind, graph, plan_for(graph))
    with pytest.raises(SourceError, match="1 random orders have no deviation"):
        accuracy_table(few, graph, plan_for(graph), orders=1)


def test_a_plan_for_another_model_is_refused(few: LoadedModel, graph: ChannelGraph) -> None:
    other = copy.deepcopy(few.model)
    other.get_parameter("classifier.bias").data.add_(1)
    stranger = LoadedModel("digits", other, few.example_inputs, few.data, "")
    with pytest.raises(PlanError):
        accuracy_table(stranger, graph, plan_for(graph), orders=2)
