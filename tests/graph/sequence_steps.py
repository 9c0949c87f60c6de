"""Steps of random networks that read a map as a sequence, by numbers, or write into it."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

SEQUENCE_KINDS = [
    "attention",
    "packed_attention",
    "channel_attention",
    "linear_attention",
    "embedded",
    "transposed",
    "recurrent",
    "gated",
    "rotated",
    "rms",
    "picked",
    "repeated",
    "stacked",
    "running",
    "places",
    "written",
    "copied",
    "mixed",
]


class SequenceSteps:
    """Steps for a network whose `part` makes each of its modules once."""

    part: Callable[[Callable[[], nn.Module]], nn.Module]

    def attention(self, x: Tensor, y: Tensor, size: int) -> list[Tensor]:
        c, heads = x.shape[1], 2 if x.shape[1] % 2 == 0 else 1
        shared = heads if size < 2 else 1
        q, k, v = (
            self.part(lambda n=n, z=z: nn.Linear(z.shape[1], n * c // heads))(tokens(z))
            .unflatten(-1, (n, c // heads))
            .transpose(1, 2)
            for n, z in ((heads, x), (shared, y), (shared, y))
        )
        k, v = (z.repeat_interleave(heads // shared, 1) for z in (k, v))
        if size % 2:
            out = fn.scaled_dot_product_attention(q, k, v)
        else:
            out = torch.einsum("...qk,...kd->...qd", (q @ k.mT).softmax(-1), v)
        return [picture(self.part(lambda: nn.Linear(c, 8))(out.transpose(1, 2).flatten(2)))]

    def packed_attention(self, x: Tensor, y: Tensor, size: int) -> list[Tensor]:
        c, d = x.shape[1], y.shape[1]
        heads = 2 if c % 2 == 0 else 1
        layer = self.part(
            lambda: nn.MultiheadAttention(c, heads, kdim=d, vdim=d, batch_first=bool(size % 2))
        )
        order = (lambda z: z) if size % 2 else (lambda z: z.transpose(0, 1))
        q, k = order(tokens(x)), order(tokens(y))
        return [picture(order(layer(q, k, k, need_weights=size > 1)[0]))]

    def channel_attention(self, x: Tensor, y: Tensor, size: int) -> list[Tensor]:
        q, k = x.flatten(2), y.flatten(2)
        mixed = (q @ k.mT).softmax(-1 - size % 2) @ k
        return [mixed.unflatten(-1, x.shape[2:])]

    def linear_attention(self, x: Tensor, y: Tensor, size: int) -> list[Tensor]:
        heads = 2 if x.shape[1] % 2 == y.shape[1] % 2 == 0 and size else 1
        q, k, v = (tokens(z).unflatten(-1, (heads, -1)) for z in (x, x.tanh(), y))
        states = torch.einsum("bnhd,bnhe->bhde", k, v)
        return [picture(torch.einsum("bnhd,bhde->bnhe", q, states).flatten(2))]

    def embedded(self, x: Tensor, _: Tensor, size: int) -> list[Tensor]:
        words = self.part(lambda: nn.Embedding(9, x.shape[1]))
        if size == 0:
            return [x + picture(words(torch.arange(9))[None])]
        chosen = fn.linear(tokens(x), words.weight)
        if size == 1:
            return [x + picture(words(chosen.argmax(-1)))]
        return [picture(chosen.softmax(-1) @ words.weight)]

    def transposed(self, x: Tensor, _: Tensor, size: int) -> list[Tensor]:
        c = x.shape[1]
        groups = [1, 2 if c % 2 == 0 else 1, c, 1][size]
        out = c if groups == c else 8
        return [self.part(lambda: nn.ConvTranspose2d(c, out, 3, padding=1, groups=groups))(x)]

    def recurrent(self, x: Tensor, y: Tensor, size: int) -> list[Tensor]:
        kind = (nn.LSTM, nn.GRU, nn.LSTM, nn.RNN)[size]
        more = {"proj_size": 4} if size == 2 else {"bidirectional": size == 0}
        layer = self.part(lambda: kind(x.shape[1], 6, 2, batch_first=True, **more))
        sequence, last = layer(tokens(x))
        last = last[0] if isinstance(last, tuple) else last
        gate = self.part(lambda: nn.Linear(last.shape[-1], y.shape[1]))(last[-1])
        return [picture(sequence), y * gate[:, :, None, None]]

    def gated(self, x: Tensor, _: Tensor, size: int) -> list[Tensor]:
        wide = self.part(lambda: nn.Linear(x.shape[1], 12))(tokens(x))
        if size == 0:
            return [picture(fn.glu(wide))]
        gate, up = wide.chunk(2, -1) if size == 1 else (wide[..., ::2], wide[..., 1::2])
        return [picture(fn.silu(gate) * up)]

    def rotated(self, x: Tensor, _: Tensor, size: int) -> list[Tensor]:
        c = x.shape[1]
        if c % 2:
            return []
        one, other = x.chunk(2, 1) if size % 2 else (x[:, ::2], x[:, 1::2])
        turned = torch.cat([-other, one], 1)
        angle = torch.arange(c).view(-1, 1, 1) if size > 1 else torch.ones(c, 1, 1)
        return [x * angle.cos() + turned * angle.sin()]

    def rms(self, x: Tensor, _: Tensor, size: int) -> list[Tensor]:
        norm = self.part(lambda: nn.RMSNorm(x.shape[1]))
        last = x.permute(0, 2, 3, 1)
        if size == 0:
            return [norm(last).permute(0, 3, 1, 2)]
        scale = torch.rsqrt(last.pow(2).mean(-1, keepdim=True) + 1e-5)
        return [(norm.weight * (last * scale)).permute(0, 3, 1, 2)]

    def picked(self, x: Tensor, _: Tensor, size: int) -> list[Tensor]:
        c = x.shape[1]
        order = [(3 * at + size) % c for at in range(c)]
        if size == 1:
            return [x.index_select(1, torch.tensor(order))]
        if size == 2:
            return [x.gather(1, x.argsort(1))]
        return [x[:, order] if size else x[:, :, [2, 0, 1]]]

    def repeated(self, x: Tensor, _: Tensor, size: int) -> list[Tensor]:
        if x.shape[1] > 8:
            return []
        if size == 3:
            return [x.unsqueeze(2).expand(-1, -1, 2, -1, -1).flatten(1, 2)]
        return [(x.repeat(1, 2, 1, 1), x.repeat_interleave(2, 1), x.tile(2, 1, 1))[size]]

    def stacked(self, x: Tensor, y: Tensor, size: int) -> list[Tensor]:
        both = torch.stack([x, y if y.shape == x.shape else x.tanh()], size % 2)
        return [both.sum(size % 2), *both.unbind(size % 2)] if size else [both.unbind(0)[1]]

    def running(self, x: Tensor, _: Tensor, size: int) -> list[Tensor]:
        return [x.cumsum(1 + size) if size < 3 else x.sort(2).values]

    def places(self, x: Tensor, _: Tensor, size: int) -> list[Tensor]:
        found = x.max(1 + size % 3, keepdim=True)
        chosen = fn.one_hot(x.argmax(1), x.shape[1]).permute(0, 3, 1, 2)
        return [x * found[size % 2], x * chosen] if size else [x * chosen.flip(1)]

    def written(self, x: Tensor, _: Tensor, size: int) -> list[Tensor]:
        half = x.shape[1] // 2
        mask = x.new_zeros(x.shape[1], 1, 1)
        if size == 0:
            mask[:half].fill_(1)
        elif size == 1:
            mask[half:] = 2.0
        elif size == 2:
            mask.add_(1)
        else:
            mask = (x * 1).mean((2, 3), keepdim=True)
            mask[:, half:].zero_()
        return [x * mask + x]

    def copied(self, x: Tensor, y: Tensor, size: int) -> list[Tensor]:
        fresh, half = x * 1, x.shape[1] // 2
        source = y if y.shape == x.shape else x.tanh()
        if size == 0:
            fresh[:, :half] = source[:, :half]
        elif size == 1 and half:
            fresh[:, :half].copy_(source[:, -half:])
        elif size == 2:
            fresh[:, :, 1:] = source[:, :, :-1]
        else:
            fresh.copy_(source)
        return [fresh]

    def mixed(self, x: Tensor, _: Tensor, size: int) -> list[Tensor]:
        tall = tokens(x).transpose(1, 2) if size % 2 else tokens(x)
        made = self.part(lambda: nn.Linear(tall.shape[-1], 9))(tall)
        return [picture(made.transpose(1, 2) if size % 2 else made)]


def tokens(x: Tensor) -> Tensor:
    """A map as a sequence: float[batch, positions, channels]."""
    return x.flatten(2).transpose(1, 2)


def picture(sequence: Tensor) -> Tensor:
    """The inverse, for three times three positions."""
    return sequence.transpose(1, 2).unflatten(-1, (3, 3))
