"""Small random networks: whatever the analysis finds, the dense output does not change."""

from collections.abc import Callable, Sequence

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as fn

from permviz.graph.types import ChannelGraph
from tests.graph.memory_steps import MEMORY_KINDS, MemorySteps
from tests.graph.sequence_steps import SEQUENCE_KINDS, SequenceSteps

SIDE = 3
Step = tuple[str, int, int, int]
KINDS = [
    "conv",
    "grouped",
    "depthwise",
    "norm",
    "group_norm",
    "relu",
    "prelu",
    "two_activations",
    "add",
    "gate",
    "cat",
    "chunk",
    "shuffle",
    "flip",
    "roll",
    "space",
    "fold",
    "shared",
    "scale",
    "inplace",
    "softmax",
    "layer_norm",
    "swap_halves",
    *SEQUENCE_KINDS,
    *MEMORY_KINDS,
]
steps = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 7), st.integers(0, 7), st.integers(0, 3)),
    min_size=1,
    max_size=9,
)


class Network(MemorySteps, SequenceSteps, nn.Module):
    """A network drawn as a list of steps, each of which reads some earlier maps."""

    def __init__(self, drawn: Sequence[Step], ends: tuple[str, str]) -> None:
        super().__init__()
        self.drawn = list(drawn)
        self.ends = ends
        self.parts = nn.ModuleList()
        self.stem = nn.Conv2d(3, 8, 1)
        self.twice = nn.Conv2d(8, 8, 1)
        self.building = True
        self.made: list[nn.Module] = []
        with torch.no_grad():
            self(torch.zeros(2, 3, SIDE, SIDE))
        self.building = False

    def part(self, make: Callable[[], nn.Module]) -> nn.Module:
        if self.building:
            self.parts.append(make())
            self.at = len(self.parts)
        else:
            self.at += 1
        return self.parts[self.at - 1]

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        self.at = 0
        maps = [self.stem(image)]
        for kind, first, second, size in self.drawn:
            x, y = maps[first % len(maps)], maps[second % len(maps)]
            maps.extend(getattr(self, kind)(x, y, size))
        return tuple(self.end(kind, maps[-1 - at % len(maps)]) for at, kind in enumerate(self.ends))

    def end(self, kind: str, x: Tensor) -> Tensor:
        if kind == "nchw":
            x = x.flatten(1)
        elif kind == "nhwc":
            x = x.permute(0, 2, 3, 1).flatten(1)
        else:
            x = (
                x.mean((2, 3))
                if kind == "mean"
                else fn.adaptive_max_pool2d(x, 1).view(x.shape[0], -1)
            )
        return self.part(lambda: nn.Linear(x.shape[1], 5))(x)

    def conv(self, x: Tensor, _: Tensor, size: int) -> list[Tensor]:
        return [self.part(lambda: nn.Conv2d(x.shape[1], 4 + 4 * (size % 2), 3, padding=1))(x)]

    def shared(self, x: Tensor, y: Tensor, _: int) -> list[Tensor]:
        return [self.twice(z) for z in (x, y) if z.shape[1] == 8]

    def grouped(self, x: Tensor, _: Tensor, size: int) -> list[Tensor]:
        groups = 4 if size == 0 and x.shape[1] % 4 == 0 else 2
        if x.shape[1] % groups:
            return []
        return [self.part(lambda: nn.Conv2d(x.shape[1], 8, 1, groups=groups))(x)]

    def depthwise(self, x: Tensor, _: Tensor, size: int) -> list[Tensor]:
        c = x.shape[1]
        times = 1 + size % 2 if c < 16 else 1
        return [self.part(lambda: nn.Conv2d(c, c * times, 3, padding=1, groups=c))(x)]

    def norm(self, x: Tensor, _: Tensor, __: int) -> list[Tensor]:
        return [self.part(lambda: nn.BatchNorm2d(x.shape[1]).eval())(x)]

    def group_norm(self, x: Tensor, _: Tensor, __: int) -> list[Tensor]:
        groups = 2 if x.shape[1] % 2 == 0 else 1
        return [self.part(lambda: nn.GroupNorm(groups, x.shape[1]))(x)]

    def layer_norm(self, x: Tensor, _: Tensor, __: int) -> list[Tensor]:
        last = x.permute(0, 2, 3, 1)
        return [self.part(lambda: nn.LayerNorm(x.shape[1]))(last).permute(0, 3, 1, 2)]

    def relu(self, x: Tensor, _: Tensor, __: int) -> list[Tensor]:
        return [fn.relu(x)]

    def inplace(self, x: Tensor, y: Tensor, size: int) -> list[Tensor]:
        fresh = x * 1.5
        if size == 0 and x.shape == y.shape:
            fresh += y
        elif size == 1 and x.shape[1] > 1:
            fresh[:, : x.shape[1] // 2].relu_()
        elif size == 2:
            fresh[:, :, 0].zero_()
        else:
            fn.hardtanh(fresh, inplace=True)
        return [fresh]

    def prelu(self, x: Tensor, _: Tensor, size: int) -> list[Tensor]:
        return [self.part(lambda: nn.PReLU(x.shape[1] if size else 1))(x)]

    def softmax(self, x: Tensor, _: Tensor, size: int) -> list[Tensor]:
        return [torch.softmax(x, 1 + size % 2)]

    def two_activations(self, x: Tensor, _: Tensor, __: int) -> list[Tensor]:
        half = x.shape[1] // 2
        return [torch.cat([torch.tanh(x)[:, :half], torch.sigmoid(x)[:, half:]], 1)]

    def swap_halves(self, x: Tensor, _: Tensor, __: int) -> list[Tensor]:
        half = x.shape[1] // 2
        return [torch.cat([x[:, half:], x[:, :half]], 1)]

    def add(self, x: Tensor, y: Tensor, _: int) -> list[Tensor]:
        return [x + y] if x.shape == y.shape else [x + y.mean((1, 2, 3), keepdim=True)]

    def gate(self, x: Tensor, y: Tensor, _: int) -> list[Tensor]:
        pooled = y.mean((2, 3), keepdim=True)
        return [x * torch.sigmoid(self.part(lambda: nn.Conv2d(y.shape[1], x.shape[1], 1))(pooled))]

    def cat(self, x: Tensor, y: Tensor, size: int) -> list[Tensor]:
        if x.shape[1] + y.shape[1] > 24:
            return []
        if size == 3:
            y = torch.zeros_like(y)
        return [torch.cat([x, y], 1)]

    def chunk(self, x: Tensor, _: Tensor, size: int) -> list[Tensor]:
        return list(x.chunk(2 + size % 2, 1)) if x.shape[1] > 3 else []

    def shuffle(self, x: Tensor, _: Tensor, size: int) -> list[Tensor]:
        groups = 2 + size % 3
        n, c, h, w = x.shape
        if c % groups:
            return []
        return [x.view(n, groups, c // groups, h, w).transpose(1, 2).reshape(n, c, h, w)]

    def fold(self, x: Tensor, _: Tensor, size: int) -> list[Tensor]:
        n, c, h, w = x.shape
        if size == 0 and c % 2 == 0:
            grouped = x.reshape(n, 2, -1)
            return [((grouped - grouped.mean(-1, keepdim=True)) * 2).reshape(n, c, h, w)]
        if size == 1:
            return [x.permute(0, 2, 3, 1).reshape(n, -1).view(n, h, w, c).permute(0, 3, 1, 2)]
        if size == 2 and c % 2 == 0:
            return [torch.tanh(x.reshape(n, 2, c // 2, h, w).mean(1))]
        return [torch.relu(x.flatten(1)).unflatten(1, (c, h, w))]

    def flip(self, x: Tensor, _: Tensor, size: int) -> list[Tensor]:
        return [x.flip(1 + size % 3)]

    def roll(self, x: Tensor, _: Tensor, size: int) -> list[Tensor]:
        return [x.roll(1, 1 + size % 3)]

    def space(self, x: Tensor, _: Tensor, size: int) -> list[Tensor]:
        half = x.shape[1] // 2
        changed = [x.transpose(2, 3), x.flip(2), fn.avg_pool2d(x, 3, 1, 1), x.roll(1, 3)][size]
        return [torch.cat([x[:, :half], changed[:, half:]], 1)]

    def scale(self, x: Tensor, _: Tensor, size: int) -> list[Tensor]:
        holder = self.part(lambda: nn.Linear(x.shape[1] if size else 1, 1))
        factor = holder.weight.view(1, -1, 1, 1)
        constant = torch.arange(x.shape[1]).view(-1, 1, 1) if size == 3 else 0.5
        return [x * factor + constant]


def network(drawn: Sequence[Step], ends: tuple[str, str]) -> Network:
    torch.manual_seed(0)
    return Network(drawn, ends)


ENDS = ["nchw", "nhwc", "mean", "max"]
HARMLESS = ["norm", "layer_norm", "relu", "prelu", "softmax", "gate", "flip", "roll"]


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(drawn=steps, ends=st.tuples(st.sampled_from(ENDS), st.sampled_from(ENDS)))
def test_no_random_network_changes_its_output(
    drawn: list[Step],
    ends: tuple[str, str],
    sound: Callable[..., ChannelGraph],
    lively: Callable[[nn.Module], nn.Module],
) -> None:
    model = lively(network(drawn, ends))
    sound(model, torch.randn(2, 3, SIDE, SIDE, dtype=torch.float32), controls=False)


@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    kinds=st.lists(st.sampled_from(HARMLESS), max_size=5),
    end=st.sampled_from(ENDS),
    wide=st.booleans(),
)
def test_every_channel_of_a_simple_chain_is_permutable(
    kinds: list[str],
    end: str,
    wide: bool,  # noqa: FBT001 - drawn by name
    sound: Callable[..., ChannelGraph],
    lively: Callable[[nn.Module], nn.Module],
) -> None:
    body = [(kind, at, at, 1) for at, kind in enumerate(kinds)]
    chain = [*body, ("conv", len(kinds), 0, int(wide)), ("relu", len(kinds) + 1, 0, 0)]
    model = lively(network(chain, (end, end)))
    graph = sound(model, torch.randn(2, 3, SIDE, SIDE), controls=False)
    sizes = {group.size: [len(block) for block in group.blocks] for group in graph.groups}
    assert sizes.pop(8) == [8]
    assert set(sizes) <= {4}
    assert all(layer.inputs for layer in graph.layers[1:])
