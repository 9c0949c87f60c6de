"""Rarer operations: written at numbers, over complex numbers, in pairs, over channels."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from permviz.graph.analyze import analyze
from permviz.graph.types import ChannelGraph

ROWS = torch.randn(3, 8, generator=torch.Generator().manual_seed(1))
WORDS = torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(2))
NUMBERS = torch.tensor([0, 1, 1])
Sound = Callable[..., ChannelGraph]
Lively = Callable[[nn.Module], nn.Module]
Path = Callable[[nn.Module, Tensor], Tensor]


class Between(nn.Module):
    """Linear(8, 16), then what is given, then Linear(width, 5)."""

    def __init__(self, path: Path, width: int = 16, **parts: nn.Module | Tensor) -> None:
        super().__init__()
        self.first, self.last, self.path = nn.Linear(8, 16), nn.Linear(width, 5), path
        for name, part in parts.items():
            if isinstance(part, Tensor):
                self.register_buffer(name, part)
            else:
                self.add_module(name, part)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.path(self, self.first(x)))


def _pairs(x: Tensor) -> Tensor:
    return torch.view_as_complex(x.reshape(-1, 8, 2))


def _filtered(x: Tensor) -> Tensor:
    spectrum = torch.fft.rfft(x, dim=1, norm="ortho")
    return torch.fft.irfft(spectrum * spectrum.abs().sqrt(), n=6, dim=1, norm="ortho")


WHOLE: dict[str, tuple[Tensor, Path]] = {
    "add at numbers": (ROWS, lambda _, x: x.new_zeros(5, 16).index_add(0, NUMBERS, x).relu()),
    "copy at numbers": (ROWS, lambda _, x: x.index_copy(0, NUMBERS[:2], 2 * x[:2])),
    "fill at numbers": (ROWS, lambda _, x: x.index_fill(0, NUMBERS[1:2], 0.5)),
    "reduce at numbers": (
        ROWS,
        lambda _, x: x.new_zeros(5, 16).scatter_reduce(
            0, NUMBERS[:, None].expand(3, 16), x, "amax", include_self=False
        ),
    ),
    "spectrum of positions": (WORDS, lambda _, x: torch.fft.fft(x, dim=1).real),
    "spectrum and back": (WORDS, lambda _, x: _filtered(x)),
    "complex parts": (ROWS, lambda _, x: torch.complex(x, x.tanh()).conj().angle()),
    "real pairs": (ROWS, lambda _, x: torch.view_as_real(torch.complex(x, x * x)).sum(-1)),
    "means of two positions": (WORDS, lambda _, x: fn.avg_pool2d(x[:, None], (2, 1))[:, 0]),
    "maxima of two positions": (
        WORDS,
        lambda _, x: fn.max_pool2d(x[:, None], (3, 1), (2, 1), (1, 0))[:, 0],
    ),
    "fake quantisation": (
        ROWS,
        lambda _, x: torch.fake_quantize_per_tensor_affine(x, 0.1, 0, -128, 127),
    ),
    "deviation and mean": (ROWS, lambda _, x: x - torch.std_mean(x, 1, keepdim=True)[1]),
    "logic": (ROWS, lambda _, x: x * ((x > 0) & (x < 1) | (x < -0.5)) + torch.where(x > 0, x, 0.1)),
    "pairs of numbers": (
        ROWS,
        lambda _, x: torch.logaddexp(x, x.tanh()) + torch.hypot(x, x * x).copysign(x),
    ),
}


@pytest.mark.parametrize("name", WHOLE)
def test_channels_beside_it_move_together(name: str, lively: Lively, sound: Sound) -> None:
    inputs, path = WHOLE[name]
    model = lively(Between(path))
    graph = sound(model, inputs)
    assert [group.size for group in graph.groups] == [16]
    verified = analyze(model, inputs)
    assert len(verified.groups) == 1


NARROW: dict[str, Path] = {
    "erfinv": lambda _, x: x.tanh().mul(0.9).erfinv(),
    "asin": lambda _, x: x.tanh().asin() + x.tanh().acos() * x,
    "acosh": lambda _, x: (1 + x * x).acosh(),
    "atanh": lambda _, x: x.tanh().mul(0.9).atanh(),
    "logit": lambda _, x: x.sigmoid().logit(),
    "signs": lambda _, x: x * x.sgn() + x * x.signbit(),
    "bits": lambda _, x: x * ~(x > 0),
}


@pytest.mark.parametrize("name", NARROW)
def test_functions_of_numbers_in_a_range_keep_channels_together(
    name: str, lively: Lively, sound: Sound
) -> None:
    graph = sound(lively(Between(NARROW[name])), ROWS)
    assert [group.size for group in graph.groups] == [16]


FROZEN: dict[str, tuple[Path, str]] = {
    "means of two channels": (
        lambda _, x: fn.avg_pool1d(x, 2).repeat(1, 2),
        "aten.avg_pool1d",
    ),
    "every other channel": (
        lambda _, x: fn.max_pool1d(x, 1, 2).repeat(1, 2),
        "aten.max_pool1d",
    ),
    "scatter along channels": (
        lambda _, x: torch.zeros_like(x).scatter(1, torch.arange(15, -1, -1).expand(3, 16), x),
        "aten.scatter",
    ),
    "add at channels": (
        lambda _, x: x.index_add(1, torch.tensor([3, 2, 1, 0]), x[:, 12:]),
        "aten.index_add",
    ),
    "fill channels": (lambda _, x: x.index_fill(1, torch.tensor([1, 3]), 2.0), "aten.index_fill"),
    "spectrum of channels": (lambda _, x: torch.fft.fft(x).real, "aten.fft_fft"),
    "channels as turned pairs": (
        lambda _, x: torch.view_as_real(_pairs(x) * torch.linspace(0.5, 1, 8)).flatten(1),
        "aten.linspace",
    ),
}


@pytest.mark.parametrize("name", FROZEN)
def test_what_reads_channels_in_their_order_freezes_them(
    name: str, lively: Lively, sound: Sound
) -> None:
    path, op = FROZEN[name]
    graph = sound(lively(Between(path)), ROWS)
    frozen = graph.layers[-1].frozen
    assert graph.groups == ()
    assert frozen is not None
    assert op in frozen.op


def test_channels_that_are_one_complex_number_move_as_a_pair(lively: Lively, sound: Sound) -> None:
    model = Between(lambda _, x: torch.view_as_real(_pairs(x) * (1 + 2j)).flatten(1))
    (group,) = sound(lively(model), ROWS).groups
    assert group.size == 8
    assert group.consumers[0].positions.tolist() == [[2 * at, 2 * at + 1] for at in range(8)]


def test_scales_of_quantised_channels_move_with_them(lively: Lively) -> None:
    def path(self: nn.Module, x: Tensor) -> Tensor:
        steps = (self.get_buffer("scale"), self.get_buffer("zero"))
        return torch.fake_quantize_per_channel_affine(x, *steps, 1, -128, 127)

    model = lively(Between(path, scale=torch.rand(16), zero=torch.zeros(16, dtype=torch.int32)))
    model.get_buffer("scale").abs_().add_(0.05)
    (group,) = analyze(model, ROWS).groups
    assert {place.tensor for place in group.occurrences} >= {"scale", "zero"}


class Pairs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Linear(8, 6), nn.Linear(8, 7)
        self.both, self.last = nn.Bilinear(6, 7, 10), nn.Linear(10, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.both(self.one(x), self.other(x)).relu())


def test_outputs_of_a_bilinear_layer_are_channels(lively: Lively, sound: Sound) -> None:
    graph = sound(lively(Pairs()), ROWS)
    assert [(group.name, group.size) for group in graph.groups] == [("last", 10)]


class Compared(nn.Module):
    def __init__(self, how: Path) -> None:
        super().__init__()
        self.first, self.second, self.third = nn.Linear(8, 12), nn.Linear(12, 10), nn.Linear(12, 10)
        self.places, self.how = nn.Parameter(torch.zeros(5, 10)), how

    def forward(self, x: Tensor) -> Tensor:
        return self.how(self, self.first(x).relu())


COMPARED: dict[str, Path] = {
    "cosine": lambda m, h: fn.cosine_similarity(m.second(h), m.third(h), dim=-1),
    "cosine with rows": lambda m, h: fn.cosine_similarity(m.second(h)[:, None], m.places, dim=-1),
    "distances": lambda m, h: torch.cdist(m.second(h), m.places),
}


@pytest.mark.parametrize("name", COMPARED)
def test_comparing_reads_channels_in_sets(name: str, lively: Lively, sound: Sound) -> None:
    graph = sound(lively(Compared(COMPARED[name])), ROWS)
    assert 12 in {group.size for group in graph.groups}
    assert "first.weight" in {p.tensor for g in graph.groups for p in g.occurrences}


class ChannelAttention(nn.Module):
    """Attention over channels instead of positions, in heads, with a temperature each."""

    def __init__(self, *, crossed: bool) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(8, 16), nn.Linear(16, 3)
        self.packed, self.project = nn.Linear(16, 48), nn.Linear(16, 16)
        self.heat, self.crossed = nn.Parameter(torch.ones(2, 1, 1)), crossed

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        query, key, value = self.packed(x).reshape(2, 6, 3, 2, 8).permute(2, 0, 3, 4, 1).unbind(0)
        if self.crossed:
            met = (fn.normalize(query, dim=-1) @ fn.normalize(key, dim=-1).mT) * self.heat
            read = met.softmax(-1) @ value
        else:
            read = (query.mT @ (key.softmax(-1) @ value.mT)).mT
        return self.last(x + self.project(read.permute(0, 3, 1, 2).reshape(2, 6, 16)))


@pytest.mark.parametrize("crossed", [True, False])
def test_attention_over_channels_moves_them_within_heads(
    crossed: bool,  # noqa: FBT001 # a parameter
    lively: Lively,
    sound: Sound,
) -> None:
    graph = sound(lively(ChannelAttention(crossed=crossed)), WORDS)
    inside = graph.by_name["project"]
    assert [block.size for block in inside.blocks] == [8, 8]
    assert graph.by_name["packed"].size == 16


def test_a_convolution_of_single_positions_is_a_linear_layer(lively: Lively, sound: Sound) -> None:
    def mixed(self: nn.Module, x: Tensor) -> Tensor:
        return self.get_submodule("mix")(x).relu()

    graph = sound(lively(Between(mixed, mix=nn.Conv1d(6, 2, 1))), WORDS)
    assert [(group.name, group.size) for group in graph.groups] == [("last", 16)]


@pytest.mark.parametrize("how", [{"stride": 2}, {"padding": 1}])
def test_a_convolution_that_skips_positions_reads_them_in_order(
    how: dict[str, int], lively: Lively, sound: Sound
) -> None:
    def mixed(self: nn.Module, x: Tensor) -> Tensor:
        return self.get_submodule("mix")(x)

    width = 8 if "stride" in how else 18
    graph = sound(lively(Between(mixed, width=width, mix=nn.Conv1d(6, 2, 1, **how))), WORDS)
    assert graph.groups == ()


class Decoder(nn.Module):
    """A linear layer that makes pictures, as in a generator."""

    def __init__(self, *, normal: bool) -> None:
        super().__init__()
        self.seed = nn.Linear(8, 8 * 16)
        self.normal = nn.BatchNorm2d(8) if normal else nn.Identity()
        self.grow, self.last = nn.ConvTranspose2d(8, 12, 2, 2), nn.Conv2d(12, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        picture = self.normal(self.seed(x).view(3, 8, 4, 4)).relu()
        return self.last(self.grow(picture).relu())


@pytest.mark.parametrize("normal", [True, False])
def test_pictures_of_a_linear_layer_move_with_all_their_positions(
    normal: bool,  # noqa: FBT001 # a parameter
    lively: Lively,
    sound: Sound,
) -> None:
    graph = sound(lively(Decoder(normal=normal)), ROWS)
    assert {group.name: group.size for group in graph.groups} == {"grow": 8, "last": 12}
    places = [place for place in graph.by_name["grow"].occurrences if place.tensor == "seed.weight"]
    assert places[0].positions.shape == (8, 16)


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_bags_of_words_have_channels(mode: str, lively: Lively, sound: Sound) -> None:
    model = nn.Sequential(nn.EmbeddingBag(10, 16, mode=mode), nn.Linear(16, 12), nn.Linear(12, 3))
    graph = sound(lively(model), torch.tensor([[1, 2, 3], [4, 5, 1]]))
    assert {group.name: group.size for group in graph.groups} == {"1": 16, "2": 12}
    assert "0.weight" in {place.tensor for place in graph.by_name["1"].occurrences}


class Unpooling(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        pooled, places = fn.max_pool2d(self.first(x), 2, return_indices=True)
        return self.last(fn.max_unpool2d(pooled, places, 2))


def test_what_is_pooled_and_put_back_keeps_its_channels(lively: Lively, sound: Sound) -> None:
    picture = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(3))
    graph = sound(lively(Unpooling()), picture)
    assert [group.size for group in graph.groups] == [8]


class Spreading(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 4, 1)
        self.up = nn.ConvTranspose2d(8, 8, 2, 2, groups=8)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.up(self.first(x)))


def test_a_depthwise_transposed_convolution_carries_its_channels(
    lively: Lively, sound: Sound
) -> None:
    picture = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(3))
    graph = sound(lively(Spreading()), picture)
    up = next(layer for layer in graph.layers if layer.name == "up")
    assert up.inputs == ()
    assert up.frozen is not None
    assert "one input channel" in up.frozen.reason
    assert [group.size for group in graph.groups] == [8]


@pytest.mark.filterwarnings("ignore:.*torch.jit.trace.*")
@pytest.mark.filterwarnings("ignore:.*grad attribute of a Tensor.*:UserWarning")
@pytest.mark.parametrize("groups", [1, 2])
def test_traces_of_torchscript_have_layers(groups: int, lively: Lively) -> None:
    layers = [
        nn.Conv2d(3, 8, 1),
        nn.BatchNorm2d(8),
        nn.Conv2d(8, 8, 3, padding=1, groups=groups),
        nn.ConvTranspose2d(8, 12, 2, 2),
        nn.Conv2d(12, 4, 1),
    ]
    picture = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(3))
    plain = lively(nn.Sequential(*layers))
    graph = analyze(torch.jit.trace(plain, picture), picture)
    expected = analyze(plain, picture)
    assert [layer.kind for layer in graph.layers] == [layer.kind for layer in expected.layers]
    assert [(g.name, g.size) for g in graph.groups] == [(g.name, g.size) for g in expected.groups]
    assert graph.verification is not None
    assert graph.verification.ok
