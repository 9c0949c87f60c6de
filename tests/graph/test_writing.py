"""Writing into memory: what was known of it before is no longer known afterwards."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from permviz.graph.types import ChannelGraph

IMAGE = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(1))
Sound = Callable[..., ChannelGraph]
Build = Callable[..., nn.Module]
Lively = Callable[[nn.Module], nn.Module]


def blocks(graph: ChannelGraph) -> dict[str, list[int]]:
    return {group.name: [len(block) for block in group.blocks] for group in graph.groups}


STEPS: dict[str, Callable[[Tensor], object]] = {
    "added": lambda made: made[:4].add_(1),
    "filled": lambda made: made[:4].fill_(1),
    "assigned": lambda made: made.__setitem__(slice(4), 1),
    "set by a view of a view": lambda made: made.view(2, 4)[0].zero_().add_(1),
}


@pytest.mark.parametrize("name", STEPS)
def test_a_constant_that_is_written_in_part_is_no_longer_the_same_everywhere(
    name: str, net: Build, lively: Lively, sound: Sound
) -> None:
    def path(m: nn.Module, x: Tensor) -> Tensor:
        made = x.new_zeros(8)
        STEPS[name](made)
        return m.last(m.first(x) * made.view(8, 1, 1))

    parts = {"first": nn.Conv2d(3, 8, 1), "last": nn.Conv2d(8, 4, 1)}
    assert sound(lively(net(path, **parts)), IMAGE).groups == ()


def test_numbers_that_are_written_later_do_not_pick_what_they_said_before(
    net: Build, lively: Lively, sound: Sound
) -> None:
    def path(m: nn.Module, x: Tensor) -> Tensor:
        order = torch.zeros(8, dtype=torch.long)
        order[3:].add_(2)
        return m.last(m.first(x)[:, order])

    parts = {"first": nn.Conv2d(3, 8, 1), "last": nn.Conv2d(8, 4, 1)}
    assert sound(lively(net(path, **parts)), IMAGE).groups == ()


def test_writes_inside_a_region_reach_the_memory_outside(
    net: Build, lively: Lively, sound: Sound
) -> None:
    def path(m: nn.Module, x: Tensor) -> Tensor:
        y, made = m.first(x), x.new_zeros(8, 1, 1)
        with torch.enable_grad():
            view = made[:4]
            view.add_(1)
            y = m.middle(y * 2).relu_()
        return m.last(y * (made + 1))

    parts = {"first": nn.Conv2d(3, 8, 1), "middle": nn.Conv2d(8, 8, 1, groups=2)}
    graph = sound(lively(net(path, **parts, last=nn.Conv2d(8, 4, 1))), IMAGE)
    assert blocks(graph) == {"middle": [4]}
    assert graph.layers[-1].frozen is not None
