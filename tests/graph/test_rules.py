"""Every rule by itself: its groups permute without changing the output, and are found."""

import inspect
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from permviz.graph.rules import elementwise
from permviz.graph.types import ChannelGraph

IMAGE = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(1))
Path = Callable[[nn.Module, Tensor], Tensor]
Sound = Callable[..., ChannelGraph]
Build = Callable[..., nn.Module]
EXTRA = {"clamp": (0.1, 0.9), "clip": (0.1, 0.9), "clamp_min": (0.5,), "clamp_max": (0.5,)}
EXTRA["threshold"] = (0.5, 0.1)
BLIND = {"sign", "logical_not", "isnan", "isinf", "isfinite"}  # the same for all channels here

WHOLE: dict[str, Path] = {
    "multiply by a number": lambda _, x: 2 * x + 1 - x / 3,
    "power": lambda _, x: x**2 + 2**x,
    "compare": lambda _, x: torch.where(x > 0, x, 0.1 * x) + (x < 0.3),
    "maximum": lambda _, x: torch.maximum(x, x.mean((2, 3), keepdim=True)),
    "max of two": lambda _, x: torch.max(x, x.tanh()),
    "lerp": lambda _, x: torch.lerp(x, x.tanh(), 0.3),
    "addcmul": lambda _, x: torch.addcmul(x, x.tanh(), x.sigmoid()),
    "masked fill": lambda _, x: x.masked_fill(x > 0.5, 0.1),
    "add in place": lambda _, x: (x * 1).add_(x),
    "relu in place": lambda _, x: fn.relu(x * 1, inplace=True),
    "in place on a view": lambda _, x: _after(y := x * 1, y.view(2, 8, 36).mul_(2)),
    "dropout": lambda m, x: fn.dropout2d(fn.dropout(x, training=m.training), training=m.training),
    "max pool": lambda _, x: fn.max_pool2d(x, 2),
    "max pool with places": lambda _, x: fn.max_pool2d(x, 2, return_indices=True)[0],
    "average pool": lambda _, x: fn.avg_pool2d(x, 3, 1, 1),
    "adaptive pools": lambda _, x: fn.adaptive_avg_pool2d(x, 3) + fn.adaptive_max_pool2d(x, 3),
    "interpolate nearest": lambda _, x: fn.interpolate(x, scale_factor=2),
    "interpolate bilinear": lambda _, x: fn.interpolate(x, size=(4, 5), mode="bilinear"),
    "pad": lambda _, x: fn.pad(x, (1, 2, 0, 1)),
    "pad by reflection": lambda _, x: fn.pad(x, (1, 2, 0, 1), mode="reflect"),
    "pad by replication": lambda _, x: fn.pad(x, (1, 1, 0, 0), mode="replicate"),
    "crop": lambda _, x: x[:, :, 1:-1, ::2],
    "flip positions": lambda _, x: x.flip(2).roll(1, 3),
    "squeeze": lambda _, x: x.mean(3).unsqueeze(3).squeeze(3).unsqueeze(-1),
    "permute": lambda _, x: x.permute(2, 3, 0, 1).movedim(0, 1).permute(2, 3, 1, 0),
    "transpose": lambda _, x: x.transpose(1, 3).contiguous().transpose(-1, 1).clone(),
    "flatten and back": lambda _, x: torch.relu(x.flatten(1)).unflatten(1, (8, 6, 6)),
    "last axis and back": lambda _, x: (
        x.permute(0, 2, 3, 1).reshape(72, 8).T.view(8, 2, 6, 6).mT.transpose(0, 1)
    ),
    "sum over channels": lambda _, x: x - x.mean(1, keepdim=True) + x.amax((1, 2), keepdim=True),
    "norm over channels": lambda _, x: fn.normalize(x, dim=1) * x.var((2, 3), keepdim=True),
    "sum of everything": lambda _, x: x * x.sum().sigmoid(),
    "softmax over channels": lambda _, x: x.softmax(1) + x.log_softmax(2),
    "expand": lambda _, x: x * x.mean((1, 2, 3), keepdim=True).expand(2, 8, 6, 6),
    "stack": lambda _, x: torch.stack([x, x.tanh()], 2).sum(2),
    "unbind positions": lambda _, x: sum(x.unbind(2)).unsqueeze(2),
    "constants": lambda _, x: x * torch.full((8, 1, 1), 2.0) + torch.ones_like(x),
    "equal constant": lambda _, x: x * torch.tensor([3.0] * 8).view(-1, 1, 1),
    "varying positions": lambda _, x: x * torch.arange(6),
    "convert": lambda _, x: x.to(torch.float64).type_as(x).detach(),
    "join positions": lambda _, x: torch.cat([x, x.tanh()], 2),
    "glu over positions": lambda _, x: fn.glu(x, 2),
    "batch statistics": lambda _, x: fn.batch_norm(x, None, None, training=True),
    "instance norm": lambda _, x: fn.instance_norm(x),
}
PARTS: dict[str, tuple[Path, Callable[[], dict[str, nn.Module]]]] = {
    "batch norm": (lambda m, x: m.norm(x), lambda: {"norm": nn.BatchNorm2d(8)}),
    "sync batch norm": (lambda m, x: m.norm(x), lambda: {"norm": nn.SyncBatchNorm(8)}),
    "instance norm": (lambda m, x: m.norm(x), lambda: {"norm": nn.InstanceNorm2d(8, affine=True)}),
    "prelu": (lambda m, x: m.act(x), lambda: {"act": nn.PReLU(8)}),
    "prelu with one slope": (lambda m, x: m.act(x), lambda: {"act": nn.PReLU()}),
    "layer norm": (
        lambda m, x: m.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2),
        lambda: {"norm": nn.LayerNorm(8)},
    ),
    "rms norm": (
        lambda m, x: m.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2),
        lambda: {"norm": nn.RMSNorm(8)},
    ),
    "depthwise": (
        lambda m, x: m.conv(x),
        lambda: {"conv": nn.Conv2d(8, 8, 3, padding="same", groups=8)},
    ),
    "squeeze and excite": (
        lambda m, x: x * torch.sigmoid(m.up(fn.silu(m.down(x.mean((2, 3), keepdim=True))))),
        lambda: {"down": nn.Conv2d(8, 1, 1), "up": nn.Conv2d(1, 8, 1)},
    ),
    "conv on one image": (
        lambda m, x: torch.stack([m.conv(y) for y in x.unbind(0)]),
        lambda: {"conv": nn.Conv2d(8, 8, 1, groups=8)},
    ),
}


