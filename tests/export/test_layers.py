"""The figures of a report are those of the definition, for any pattern and shape."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from permviz.core.pattern import NMPattern
from permviz.core.plan import PermutationPlan
from permviz.core.score import retained, row_optimum
from permviz.errors import ExportError
from permviz.export.files import state_of
from permviz.export.layers import Pruned, layer_exports, totals
from permviz.graph.fingerprint import fingerprint
from permviz.graph.types import ChannelGraph, Frozen, Layer
from permviz.models.prunable import eligibility, remainders
from permviz.models.sparsify import plain, sparsify

PATTERNS = st.sampled_from(["2:4", "1:4", "4:8", "1:2", "2:3"])


def pruned_of(model: nn.Module, pattern: str, importance: str = "magnitude") -> Pruned:
    state = state_of(model)
    after = state_of(plain(sparsify(model, pattern, importance=importance)))
    reasons, notes = eligibility(model, pattern), remainders(model, pattern)
    return Pruned(state, state, after, reasons, notes, importance)


def empty_plan(model: nn.Module, pattern: str) -> PermutationPlan:
    mark = fingerprint(model)
    return PermutationPlan(mark, mark, NMPattern.parse(pattern), {}, (), {})


@settings(deadline=None, max_examples=25)
@given(PATTERNS, st.integers(8, 21), st.sampled_from(["magnitude", "squared"]))
def test_figures_match_the_definition(pattern: str, channels: int, importance: str) -> None:
    torch.manual_seed(channels)
    model = nn.Sequential(nn.Conv2d(channels, 6, (3, 2)), nn.Flatten(), nn.Linear(channels, 5))
    rows = layer_exports(
        model, empty_plan(model, pattern), pruned_of(model, pattern, importance), None
    )
    assert [row.kind for row in rows] == ["conv2d", "linear"]
    for row in rows:
        weight = model.get_parameter(row.tensor).detach().numpy()
        scores = np.abs(weight) if importance == "magnitude" else weight**2
        matrix = np.moveaxis(scores, 1, -1).reshape(-1, channels)
        parsed = NMPattern.parse(pattern)
        assert row.default == pytest.approx(retained(matrix, parsed))
        assert row.retained == pytest.approx(row.default)
        assert row.row_optimum == pytest.approx(row_optimum(matrix, parsed))
        assert row.total == pytest.approx(matrix.sum())
        whole = channels // parsed.m * parsed.m
        assert row.zeros == len(matrix) * whole * (parsed.m - parsed.n) // parsed.m
        assert bool(row.note) == bool(channels % parsed.m)


def test_totals_add_up_the_layers() -> None:
    model = nn.Sequential(nn.Linear(3, 8), nn.Linear(8, 8))
    rows = layer_exports(model, empty_plan(model, "2:4"), pruned_of(model, "2:4"), None)
    sums = totals(rows)
    assert (sums.sparse_layers, sums.dense_layers) == (1, 1)
    assert (sums.weights, sums.zeros) == (88, 32)
    assert sums.total == pytest.approx(sum(row.total for row in rows))
    assert sums.default == pytest.approx(rows[0].total + rows[1].default)


def test_a_bare_layer_is_a_model_too() -> None:
    model = nn.Linear(8, 4)
    (row,) = layer_exports(model, empty_plan(model, "2:4"), pruned_of(model, "2:4"), None)
    assert (row.name, row.tensor, row.status) == ("", "weight", "sparse")


def test_the_graph_says_why_a_layer_was_not_permuted() -> None:
    model = nn.Linear(8, 4)
    frozen = Frozen("weight", 1, "The input of the model is the caller's.")
    layer = Layer("", "linear", "weight", (4, 8), 1, (), (), frozen)
    graph = ChannelGraph(model, None, (), (layer,), (frozen,), fingerprint(model))
    (row,) = layer_exports(model, empty_plan(model, "2:4"), pruned_of(model, "2:4"), graph)
    assert (row.status, row.permuted, row.reason) == ("sparse", False, frozen.reason)


def test_a_mask_that_is_not_the_best_is_noticed() -> None:
    model = nn.Linear(8, 4)
    good = pruned_of(model, "2:4")
    weight = model.get_parameter("weight").detach()
    after = dict(good.after, weight=torch.where(good.after["weight"] == 0, weight, 0.0))
    worst = Pruned(good.before, good.permuted, after, good.reasons, good.notes, "magnitude")
    with pytest.raises(ExportError, match="retains"):
        layer_exports(model, empty_plan(model, "2:4"), worst, None)
