"""Torchvision's networks: everything but the image is permutable and the output unchanged."""

from collections.abc import Callable

import pytest
import torch
import torchvision
from torch import nn

from permviz.graph.analyze import analyze
from permviz.graph.capture import Inputs, capture
from permviz.graph.components import solve
from permviz.graph.groups import gather
from permviz.graph.propagate import propagate
from permviz.graph.types import ChannelGraph

Lively = Callable[[nn.Module], nn.Module]
Sound = Callable[..., ChannelGraph]
SIZES = {
    "mobilenet_v2": 64,
    "resnet18": 64,
    "shufflenet_v2_x0_5": 64,
    "squeezenet1_0": 64,
    "efficientnet_b0": 64,
    "resnext50_32x4d": 32,
    "regnet_y_400mf": 64,
}


def built(name: str) -> nn.Module:
    torch.manual_seed(0)
    return getattr(torchvision.models, name)(weights=None)


def frozen_layers(graph: ChannelGraph) -> list[str]:
    """Layers that could be permuted, as they read several channels a row, but are frozen."""
    return [layer.name for layer in graph.layers if layer.frozen and layer.shape[1] > 1]


@pytest.mark.parametrize("name", SIZES)
def test_every_layer_but_the_first_is_permutable(name: str, lively: Lively, sound: Sound) -> None:
    size = SIZES[name]
    graph = sound(lively(built(name)), torch.randn(2, 3, size, size), controls=False)
    assert frozen_layers(graph) == [graph.layers[0].name]
    assert "model input" in graph.layers[0].frozen.reason
    assert sum(isinstance(m, (nn.Conv2d, nn.Linear)) for m in graph.model.modules()) == len(
        graph.layers
    )


def test_mobilenet_v2_passes_its_own_verification(lively: Lively) -> None:
    graph = analyze(lively(built("mobilenet_v2")), torch.randn(1, 3, 64, 64))
    assert frozen_layers(graph) == ["features.0.0"]
    assert graph.by_name["classifier.1"].size == 1280
    assert len(graph.groups) == 25


def test_densely_connected_layers_are_permutable(lively: Lively, sound: Sound) -> None:
    model = torchvision.models.DenseNet(growth_rate=6, block_config=(2, 3), num_init_features=10)
    graph = sound(lively(model), torch.randn(2, 3, 32, 32))
    assert frozen_layers(graph) == ["features.conv0"]
    assert len(graph.by_name) == len(graph.groups)
    assert any(len(layer.inputs) > 2 for layer in graph.layers)


def test_atoms_grow_with_channels_and_not_with_weights() -> None:
    model = built("mobilenet_v2").eval()
    ledger = propagate(capture(model, Inputs.of(torch.randn(1, 3, 64, 64))))
    channels = sum(sum(p.shape[:2]) for p in [*model.parameters(), *model.buffers()])
    rows = sum(relation.columns[0].index.size for relation in ledger.relations)
    assert ledger.atoms <= channels
    assert rows <= 4 * channels
    assert len(gather(ledger, solve(ledger)).groups) == 25
