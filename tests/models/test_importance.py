"""Scores of weights."""

import numpy as np
import pytest
import torch
from torch import nn

from permviz.errors import ScoresError
from permviz.graph.types import ChannelGraph, Layer
from permviz.models.importance import importance, importance_names, weight_scores


def graph_of(model: nn.Module) -> ChannelGraph:
    layers = tuple(
        Layer(name, "linear", f"{name}.weight", tuple(part.weight.shape), 1, (), (), None)
        for name, part in model.named_modules()
        if isinstance(part, nn.Linear | nn.Conv2d)
    )
    return ChannelGraph(model, (), (), layers, (), "sha256:none")


def test_magnitude_is_the_default() -> None:
    assert importance_names() == ("magnitude", "squared")


@pytest.mark.parametrize(("name", "expected"), [("magnitude", 3.0), ("squared", 9.0)])
def test_every_layer_is_scored_in_full_shape(name: str, expected: float) -> None:
    model = nn.Sequential(nn.Conv2d(4, 8, 3), nn.Linear(8, 4))
    for part in model:
        part.weight.data.fill_(-3.0)
    scores = importance(graph_of(model), name)
    assert {tensor: values.shape for tensor, values in scores.items()} == {
        "0.weight": (8, 4, 3, 3),
        "1.weight": (4, 8),
    }
    assert all(np.all(values == expected) for values in scores.values())


@pytest.mark.parametrize(
    ("weights", "scores"),
    [
        (torch.float64, np.float64),
        (torch.float32, np.float32),
        (torch.bfloat16, np.float32),
        (torch.float16, np.float32),
    ],
)
def test_doubles_stay_doubles(weights: torch.dtype, scores: type) -> None:
    assert weight_scores("a", torch.ones(2, 2, dtype=weights)).dtype == scores


def test_scores_are_a_copy() -> None:
    weight = torch.ones(2, 4)
    weight_scores("a", weight)[:] = 7
    assert weight.max() == 1


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_bad_weights_are_refused_by_the_name_of_the_layer(bad: float) -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].weight.data[1, 2] = bad
    with pytest.raises(ScoresError, match="'1' has 1 weights of NaN or infinite magnitude"):
        importance(graph_of(model))


def test_squares_that_overflow_are_refused() -> None:
    with pytest.raises(ScoresError, match="'a' has 2 weights of NaN or infinite squared"):
        weight_scores("a", torch.full((1, 2), 1e30), "squared")


def test_an_unknown_importance_is_refused() -> None:
    with pytest.raises(ScoresError, match="'taylor' is unknown; choose one of magnitude, squared"):
        importance(graph_of(nn.Sequential(nn.Linear(4, 4))), "taylor")
