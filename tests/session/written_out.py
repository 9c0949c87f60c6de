"""Small analysed models, written out by hand so that sessions are tested alone."""

import numpy as np
import torch
from torch import nn

from permviz.graph.types import ChannelGroup, Frozen, Layer, Occurrence


def place(tensor, axis, role, positions, rows=None, channels=None):
    listed = np.asarray(positions, dtype=np.int64)
    listed = listed[:, None] if listed.ndim == 1 else listed
    which = np.arange(len(listed)) if channels is None else np.asarray(channels)
    return Occurrence(tensor, axis, role, rows, which, listed)


def group(name, size, places, blocks=None):
    sets = [np.arange(size)] if blocks is None else [np.asarray(block) for block in blocks]
    return ChannelGroup(name, size, tuple(sets), tuple(places))


def layer(name, weight, inputs=(), outputs=(), conv_groups=1, frozen=None):
    kind = "linear" if weight.ndim == 2 else "conv2d"
    tensor = f"{name}.weight"
    reason = None if frozen is None else Frozen(tensor, 1, frozen)
    return Layer(name, kind, tensor, tuple(weight.shape), conv_groups, inputs, outputs, reason)


class Chain(nn.Module):
    """3 -> 16 -> 32 -> 8: two groups, one of them for two layers to share nothing."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.a, self.b, self.c = nn.Conv2d(3, 16, 3), nn.Conv2d(16, 32, 1), nn.Linear(32, 8)
        for parameter in self.parameters():
            with torch.no_grad():
                parameter.copy_(torch.randn(parameter.shape, generator=generator))

    def forward(self, x):
        return self.c(self.b(self.a(x).relu()).relu().mean((2, 3)))
