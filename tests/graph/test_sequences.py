"""Rules of transformers and recurrent networks, each alone: equal outputs, right blocks."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from permviz.graph.types import ChannelGraph

WORDS = torch.tensor([[3, 1, 4, 1, 5], [9, 2, 6, 5, 3]])
Sound = Callable[..., ChannelGraph]
Build = Callable[..., nn.Module]
Lively = Callable[[nn.Module], nn.Module]
Path = Callable[[nn.Module, Tensor], Tensor]


def blocks(graph: ChannelGraph) -> dict[str, list[int]]:
    return {group.name: [len(block) for block in group.blocks] for group in graph.groups}


def places(graph: ChannelGraph, name: str) -> set[tuple[str, int, str]]:
    return {(place.tensor, place.axis, place.role) for place in graph.by_name[name].occurrences}


@pytest.fixture
def around(net: Build, lively: Lively) -> Callable[..., nn.Module]:
    """Build embedding(10, 8), then what is given, then linear(width, 4), with live weights."""

    def build(path: Path, width: int = 8, **parts: nn.Module) -> nn.Module:
        return lively(
            net(
                lambda m, x: m.last(path(m, m.words(x))),
                words=nn.Embedding(10, 8),
                last=nn.Linear(width, 4),
                **parts,
            )
        )

    return build


WHOLE: dict[str, Path] = {
    "matmul": lambda _, x: x * (x @ x.new_ones(8, 8)),
    "positions mixed": lambda _, x: (x.mT @ torch.arange(25).view(5, 5).to(x)).mT,
    "similarity": lambda _, x: (x @ x.mT).softmax(-1) @ x,
    "bmm": lambda _, x: torch.bmm(torch.bmm(x, x.mT), x),
    "baddbmm": lambda _, x: torch.baddbmm(x, x @ x.mT, x, alpha=0.5),
    "mv": lambda _, x: x * torch.mv(x[0], x[1, 0]).unsqueeze(-1),
    "outer": lambda _, x: x + torch.outer(x.new_ones(5), x[0, 0]),
    "einsum": lambda _, x: torch.einsum("btc,bsc,bsc->btc", x, x, x.tanh()),
    "einsum with dots": lambda _, x: torch.einsum("...tc, ...sc", x, x) @ x,
    "attention": lambda _, x: fn.scaled_dot_product_attention(x, x.tanh(), x),
    "causal attention": lambda _, x: fn.scaled_dot_product_attention(x, x, x, is_causal=True),
    "masked attention": lambda _, x: fn.scaled_dot_product_attention(
        x, x, x, attn_mask=torch.ones(5, 5, dtype=torch.bool).tril()
    ),
    "running sum": lambda _, x: x.cumsum(1),
    "sorted positions": lambda _, x: x.sort(1).values + x.topk(5, 1).values,
    "places of positions": lambda _, x: x * x.argmax(1, keepdim=True),
    "maximum over positions": lambda _, x: x + x.max(1, keepdim=True)[0],
    "triangle": lambda _, x: (x @ x.mT).tril() @ x,
    "rows picked": lambda _, x: x[:, [4, 0, 0, 1]],
    "rows picked by data": lambda _, x: x[:, x.mean(2).argsort()[0]],
    "gathered positions": lambda _, x: x.gather(1, x.argsort(1)),
    "one hot": lambda _, x: fn.one_hot(x.mean(2).argsort(), 5).to(x) @ x,
    "windows": lambda _, x: x.unfold(1, 2, 1).mean(-1),
    "folded windows": lambda _, x: (
        fn.fold(fn.unfold(x.mT.unsqueeze(-1), (2, 1)), (5, 1), (2, 1)).flatten(2).mT
    ),
    "rms by hand": lambda _, x: x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5),
    "without autocast": lambda _, x: _plain(lambda: x.tanh() + (x @ x.mT) @ x),
    "written constant": lambda _, x: x * torch.zeros(8).fill_(2).add_(1),
}


@pytest.mark.parametrize("name", WHOLE)
def test_all_channels_stay_interchangeable(
    name: str, around: Callable[..., nn.Module], sound: Sound
) -> None:
    graph = sound(around(WHOLE[name]), WORDS)
    assert blocks(graph) == {"last": [8]}


BLOCKS: dict[str, tuple[Path, int, dict[str, list[int]]]] = {
    "heads": (lambda _, x: _attend(x, 2, 2), 8, {"last": [4, 4]}),
    "shared heads": (lambda _, x: _attend(x, 4, 2), 8, {"last": [2]}),
    "channel attention": (lambda _, x: (x.mT @ x).softmax(-1) @ x.mT, 5, {}),
    "picked": (lambda _, x: x[..., [1, 0, 3, 2, 5, 4, 7, 6]], 8, {"last": [8]}),
    "picked twice": (lambda _, x: x[..., [0, 0, 1, 1, 2]], 5, {"last": [2]}),
    "picked by a table": (lambda _, x: x[..., torch.arange(8).flip(0)], 8, {"last": [8]}),
    "repeated": (lambda _, x: x.repeat(1, 1, 2), 16, {"last": [8]}),
    "tiled": (lambda _, x: x.tile(2), 16, {"last": [8]}),
    "interleaved": (lambda _, x: x.repeat_interleave(2, -1), 16, {"last": [8]}),
    "halves gated": (lambda _, x: fn.silu(x[..., :4]) * x[..., 4:], 4, {"last": [4]}),
    "pairs gated": (lambda _, x: fn.silu(x[..., ::2]) * x[..., 1::2], 4, {"last": [4]}),
    "halves rotated": (lambda _, x: torch.cat([-x[..., 4:], x[..., :4]], -1) + x, 8, {"last": [4]}),
    "rotary embedding": (lambda _, x: _rotary(x), 8, {}),
    "constant written in part": (lambda _, x: x * _stepped(), 8, {}),
    "summed over channels": (lambda _, x: x.cumsum(-1), 8, {}),
    "sorted channels": (lambda _, x: x.sort(-1).values, 8, {}),
    "place of a channel": (lambda _, x: x * x.argmax(-1, keepdim=True), 8, {}),
    "place of a maximum": (lambda _, x: x * x.max(-1, keepdim=True)[1], 8, {}),
    "triangle of channels": (lambda _, x: x @ (x.mT @ x).tril()[0], 8, {}),
    "one hot channels": (lambda _, x: x * fn.one_hot(x.argmax(-1), 8), 8, {}),
    "gathered channels": (lambda _, x: x.gather(2, x.argsort(1)), 8, {}),
    "scattered channels": (lambda _, x: x.scatter(2, x.argsort(1), x), 8, {}),
    "channels picked by data": (lambda _, x: x[..., x[0, 0].argsort()], 8, {}),
    "windows of channels": (lambda _, x: x.unfold(2, 2, 1).mean(-1), 7, {}),
    "diagonal": (lambda _, x: torch.einsum("bii->bi", x[:, :, :5]), 5, {}),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_channels_that_are_treated_differently_stay_apart(
    name: str, around: Callable[..., nn.Module], sound: Sound
) -> None:
    path, width, expected = BLOCKS[name]
    graph = sound(around(path, width), WORDS)
    assert blocks(graph) == expected


def test_heads_permute_inside_themselves_on_both_sides(
    net: Build, lively: Lively, sound: Sound
) -> None:
    def path(m: nn.Module, x: Tensor) -> Tensor:
        x = m.words(x)
        q, k, v = (
            layer(x).unflatten(-1, (-1, 4)).mT.mT.transpose(1, 2) for layer in (m.q, m.k, m.v)
        )
        y = fn.scaled_dot_product_attention(q, k, v, enable_gqa=True)
        return m.head(m.o(y.transpose(1, 2).flatten(2)))

    model = lively(
        net(
            path,
            words=nn.Embedding(10, 6),
            q=nn.Linear(6, 16),
            k=nn.Linear(6, 8),
            v=nn.Linear(6, 8),
            o=nn.Linear(16, 6),
            head=nn.Linear(6, 5),
        )
    )
    graph = sound(model, WORDS)
    assert blocks(graph)["o"] == [4, 4]
    assert ("v.weight", 0, "producer") in places(graph, "o")
    (read,) = graph.by_name["o"].consumers
    assert read.positions[0].tolist() == [0, 4]  # two query heads share one value head


def test_packed_projections_are_layers_with_their_own_names(
    net: Build, lively: Lively, sound: Sound
) -> None:
    for other in (0, 1):

        def path(m: nn.Module, x: Tensor, other: int = other) -> Tensor:
            x = m.words(x)
            return m.last(m.mix(x, x.tanh() if other else x, x.tanh() if other else x)[0])

        model = net(
            path,
            words=nn.Embedding(10, 8),
            mix=nn.MultiheadAttention(8, 2),
            last=nn.Linear(8, 4),
        )
        graph = sound(lively(model), WORDS)
        assert [layer.name for layer in graph.layers] == [
            "mix.in_proj_weight",
            "mix.out_proj",
            "last",
        ]
        assert [layer.shape for layer in graph.layers] == [(24, 8), (8, 8), (8, 4)[::-1]]
        assert all(layer.inputs for layer in graph.layers)
        assert blocks(graph)["mix.out_proj"] == [4, 4]


def test_a_head_tied_to_an_embedding_moves_but_is_not_pruned(
    net: Build, lively: Lively, sound: Sound
) -> None:
    model = net(
        lambda m, x: m.head(fn.relu(m.middle(m.words(x)))),
        words=nn.Embedding(10, 8),
        middle=nn.Linear(8, 8),
        head=nn.Linear(8, 10, bias=False),
    )
    model.head.weight = model.words.weight
    graph = sound(lively(model), WORDS)
    assert [layer.name for layer in graph.layers] == ["middle"]
    assert ("words.weight", 1, "passenger") in places(graph, "middle")
    reasons = {(item.tensor, item.axis): item for item in graph.frozen}
    assert "aten.embedding" in reasons["words.weight", 0].op


@pytest.mark.parametrize("groups", [1, 2, 8])
@pytest.mark.parametrize("shared", [False, True])
def test_transposed_convolutions_write_their_second_axis(
    groups: int,
    shared: bool,  # noqa: FBT001 - drawn by name
    net: Build,
    lively: Lively,
    sound: Sound,
) -> None:
    def path(m: nn.Module, x: Tensor) -> Tensor:
        y = m.up(fn.relu(m.first(x)))
        return m.last(y) * (m.up.weight.norm() if shared else 1)

    model = net(
        path,
        first=nn.Conv2d(3, 8, 1),
        up=nn.ConvTranspose2d(8, 8, 2, 2, groups=groups),
        last=nn.Conv2d(8, 4, 1),
    )
    graph = sound(lively(model), torch.randn(2, 3, 4, 4), controls=False)
    assert [layer.name for layer in graph.layers] == ["first", "up", "last"]
    assert graph.layers[1].width == 8 // groups
    expected = {1: [8], 2: [4, 4], 8: [8]}[groups]
    if not (shared and groups == 2):
        assert blocks(graph)["last"] == expected
        role = "producer" if groups < 8 else "passenger"
        assert ("up.weight", 0 if groups == 8 else 1, role) in places(graph, "last")


RECURRENT = {
    "lstm": lambda: nn.LSTM(8, 6, 2, batch_first=True),
    "lstm both ways": lambda: nn.LSTM(8, 6, bidirectional=True),
    "lstm projected": lambda: nn.LSTM(8, 6, 2, proj_size=4),
    "gru": lambda: nn.GRU(8, 6, 2, bias=False),
    "gru both ways": lambda: nn.GRU(8, 6, 2, bidirectional=True, batch_first=True),
    "rnn": lambda: nn.RNN(8, 6),
    "rnn with relu": lambda: nn.RNN(8, 6, nonlinearity="relu"),
}


@pytest.mark.parametrize("name", RECURRENT)
def test_hidden_channels_move_in_every_gate_and_step(
    name: str, net: Build, lively: Lively, sound: Sound
) -> None:
    layer = RECURRENT[name]()
    width = (layer.proj_size or layer.hidden_size) * (1 + layer.bidirectional)

    def path(m: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
        y, state = m.layer(m.words(x))
        state = state[0] if isinstance(state, tuple) else state
        return m.last(y), m.end(state[-1])

    model = net(
        path,
        words=nn.Embedding(10, 8),
        layer=layer,
        last=nn.Linear(width, 4),
        end=nn.Linear(layer.proj_size or layer.hidden_size, 3),
    )
    graph = sound(lively(model), WORDS)
    assert all(layer.inputs for layer in graph.layers)
    gates = {"lstm": 4, "gru": 3}.get(name.split(maxsplit=1)[0], 1)
    hidden = graph.by_name["layer.weight_hr_l0" if layer.proj_size else "layer.weight_hh_l0"]
    rows = next(p for p in hidden.occurrences if (p.tensor, p.axis) == ("layer.weight_ih_l0", 0))
    assert rows.positions.tolist() == [[6 * g + c for g in range(gates)] for c in range(6)]
    if not layer.proj_size:
        states = graph.by_name["layer.weight_hh_l0"]
        assert states.size == 6  # the states of other layers are not tied to these


def test_states_given_from_outside_belong_to_the_hidden_channels(
    net: Build, lively: Lively, sound: Sound
) -> None:
    def path(m: nn.Module, x: Tensor) -> Tensor:
        y, state = m.encode(m.words(x))
        return m.last(m.cell(m.decode(y, state)[0][:, -1], (state[0][0], state[1][0]))[0])

    model = net(
        path,
        words=nn.Embedding(10, 8),
        encode=nn.LSTM(8, 6, batch_first=True),
        decode=nn.LSTM(6, 6, batch_first=True),
        cell=nn.LSTMCell(6, 6),
        last=nn.Linear(6, 4),
    )
    graph = sound(lively(model), WORDS)
    assert [group.size for group in graph.groups] == [8, 6]


def test_recurrent_dropout_that_is_left_on_is_refused(
    net: Build, lively: Lively, sound: Sound
) -> None:
    def path(m: nn.Module, x: Tensor) -> Tensor:
        weights = [p for _, p in m.layer.named_parameters()]
        zeros = m.last.weight.new_zeros(2, 2, 6)
        return m.last(torch.gru(m.words(x), zeros, weights, True, 2, 0.5, True, False, True)[0])

    parts = {"words": nn.Embedding(10, 8), "layer": nn.GRU(8, 6, 2), "last": nn.Linear(6, 4)}
    graph = sound(lively(net(path, **parts)), WORDS)
    assert graph.groups == ()
    assert "random" in (graph.layers[-1].frozen or pytest.fail("not frozen")).reason


def _attend(x: Tensor, heads: int, shared: int) -> Tensor:
    split = x.unflatten(-1, (heads, -1)).transpose(1, 2)
    fewer = x[..., : 8 * shared // heads].unflatten(-1, (shared, -1)).transpose(1, 2)
    y = fn.scaled_dot_product_attention(split, fewer, fewer, enable_gqa=True)
    return y.transpose(1, 2).flatten(2)


def _rotary(x: Tensor) -> Tensor:
    angle = torch.outer(torch.arange(5), 1 / 10 ** torch.arange(4)).repeat(1, 2)
    return x * angle.cos() + torch.cat([-x[..., 4:], x[..., :4]], -1) * angle.sin()


def _stepped() -> Tensor:
    made = torch.zeros(8)
    made[:3].add_(1)
    return made + 1


def _plain(path: Callable[[], Tensor]) -> Tensor:
    with torch.autocast("cpu", enabled=False):
        return path()
