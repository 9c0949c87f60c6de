"""Transformers and other whole networks: what must be permutable is, and outputs stay."""

from collections.abc import Callable

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as fn
from torchvision.models.maxvit import MaxVit
from torchvision.models.swin_transformer import (
    PatchMergingV2,
    SwinTransformer,
    SwinTransformerBlockV2,
)

from permviz.graph.types import ChannelGraph

Lively = Callable[[nn.Module], nn.Module]
Sound = Callable[..., ChannelGraph]
WORDS = torch.tensor([[3, 1, 4, 1, 5], [9, 2, 6, 5, 3]])


class Decoder(nn.Module):
    """Two blocks with rotary grouped-query attention, RMS norms, SwiGLU and a tied head."""

    def __init__(self, width: int = 16, heads: int = 4, shared: int = 2) -> None:
        super().__init__()
        self.size = width // heads
        self.words = nn.Embedding(10, width)
        rows = {"q": heads, "k": shared, "v": shared}
        self.blocks = nn.ModuleList(
            nn.ModuleDict(
                {name: nn.Linear(width, n * self.size, bias=False) for name, n in rows.items()}
                | {"one": nn.RMSNorm(width), "two": nn.RMSNorm(width)}
                | {"o": nn.Linear(width, width), "down": nn.Linear(24, width)}
                | {"gate": nn.Linear(width, 24), "up": nn.Linear(width, 24)}
            )
            for _ in range(2)
        )
        self.head = nn.Linear(width, 10, bias=False)
        self.head.weight = self.words.weight

    def forward(self, words: Tensor) -> Tensor:
        x = self.words(words)
        angle = torch.outer(torch.arange(5), 1 / 10 ** torch.arange(self.size // 2)).repeat(1, 2)
        for block in self.blocks:
            y = block["one"](x)
            q, k, v = (
                block[name](y).unflatten(-1, (-1, self.size)).transpose(1, 2) for name in "qkv"
            )
            q, k = (z * angle.cos() + _rotated(z) * angle.sin() for z in (q, k))
            k, v = (z.repeat_interleave(2, 1) for z in (k, v))
            z = fn.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + block["o"](z.transpose(1, 2).flatten(2))
            y = block["two"](x)
            x = x + block["down"](fn.silu(block["gate"](y)) * block["up"](y))
        return self.head(x)


def _rotated(x: Tensor) -> Tensor:
    one, other = x.chunk(2, -1)
    return torch.cat([-other, one], -1)


class Experts(nn.Module):
    """Every expert reads every word; the two that the router prefers count."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.last = nn.Embedding(10, 8), nn.Linear(8, 4)
        self.router = nn.Linear(8, 3, bias=False)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(8, 12), nn.GLU(), nn.Linear(6, 8)) for _ in range(3)
        )

    def forward(self, words: Tensor) -> Tensor:
        x = self.words(words)
        chances = self.router(x).softmax(-1)
        best, which = chances.topk(2, -1)
        kept = torch.zeros_like(chances).scatter(-1, which, best)
        return self.last(
            x + sum(kept[..., at, None] * expert(x) for at, expert in enumerate(self.experts))
        )


class Translator(nn.Module):
    """A translation Transformer."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.last = nn.Embedding(10, 8), nn.Linear(8, 10)
        self.body = nn.Transformer(8, 2, 1, 1, 12, batch_first=True)

    def forward(self, words: Tensor) -> Tensor:
        x = self.words(words)
        return self.last(self.body(x, x.flip(1)))


def segmenter() -> nn.Module:
    """A contraction, an expansion by a transposed convolution, and a bridge."""
    bridge = nn.Sequential(
        nn.Conv2d(8, 12, 3, 2, 1), nn.ReLU(), nn.ConvTranspose2d(12, 8, 2, 2), nn.InstanceNorm2d(8)
    )
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.PReLU(8), bridge, nn.Conv2d(8, 2, 1))


def frozen(graph: ChannelGraph) -> list[str]:
    return [layer.name for layer in graph.layers if layer.frozen]


def test_a_decoder_keeps_heads_rotations_and_the_tied_head_together(
    lively: Lively, sound: Sound
) -> None:
    graph = sound(lively(Decoder()), WORDS)
    assert frozen(graph) == []
    assert {group.name: len(group.blocks) for group in graph.groups} == {
        "blocks.0.q": 1,
        "blocks.0.o": 2,
        "blocks.0.down": 1,
        "blocks.1.o": 2,
        "blocks.1.down": 1,
    }
    stream = {place.tensor for place in graph.by_name["blocks.0.q"].occurrences}
    assert {"words.weight", "blocks.1.two.weight", "blocks.1.o.weight"} <= stream
    assert graph.by_name["blocks.0.o"].size == 8
    assert graph.by_name["blocks.0.o"].consumers[0].positions.shape == (8, 2)


@pytest.mark.parametrize("build", [Experts, Translator])
def test_every_layer_behind_an_embedding_is_permutable(
    build: Callable[[], nn.Module], lively: Lively, sound: Sound
) -> None:
    assert frozen(sound(lively(build()), torch.arange(10).view(2, 5))) == []


PICTURES: dict[str, Callable[[], nn.Module]] = {
    "vit": lambda: torchvision.models.VisionTransformer(16, 8, 1, 2, 16, 24, num_classes=5),
    "swin": lambda: SwinTransformer([2, 2], 8, [2], [2], [2, 2], num_classes=5),
    "swin v2": lambda: SwinTransformer(
        [2, 2],
        8,
        [1, 1],
        [2, 4],
        [2, 2],
        block=SwinTransformerBlockV2,
        downsample_layer=PatchMergingV2,
    ),
    "maxvit": lambda: MaxVit((16, 16), 8, 2, [8], [1], 4, 0.0, num_classes=5),
    "segmenter": segmenter,
}


@pytest.mark.parametrize("name", PICTURES)
def test_only_the_layer_that_reads_the_picture_is_frozen(
    name: str, lively: Lively, sound: Sound
) -> None:
    torch.manual_seed(0)
    graph = sound(lively(PICTURES[name]()), torch.randn(2, 3, 16, 16), controls=False)
    assert [layer.name for layer in graph.layers if layer.frozen and layer.shape[1] > 1] == [
        graph.layers[0].name
    ]
