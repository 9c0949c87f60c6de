"""A page on a network with a wide layer, served by the tests."""

import torch
from torch import nn

from permviz.app.explore import explore

torch.manual_seed(0)
network = nn.Sequential(
    nn.Linear(16, 2048), nn.ReLU(), nn.Linear(2048, 2048), nn.ReLU(), nn.Linear(2048, 4)
)
explore(network.eval(), torch.randn(2, 16)).servable()
