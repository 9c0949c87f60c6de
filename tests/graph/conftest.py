"""An independent check of the analysis: permute everything at random, compare in float64."""

import copy
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from permviz.core.permutation import Permutation
from permviz.graph.analyze import analyze
from permviz.graph.apply import apply_moves, moves, occurrence_moves
from permviz.graph.types import ChannelGraph, ChannelGroup

TOLERANCE = 1e-10
VISIBLE = 1e-8
Sound = Callable[..., ChannelGraph]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny tensors: threads of two cores shared with other work would only wait."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def sound() -> Sound:
    """Analyse without verification, then prove the groups right by an own check."""
    return assert_sound


@pytest.fixture
def lively() -> Callable[[nn.Module], nn.Module]:
    """Random parameters and statistics, so that no channel is like another by accident."""
    return randomised


def randomised(model: nn.Module, seed: int = 0) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if tensor.is_floating_point():
                drawn = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
                fan = max(tensor[0].numel(), 1) if tensor.ndim > 1 else 1
                spread = drawn / fan**0.5
                positive = tensor.ndim == 1 and ("var" in name or "weight" in name)
                tensor.copy_(drawn.abs() * 0.5 + 0.5 if positive else spread)
    return model.eval()


def assert_sound(model: nn.Module, *inputs: Tensor, controls: bool = True) -> ChannelGraph:
    graph = analyze(model, inputs, verify=False)
    wide = copy.deepcopy(model).double().eval()
    wide_inputs = [x.double() if x.is_floating_point() else x for x in inputs]
    expected = flat(wide, wide_inputs)
    for seed in range(2):
        by_group = {g.name: shuffled(g, seed) for g in graph.groups}
        permuted = apply_moves(wide, moves(graph, by_group))
        change = difference(expected, flat(permuted, wide_inputs))
        assert change < TOLERANCE, f"the output changed by {change}"
    for group in graph.groups if controls else ():
        places = [(place, shuffled(group, 0)) for place in group.consumers]
        assert places, f"{group.name} has no consumer"
        wrong = apply_moves(wide, occurrence_moves(wide, places))
        assert difference(expected, flat(wrong, wide_inputs)) > VISIBLE, group.name
    return graph


def shuffled(group: ChannelGroup, seed: int) -> Permutation:
    rng = np.random.default_rng(seed)
    order = np.arange(group.size)
    for block in group.blocks:
        ring = rng.permutation(block)
        order[ring] = np.roll(ring, 1)
    return Permutation(order)


def flat(model: nn.Module, inputs: list[Tensor]) -> list[Tensor]:
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        output = model(*[x.clone() for x in inputs])
    leaves = [output] if isinstance(output, Tensor) else list(output)
    return [leaf for leaf in leaves if isinstance(leaf, Tensor)]


def difference(expected: list[Tensor], found: list[Tensor]) -> float:
    pairs = zip(expected, found, strict=True)
    return max(float((a - b).abs().max() / a.abs().max().clamp_min(1e-30)) for a, b in pairs)


class Net(nn.Module):
    """A module from a function of itself and its inputs, and the parts that it uses."""

    def __init__(self, path: Callable[..., object], **parts: nn.Module | Tensor) -> None:
        super().__init__()
        self.path = path
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *inputs: Tensor) -> object:
        return self.path(self, *inputs)


@pytest.fixture
def net() -> type[Net]:
    """Build a small module from a function."""
    return Net


@pytest.fixture
def between() -> Callable[..., Net]:
    """Build convolution(3, 8), then what is given, then convolution(8, 4), with live weights."""

    def build(path: Callable[[Net, Tensor], Tensor], width: int = 8, **parts: nn.Module) -> Net:
        def whole(self: Net, x: Tensor) -> Tensor:
            return self.last(path(self, self.first(x)))

        made = Net(whole, first=nn.Conv2d(3, 8, 3, padding=1), last=nn.Conv2d(width, 4, 1), **parts)
        return randomised(made)

    return build