@pytest.mark.parametrize("name", elementwise.UNARY.split())
def test_element_wise_operations_keep_channels_together(
    name: str, between: Build, sound: Sound
) -> None:
    operation = getattr(torch.ops.aten, name)
    model = between(lambda _, x: operation(x.abs() + 0.3, *EXTRA.get(name, ())).to(x.dtype))
    graph = sound(model, IMAGE, controls=name not in BLIND)
    assert [group.size for group in graph.groups] == [8]


@pytest.mark.parametrize("name", WHOLE)
def test_all_channels_stay_interchangeable(name: str, between: Build, sound: Sound) -> None:
    graph = sound(between(WHOLE[name]), IMAGE)
    assert [len(block) for group in graph.groups for block in group.blocks] == [8]


@pytest.mark.parametrize("name", PARTS)
def test_passengers_move_with_their_channels(name: str, between: Build, sound: Sound) -> None:
    path, parts = PARTS[name]
    graph = sound(between(path, **parts()), IMAGE)
    assert [len(block) for group in graph.groups for block in group.blocks] == [8]


BLOCKS: dict[str, tuple[Path, int, list[list[int]]]] = {
    "group norm": (lambda _, x: fn.group_norm(x, 2), 8, [[4, 4]]),
    "group norm by hand": (lambda _, x: _group_norm(x), 8, [[4, 4]]),
    "two activations": (
        lambda _, x: torch.cat([x[:, :3].tanh(), x[:, 3:].sigmoid()], 1),
        8,
        [[3], [5]],
    ),
    "activations sliced": (
        lambda _, x: torch.cat([x.tanh()[:, :3], x.sigmoid()[:, 3:]], 1),
        8,
        [[3], [5]],
    ),
    "chunks exchanged": (lambda _, x: torch.cat(x.chunk(2, 1)[::-1], 1), 8, [[4], [4]]),
    "chunks of three": (
        lambda _, x: torch.cat([f(y) for f, y in zip(ACTS, x.chunk(3, 1), strict=True)], 1),
        8,
        [[3], [3], [2]],
    ),
    "split": (
        lambda _, x: torch.cat([f(y) for f, y in zip(ACTS, x.split([2, 2, 4], 1), strict=True)], 1),
        8,
        [[2], [2], [4]],
    ),
    "channel shuffle": (lambda _, x: _shuffle(x, 2), 8, [[8]]),
    "channel shuffle as an operation": (lambda _, x: fn.channel_shuffle(x, 4), 8, [[8]]),
    # Each of the two channels afterwards is a row of four before.
    "pixel shuffle": (lambda _, x: fn.pixel_shuffle(x, 2), 2, [[2]]),
    "flip": (lambda _, x: x.flip(1), 8, [[8]]),
    # The first copy of channels 0..3 is the tanh, that of channels 4..7 the sigmoid.
    "copies rolled": (
        lambda _, x: torch.cat([x.tanh(), x.sigmoid()], 1).roll(4, 1),
        16,
        [[4], [4]],
    ),
    "flip beside itself": (lambda _, x: torch.cat([x, x.flip(1)], 1), 16, [[8]]),
    "flip added to itself": (lambda _, x: x + x.flip(1), 8, [[4]]),
    "roll": (lambda _, x: x.roll(3, 1), 8, [[8]]),
    "glu": (lambda _, x: fn.glu(x, 1), 4, [[4]]),
    "dense concatenation": (lambda _, x: torch.cat([x, x.tanh(), x], 1), 24, [[8]]),
    "constant channels": (lambda _, x: torch.cat([torch.zeros(2, 4, 6, 6), x], 1), 12, [[8]]),
    "padded channels": (lambda _, x: fn.pad(x, (0, 0, 0, 0, 2, 1)), 11, [[8]]),
    "one channel picked": (lambda _, x: x * x[:, 2:3], 8, [[7]]),
    "one channel selected": (lambda _, x: x * x.select(1, 2).unsqueeze(1), 8, [[7]]),
    "copied over": (lambda _, x: _after(y := x * 1, y[:, :4].copy_(x[:, 4:])), 8, [[4]]),
    "filled in part": (lambda _, x: x + _after(y := x * 1, y[:, :3].fill_(2)), 8, [[3], [5]]),
    "positions exchanged for some": (
        lambda _, x: torch.cat([x[:, :3], x.transpose(2, 3)[:, 3:]], 1),
        8,
        [[3], [5]],
    ),
    "unsorted repeats": (
        lambda _, x: torch.cat([x[:, :3].flatten(1), x.flip(2)[:, 3:].flatten(1)], 1).view(
            2, 8, 6, 6
        ),
        8,
        [[3], [5]],
    ),
}
ACTS = (torch.tanh, torch.sigmoid, torch.relu)


