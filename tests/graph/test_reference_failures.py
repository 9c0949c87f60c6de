"""Networks whose dense output the paper's published code changes, or on which it gives up."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from permviz.graph.analyze import analyze
from permviz.graph.types import ChannelGraph

Lively = Callable[[nn.Module], nn.Module]
Sound = Callable[..., ChannelGraph]
IMAGE = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(1))


class Attention(nn.Module):
    """Queries, keys and values from layers of their own; only values reach the output layer."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = 2
        for name in ("query", "key", "value", "out"):
            setattr(self, name, nn.Linear(8, 8))

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(2).mT
        q, k, v = (
            layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        mixed = (q @ k.mT / 2).softmax(-1) @ v
        return self.out(mixed.transpose(1, 2).flatten(2)).mT.unflatten(-1, (6, 6))


class LookAlike(nn.Module):
    """Names that belong to other things: a norm, packed projections, heads, a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.bn = nn.Conv2d(8, 8, 1)
        self.in_proj = nn.Conv2d(8, 24, 1)
        self.q_proj = nn.BatchNorm2d(24)
        self.downsample = nn.Conv2d(24, 8, 1)
        self.fc = nn.Conv2d(8, 8, 1)
        self.running_mean = nn.Parameter(torch.ones(8, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        y = fn.relu(self.downsample(fn.relu(self.q_proj(self.in_proj(fn.relu(self.bn(x)))))))
        return self.fc(y * self.running_mean)


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.shared, self.between = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.shared(fn.relu(self.between(fn.relu(self.shared(x)))))


class Plain(nn.Module):
    def __init__(self, path: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.path = path

    def forward(self, x: Tensor) -> Tensor:
        return self.path(x)


CASES: dict[str, tuple[Callable[[], nn.Module], dict[str, list[int]]]] = {
    "channel shuffle": (
        lambda: Plain(
            lambda x: x.unflatten(1, (2, 4)).transpose(1, 2).flatten(1, 2),
        ),
        {"2": [8]},
    ),
    "flip": (lambda: Plain(lambda x: x + x.flip(1)), {"2": [4]}),
    "statistics of SyncBatchNorm": (lambda: nn.SyncBatchNorm(8), {"2": [8]}),
    "PReLU": (lambda: nn.PReLU(8), {"2": [8]}),
    "a reused module": (Twice, {"1.shared": [8], "1.between": [8]}),
    "functional group norm": (lambda: Plain(lambda x: fn.group_norm(x, 2)), {"2": [4, 4]}),
    "local response norm": (lambda: nn.LocalResponseNorm(3), {}),
    "separate queries, keys and values": (
        Attention,
        {"1.query": [8], "1.out": [4, 4], "2": [8]},
    ),
    "look-alike names": (
        LookAlike,
        {"1.bn": [8], "1.in_proj": [8], "1.downsample": [24], "1.fc": [8], "2": [8]},
    ),
}


def whole(middle: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 8, 1), middle, nn.Conv2d(8, 4, 1))


@pytest.mark.parametrize("name", CASES)
def test_the_output_stays_and_what_can_move_does(name: str, lively: Lively, sound: Sound) -> None:
    build, expected = CASES[name]
    graph = sound(lively(whole(build())), IMAGE)
    found = {group.name: [len(block) for block in group.blocks] for group in graph.groups}
    assert found == expected
    frozen = [layer for layer in graph.layers[1:] if layer.frozen]
    assert all(layer.frozen.op for layer in frozen)


@pytest.mark.parametrize("name", CASES)
def test_nothing_that_is_found_fails_its_own_trial(name: str, lively: Lively) -> None:
    build, expected = CASES[name]
    graph = analyze(lively(whole(build())), IMAGE)
    assert {group.name for group in graph.groups} == set(expected)
    assert graph.verification is None or graph.verification.ok
