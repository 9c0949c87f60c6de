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


WORDS = torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(2))
Fill = Callable[[Tensor, Tensor], Tensor]


def _by_step(made: Tensor, y: Tensor) -> Tensor:
    for at in range(6):
        made[:, at] = y[:, at] * (1 + at) + (made[:, at - 1] if at else 0)
    return made


def _inside_out(made: Tensor, y: Tensor) -> Tensor:
    made.transpose(0, 1)[2:4].unsqueeze(-1)[..., 0].copy_(y.transpose(0, 1)[2:4])
    return made + y


def _split(made: Tensor, y: Tensor) -> Tensor:
    made[:, :3] = y[:, :3].relu()
    made[:, 3:].add_(y[:, 3:])
    return made


FILLED: dict[str, Fill] = {
    "whole": lambda made, y: made.copy_(y),
    "by step": _by_step,
    "in parts": _split,
    "a view of a view": _inside_out,
    "at numbers": lambda made, y: made.index_put_((torch.tensor([1, 0]),), y),
    "masked": lambda made, y: made.masked_fill_(y > 0, 1).mul_(y),
}


@pytest.mark.parametrize("name", FILLED)
def test_memory_takes_the_channels_of_what_is_written_into_it(
    name: str, net: Build, lively: Lively, sound: Sound
) -> None:
    def path(m: nn.Module, x: Tensor) -> Tensor:
        y = m.first(x)
        return m.last(FILLED[name](torch.zeros_like(y), y))

    parts = {"first": nn.Linear(8, 16), "last": nn.Linear(16, 4)}
    graph = sound(lively(net(path, **parts)), WORDS)
    assert [group.size for group in graph.groups] == [16]


def test_memory_with_channels_ties_them_to_what_is_written_into_a_part(
    net: Build, lively: Lively, sound: Sound
) -> None:
    def path(m: nn.Module, x: Tensor) -> Tensor:
        y = m.first(x)
        y[:, 2:4] = m.other(x)[:, :2]
        return m.last(y)

    parts = {"first": nn.Linear(8, 16), "other": nn.Linear(8, 16), "last": nn.Linear(16, 4)}
    (group,) = sound(lively(net(path, **parts)), WORDS).groups
    assert {place.tensor for place in group.occurrences} >= {"first.weight", "other.weight"}


def _some_channels(made: Tensor, y: Tensor) -> Tensor:
    made[..., 4:] = y[..., :12]
    return made


def _numbered(made: Tensor, y: Tensor) -> Tensor:
    numbers = made + torch.arange(16.0)
    numbers[:, :2] = y[:, :2]
    return numbers


def _seen_before(made: Tensor, y: Tensor) -> Tensor:
    first = made[:, 0]
    made[:1] = y[:1]
    return first


def _perhaps_a_copy(made: Tensor, y: Tensor) -> Tensor:
    made.reshape(2, 96)[:, :16] = y[:, 0]
    return made


ORDERED = [_some_channels, _numbered, _seen_before, _perhaps_a_copy]


@pytest.mark.parametrize("fill", ORDERED)
def test_what_cannot_be_followed_into_the_memory_stays(
    fill: Fill, net: Build, lively: Lively, sound: Sound
) -> None:
    def path(m: nn.Module, x: Tensor) -> Tensor:
        y = m.first(x)
        return m.last(fill(torch.zeros_like(y), y))

    parts = {"first": nn.Linear(8, 16), "last": nn.Linear(16, 4)}
    graph = sound(lively(net(path, **parts)), WORDS)
    assert graph.groups == ()
    assert graph.layers[-1].frozen is not None