@pytest.mark.parametrize("name", BLOCKS)
def test_channels_that_are_treated_differently_stay_apart(
    name: str, between: Build, sound: Sound
) -> None:
    path, width, expected = BLOCKS[name]
    graph = sound(between(path, width), IMAGE)
    assert [[len(block) for block in group.blocks] for group in graph.groups] == expected


FROZEN: dict[str, tuple[Path, str]] = {
    "cumsum": (lambda _, x: x.cumsum(1), "aten.cumsum"),
    "sort": (lambda _, x: x.sort(1).values, "aten.sort"),
    "max over channels with places": (lambda _, x: x * x.max(1, keepdim=True)[1], "aten.max"),
    "local response norm": (lambda _, x: fn.local_response_norm(x, 3), "aten.avg_pool3d"),
    "index put": (
        lambda _, x: _after(y := x * 1, y.index_put_((y > 0,), torch.tensor(1.0))),
        "index_put_",
    ),
    "reflected channels": (
        lambda _, x: fn.pad(x, (0, 0, 0, 0, 1, 1), "reflect")[:, 1:9],
        "aten.pad",
    ),
    "varying constant": (lambda _, x: x * torch.arange(8).view(8, 1, 1), ""),
    "lifted constant": (lambda _, x: x * torch.tensor([1.0, 2] * 4).view(8, 1, 1), ""),
    "dropout that is left on": (lambda _, x: fn.dropout(x, training=True), "aten.dropout"),
    "channels as positions": (
        lambda _, x: fn.avg_pool2d(x.transpose(1, 2), 3, 1, 1).mT.mT.transpose(1, 2),
        "aten.avg_pool2d",
    ),
}


@pytest.mark.parametrize("name", FROZEN)
def test_what_cannot_be_vouched_for_is_frozen_with_its_operation(
    name: str, between: Build, sound: Sound
) -> None:
    path, op = FROZEN[name]
    graph = sound(between(path), IMAGE)
    last = graph.layers[-1]
    assert graph.groups == ()
    assert last.frozen is not None
    assert op in last.frozen.op
    assert last.frozen.reason.endswith(".")


class Limiting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 1)
        self.last = nn.Conv2d(8, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        limited = self.first(x).renorm(2, 0, 1.0)  # the line that must be named
        return self.last(limited)


def test_an_unknown_operation_is_frozen_with_its_source_line(sound: Sound) -> None:
    source, first = inspect.getsourcelines(Limiting.forward)
    line = first + next(at for at, text in enumerate(source) if "must be named" in text)
    graph = sound(Limiting(), IMAGE)
    producer = next(
        item for item in graph.frozen if (item.tensor, item.axis) == ("first.weight", 0)
    )
    consumer = graph.layers[-1].frozen
    assert consumer is not None
    assert "no rule" in producer.reason
    assert "no rule" in consumer.reason
    for item in (producer, consumer):
        assert item.source == f"{__file__}:{line}"
        assert item.op == "aten.renorm.default"


def _after(changed: Tensor, _: Tensor) -> Tensor:
    return changed


def _shuffle(x: Tensor, groups: int) -> Tensor:
    n, c, h, w = x.shape
    return x.view(n, groups, c // groups, h, w).transpose(1, 2).reshape(n, c, h, w)


def _group_norm(x: Tensor) -> Tensor:
    grouped = x.reshape(2, 2, -1)
    centred = grouped - grouped.mean(-1, keepdim=True)
    return (centred / (grouped.var(-1, keepdim=True) + 1e-5).sqrt()).view(x.shape)
