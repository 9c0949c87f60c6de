import numpy as np
import pytest
import torch

from permviz.graph.types import ChannelGraph, Frozen
from tests.session.written_out import Chain, group, layer, place


@pytest.fixture
def chain():
    model = Chain().eval()
    b = group(
        "b",
        16,
        [
            place("b.weight", 1, "consumer", np.arange(16)),
            place("a.weight", 0, "producer", np.arange(16)),
            place("a.bias", 0, "passenger", np.arange(16)),
        ],
    )
    c = group(
        "c",
        32,
        [
            place("c.weight", 1, "consumer", np.arange(32)),
            place("b.weight", 0, "producer", np.arange(32)),
            place("b.bias", 0, "passenger", np.arange(32)),
        ],
    )
    layers = (
        layer("a", model.a.weight, outputs=("b",), frozen="The model's input keeps its order."),
        layer("b", model.b.weight, inputs=("b",), outputs=("c",)),
        layer("c", model.c.weight, inputs=("c",)),
    )
    frozen = (Frozen("a.weight", 1, "The model's input keeps its order."),)
    from permviz.graph.fingerprint import fingerprint

    return ChannelGraph(
        model, (torch.zeros(1, 3, 8, 8),), (b, c), layers, frozen, fingerprint(model)
    )
