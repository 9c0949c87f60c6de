"""Heads: one channel each, or places between which no channel moves."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from permviz.graph.types import ChannelGraph

ROWS = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(1))
Sound = Callable[..., ChannelGraph]
Build = Callable[..., nn.Module]
Lively = Callable[[nn.Module], nn.Module]


def sizes(graph: ChannelGraph, name: str) -> list[int]:
    """Sizes of the blocks of the groups that a layer reads."""
    layer = next(layer for layer in graph.layers if layer.name == name)
    return [block.size for group in layer.inputs for block in graph.by_name[group].blocks]


def gated(net: Build, heads: int, width: int, *, norm: bool = False) -> nn.Module:
    def path(m: nn.Module, x: Tensor) -> Tensor:
        y = m.values(x).unflatten(-1, (heads, width))
        y = y * m.scale[:, None] + torch.sigmoid(m.gate(x))[..., None]
        return m.last((y * m.norm if norm else y).flatten(-2))

    return net(
        path,
        values=nn.Linear(8, heads * width),
        gate=nn.Linear(8, heads),
        scale=nn.Parameter(torch.ones(heads)),
        norm=nn.Parameter(torch.ones(width)),
        last=nn.Linear(heads * width, 5),
    )


@pytest.mark.parametrize(("heads", "width"), [(4, 16), (3, 6), (2, 4)])
def test_channels_move_inside_the_heads_that_a_gate_scales(
    heads: int, width: int, net: Build, lively: Lively, sound: Sound
) -> None:
    graph = sound(lively(gated(net, heads, width)), ROWS)
    assert sizes(graph, "last") == [width] * heads


def test_a_norm_inside_the_heads_moves_all_of_them_alike(
    net: Build, lively: Lively, sound: Sound
) -> None:
    graph = sound(lively(gated(net, 4, 16, norm=True)), ROWS)
    assert sizes(graph, "last") == [16]


def test_heads_of_two_channels_move_whole(net: Build, lively: Lively, sound: Sound) -> None:
    graph = sound(lively(gated(net, 8, 2)), ROWS)
    assert sizes(graph, "last") == [8]
    (group,) = graph.groups
    assert {place.tensor for place in group.occurrences} >= {"scale", "gate.weight"}


def test_streams_beside_one_another_keep_their_places(
    net: Build, lively: Lively, sound: Sound
) -> None:
    def path(m: nn.Module, x: Tensor) -> Tensor:
        streams = m.first(x)[:, :, None] * m.share[:, None]
        mixed = torch.softmax(m.mix(streams.flatten(2)), -1)[..., None] * streams
        return m.last(mixed.sum(2))

    parts = {"first": nn.Linear(8, 16), "mix": nn.Linear(3 * 16, 3), "last": nn.Linear(16, 5)}
    graph = sound(lively(net(path, share=nn.Parameter(torch.ones(3)), **parts)), ROWS)
    assert sizes(graph, "last") == [16]
    assert sizes(graph, "mix") == [16]


def test_products_with_a_weight_for_each_head_keep_their_outputs_apart(
    net: Build, lively: Lively, sound: Sound
) -> None:
    def path(m: nn.Module, x: Tensor) -> Tensor:
        y = m.first(x).unflatten(-1, (4, 16)).flatten(0, 1).transpose(0, 1)
        y = torch.bmm(y, m.inner.weight.view(4, 6, 16).transpose(1, 2))
        return m.last(y.transpose(0, 1).flatten(1))

    parts = {"first": nn.Linear(8, 64), "inner": nn.Linear(16, 24), "last": nn.Linear(24, 5)}
    graph = sound(lively(net(path, **parts)), ROWS)
    assert sizes(graph, "last") == [6, 6, 6, 6]


def test_sums_of_weights_may_be_read_from_padding(net: Build, lively: Lively, sound: Sound) -> None:
    """Linear attention: a last channel of ones collects what the others are divided by."""

    def path(m: nn.Module, x: Tensor) -> Tensor:
        q, k, v = m.first(x).unflatten(-1, (3, 2, 8)).permute(2, 0, 3, 1, 4)
        read = q.relu() @ (k.relu().transpose(-1, -2) @ fn.pad(v, (0, 1), value=1.0))
        return m.last((read[..., :-1] / (read[..., -1:] + 1)).transpose(1, 2).flatten(2))

    parts = {"first": nn.Linear(8, 48), "last": nn.Linear(16, 5)}
    graph = sound(lively(net(path, **parts)), ROWS)
    assert sizes(graph, "last") == [8, 8]


def test_delta_rule_attention_moves_values_inside_their_heads(
    net: Build, lively: Lively, sound: Sound
) -> None:
    """A decay for each head, a state that is written step by step, a norm inside the heads."""

    def path(m: nn.Module, x: Tensor) -> Tensor:
        q, k, v = m.first(x).unflatten(-1, (3, 4, 8)).permute(2, 0, 3, 1, 4)
        decay = -fn.softplus(m.step(x) + m.bias).transpose(1, 2) * m.rate.exp()[:, None]
        state, read = x.new_zeros(2, 4, 8, 8), torch.zeros_like(v)
        for at in range(5):
            state = state * decay[:, :, at, None, None].exp()
            left = v[:, :, at] - (k[:, :, at, None] @ state).squeeze(-2)
            state = state + k[:, :, at, :, None] * left[:, :, None]
            read[:, :, at] = (q[:, :, at, None] @ state).squeeze(-2)
        return m.last((fn.rms_norm(read, (8,)) * m.norm).transpose(1, 2).flatten(2))

    graph = sound(
        lively(
            net(
                path,
                first=nn.Linear(8, 96),
                step=nn.Linear(8, 4),
                bias=nn.Parameter(torch.ones(4)),
                rate=nn.Parameter(torch.zeros(4)),
                norm=nn.Parameter(torch.ones(8)),
                last=nn.Linear(32, 5),
            )
        ),
        ROWS,
    )
    assert sizes(graph, "last") == [8]


def test_branches_that_are_added_up_have_the_same_channels(
    net: Build, lively: Lively, sound: Sound
) -> None:
    """Selective kernels: a softmax over branches says how much of each branch is taken."""

    def path(m: nn.Module, x: Tensor) -> Tensor:
        branches = torch.stack([m.one(x), m.two(x)], 2)
        pooled = m.squeeze(branches.sum(2)).relu()
        shares = m.excite(pooled).unflatten(-1, (2, 16)).softmax(2)
        return m.last((branches * shares).sum(2))

    graph = sound(
        lively(
            net(
                path,
                one=nn.Linear(8, 16),
                two=nn.Linear(8, 16),
                squeeze=nn.Linear(16, 8),
                excite=nn.Linear(8, 32),
                last=nn.Linear(16, 5),
            )
        ),
        ROWS,
    )
    assert sizes(graph, "squeeze") == sizes(graph, "last") == [16]
    assert sizes(graph, "excite") == [8]


@pytest.mark.parametrize("pieces", [2, 8])
def test_maxima_over_pieces_move_with_their_channel_if_the_pieces_are_few(
    pieces: int, net: Build, lively: Lively, sound: Sound
) -> None:
    def path(m: nn.Module, x: Tensor) -> Tensor:
        y = m.first(x).unflatten(-1, (8, pieces))
        return m.last(y.amax(-1) * m.whole(y.flatten(-2)))

    parts = {"first": nn.Linear(8, 8 * pieces), "last": nn.Linear(8, 5)}
    graph = sound(lively(net(path, whole=nn.Linear(8 * pieces, 8), **parts)), ROWS)
    assert sizes(graph, "last") == ([8] if pieces == 2 else [])
    assert sizes(graph, "whole") == ([8] if pieces == 2 else [pieces] * 8)


def test_heads_that_are_mixed_leave_values_inside_their_heads(
    net: Build, lively: Lively, sound: Sound
) -> None:
    """Talking heads: a small layer over the heads must not hold the values together."""

    def path(m: nn.Module, x: Tensor) -> Tensor:
        q, k, v = m.first(x).unflatten(-1, (3, 4, 8)).permute(2, 0, 3, 1, 4)
        scores = m.talk((q @ k.transpose(-1, -2)).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return m.last((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))

    parts = {"first": nn.Linear(8, 96), "talk": nn.Linear(4, 4), "last": nn.Linear(32, 5)}
    graph = sound(lively(net(path, **parts)), ROWS)
    assert sizes(graph, "last") == [8, 8, 8, 8]


def test_channels_outlive_weights_that_are_laid_out_inside_of_them(
    net: Build, lively: Lively, sound: Sound
) -> None:
    """Outlook attention: every head weighs positions by maps that a layer makes."""

    def path(m: nn.Module, x: Tensor) -> Tensor:
        v = m.values(x).unflatten(-1, (2, 8)).permute(0, 2, 1, 3)
        maps = m.maps(x.mean(1)).unflatten(-1, (2, 3, 5)).softmax(-1)
        read = (maps @ v).permute(0, 1, 3, 2).reshape(2, 16 * 3)
        return m.last(read)

    parts = {"values": nn.Linear(8, 16), "maps": nn.Linear(8, 30), "last": nn.Linear(48, 5)}
    graph = sound(lively(net(path, **parts)), ROWS)
    assert sizes(graph, "last") == [8, 8]
