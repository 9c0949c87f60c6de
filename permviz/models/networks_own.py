"""Networks that no package here has: translation with recurrence and attention, U-Net, stacks."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from permviz.models.networks import Network, picture, words

WIDTH, WORDS = 32, 40


class Gnmt(nn.Module):
    """A translation network as GNMT: bidirectional and residual LSTMs, additive attention."""

    def __init__(self) -> None:
        super().__init__()
        self.source, self.target = nn.Embedding(WORDS, WIDTH), nn.Embedding(WORDS, WIDTH)
        self.both = nn.LSTM(WIDTH, WIDTH // 2, batch_first=True, bidirectional=True)
        self.encoder = nn.ModuleList(nn.LSTM(WIDTH, WIDTH, batch_first=True) for _ in range(2))
        self.first = nn.LSTM(WIDTH, WIDTH, batch_first=True)
        self.query, self.key = nn.Linear(WIDTH, WIDTH, bias=False), nn.Linear(WIDTH, WIDTH)
        self.score = nn.Linear(WIDTH, 1, bias=False)
        self.decoder = nn.ModuleList(nn.LSTM(2 * WIDTH, WIDTH, batch_first=True) for _ in range(2))
        self.classifier = nn.Linear(WIDTH, WORDS)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Scores of every next word."""
        x = self.both(self.source(source))[0]
        for layer in self.encoder:
            x = x + layer(x)[0]
        y = self.first(self.target(target))[0]
        met = torch.tanh(self.query(y)[:, :, None] + self.key(x)[:, None])
        heard = self.score(met).squeeze(-1).softmax(-1) @ x
        for layer in self.decoder:
            y = y + layer(torch.cat([y, heard], -1))[0]
        return self.classifier(y)


class Translator(nn.Module):
    """A translation Transformer: `torch.nn.Transformer` between embeddings and a classifier."""

    def __init__(self, *, norm_first: bool) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(WORDS, WIDTH), nn.Embedding(16, WIDTH)
        self.body = nn.Transformer(
            WIDTH, 4, 2, 2, 48, batch_first=True, norm_first=norm_first, activation="gelu"
        )
        self.classifier = nn.Linear(WIDTH, WORDS)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Scores of every next word."""
        x, y = self.placed(source), self.placed(target)
        mask = nn.Transformer.generate_square_subsequent_mask(target.shape[1])
        return self.classifier(self.body(x, y, tgt_mask=mask))

    def placed(self, text: Tensor) -> Tensor:
        """Words with their places."""
        return self.words(text) + self.places(torch.arange(text.shape[1], device=text.device))


class Recurrent(nn.Module):
    """A language model of stacked recurrent layers."""

    def __init__(self, kind: type[nn.LSTM | nn.GRU]) -> None:
        super().__init__()
        self.words, self.classifier = nn.Embedding(WORDS, WIDTH), nn.Linear(WIDTH, WORDS)
        self.body = kind(WIDTH, WIDTH, 3, batch_first=True)

    def forward(self, text: Tensor) -> Tensor:
        """Scores of every next word."""
        return self.classifier(self.body(self.words(text))[0])


class UNet(nn.Module):
    """Contraction, expansion by transposed convolutions, and a bridge on every level."""

    def __init__(self, widths: tuple[int, ...] = (16, 32, 64)) -> None:
        super().__init__()
        entries = (3, *widths[:-1])
        self.down = nn.ModuleList(_twice(*pair) for pair in zip(entries, widths, strict=True))
        pairs = [*zip(widths[:0:-1], widths[-2::-1], strict=True)]
        self.up = nn.ModuleList(nn.ConvTranspose2d(wide, narrow, 2, 2) for wide, narrow in pairs)
        self.merge = nn.ModuleList(_twice(2 * narrow, narrow) for _, narrow in pairs)
        self.last = nn.Conv2d(widths[0], 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of every class at every position."""
        bridges: list[Tensor] = []
        for level in self.down:
            x = level(nn.functional.max_pool2d(x, 2) if bridges else x)
            bridges.append(x)
        for up, merge, bridge in zip(self.up, self.merge, bridges[-2::-1], strict=True):
            x = merge(torch.cat([bridge, up(x)], 1))
        return self.last(x)


def _twice(read: int, written: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(read, written, 3, padding=1, bias=False),
        nn.BatchNorm2d(written),
        nn.ReLU(inplace=True),
        nn.Conv2d(written, written, 3, padding=1, bias=False),
        nn.BatchNorm2d(written),
        nn.ReLU(inplace=True),
    )


def _texts() -> tuple[Tensor, Tensor]:
    return words(), words(length=6)


_BUILDS: dict[str, Callable[[], tuple[nn.Module, object]]] = {
    "gnmt": lambda: (Gnmt(), _texts()),
    "transformer (nn.Transformer)": lambda: (Translator(norm_first=False), _texts()),
    "transformer (norm first)": lambda: (Translator(norm_first=True), _texts()),
    "lstm stack": lambda: (Recurrent(nn.LSTM), words()),
    "gru stack": lambda: (Recurrent(nn.GRU), words()),
    "unet": lambda: (UNet(), picture(32)),
}
NETWORKS = tuple(Network(name, "permviz", build) for name, build in _BUILDS.items())
