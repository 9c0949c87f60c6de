"""Networks on which coupling analyses are known to go wrong."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from permviz.graph.types import ChannelGraph

IMAGE = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(1))
Sound = Callable[..., ChannelGraph]
Build = Callable[..., nn.Module]
Lively = Callable[[nn.Module], nn.Module]


def blocks(graph: ChannelGraph) -> dict[str, list[int]]:
    return {group.name: [len(block) for block in group.blocks] for group in graph.groups}


def test_grouped_convolutions_permute_inside_their_groups(
    net: Build, lively: Lively, sound: Sound
) -> None:
    model = lively(
        net(
            lambda m, x: m.last(fn.relu(m.middle(fn.relu(m.first(x))))),
            first=nn.Conv2d(3, 12, 1),
            middle=nn.Conv2d(12, 8, 3, groups=2),
            last=nn.Conv2d(8, 4, 1),
        )
    )
    graph = sound(model, IMAGE)
    assert blocks(graph) == {"middle": [6, 6], "last": [4, 4]}
    read = graph.by_name["middle"].consumers
    assert [place.rows for place in read] == [(0, 4), (4, 8)]
    assert [place.channels.tolist() for place in read] == [[*range(6)], [*range(6, 12)]]
    assert [place.positions.ravel().tolist() for place in read] == [[*range(6)]] * 2


def test_grouped_convolutions_after_a_shuffle_keep_what_both_groups_share(
    net: Build, lively: Lively, sound: Sound
) -> None:
    model = lively(
        net(
            lambda m, x: m.last(fn.channel_shuffle(m.middle(m.first(x)), 2)),
            first=nn.Conv2d(3, 8, 1),
            middle=nn.Conv2d(8, 16, 1, groups=2),
            last=nn.Conv2d(16, 4, 1, groups=2),
        )
    )
    assert blocks(sound(model, IMAGE)) == {"middle": [4, 4], "last": [4, 4, 4, 4]}


def test_a_depthwise_convolution_with_a_multiplier_repeats_its_channels(
    net: Build, lively: Lively, sound: Sound
) -> None:
    model = lively(
        net(
            lambda m, x: m.last(fn.relu(m.middle(m.first(x)))),
            first=nn.Conv2d(3, 6, 1),
            middle=nn.Conv2d(6, 18, 3, groups=6),
            last=nn.Conv2d(18, 4, 1),
        )
    )
    graph = sound(model, IMAGE)
    (place,) = graph.groups[0].consumers
    assert blocks(graph) == {"last": [6]}
    assert place.positions.tolist() == [[3 * c, 3 * c + 1, 3 * c + 2] for c in range(6)]
    middle = next(layer for layer in graph.layers if layer.name == "middle")
    assert middle.inputs == ()
    assert middle.outputs == ("last",)
    assert middle.frozen is not None
    assert "one input channel" in middle.frozen.reason


def test_concatenation_of_unaligned_widths_keeps_the_parts_apart(
    net: Build, lively: Lively, sound: Sound
) -> None:
    model = lively(
        net(
            lambda m, x: m.last(fn.relu(torch.cat([m.one(x), m.other(x)], 1))),
            one=nn.Conv2d(3, 12, 1),
            other=nn.Conv2d(3, 18, 1),
            last=nn.Conv2d(30, 4, 1),
        )
    )
    graph = sound(model, IMAGE)
    assert blocks(graph) == {"last": [12], "last#2": [18]}
    assert graph.layers[-1].inputs == ("last", "last#2")
    (second,) = graph.by_name["last#2"].consumers
    assert second.positions.ravel().tolist() == [*range(12, 30)]


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_flattened_positions_move_with_their_channel(
    layout: str, net: Build, lively: Lively, sound: Sound
) -> None:
    def path(m: nn.Module, x: Tensor) -> Tensor:
        y = m.first(x)
        return m.last((y if layout == "nchw" else y.permute(0, 2, 3, 1)).flatten(1))

    graph = sound(lively(net(path, first=nn.Conv2d(3, 8, 5), last=nn.Linear(32, 4))), IMAGE)
    (place,) = graph.groups[0].consumers
    spread = torch.arange(32).view(8, 4) if layout == "nchw" else torch.arange(32).view(4, 8).T
    assert place.positions.tolist() == spread.tolist()


def test_dense_connections_are_read_again_and_again(
    net: Build, lively: Lively, sound: Sound
) -> None:
    def path(m: nn.Module, x: Tensor) -> Tensor:
        a = m.stem(x)
        b = m.one(fn.relu(a))
        c = m.two(fn.relu(torch.cat([a, b], 1)))
        return m.last(torch.cat([a, b, c], 1).mean((2, 3)))

    model = lively(
        net(
            path,
            stem=nn.Conv2d(3, 6, 1),
            one=nn.Conv2d(6, 4, 1),
            two=nn.Conv2d(10, 4, 1),
            last=nn.Linear(14, 5),
        )
    )
    graph = sound(model, IMAGE)
    assert blocks(graph) == {"one": [6], "two": [4], "last": [4]}
    assert graph.layers[-1].inputs == ("one", "two", "last")


def test_a_module_called_twice_ties_both_of_its_inputs(
    net: Build, lively: Lively, sound: Sound
) -> None:
    model = lively(
        net(
            lambda m, x: m.last(m.twice(fn.relu(m.twice(fn.relu(m.first(x)))))),
            first=nn.Conv2d(3, 8, 1),
            twice=nn.Conv2d(8, 8, 1),
            last=nn.Conv2d(8, 4, 1),
        )
    )
    graph = sound(model, IMAGE)
    assert blocks(graph) == {"twice": [8]}
    assert [layer.name for layer in graph.layers] == ["first", "twice", "last"]


def test_tied_weights_have_one_name_and_move_once(net: Build, lively: Lively, sound: Sound) -> None:
    one, other = nn.Linear(8, 8), nn.Linear(8, 8)
    other.weight = one.weight
    model = lively(
        net(
            lambda m, x: m.last(fn.relu(m.other(fn.relu(m.one(m.first(x)))))),
            first=nn.Linear(6, 8),
            one=one,
            other=other,
            last=nn.Linear(8, 4),
        )
    )
    graph = sound(model, IMAGE)
    assert [layer.name for layer in graph.layers] == ["first", "one", "last"]
    assert blocks(graph) == {"one": [8]}


def test_parameters_that_share_memory_in_another_layout_are_frozen(
    net: Build, sound: Sound
) -> None:
    weight = torch.randn(8, 8)
    one, other = nn.Linear(8, 8), nn.Linear(8, 8)
    one.weight, other.weight = nn.Parameter(weight), nn.Parameter(weight.t())
    model = net(
        lambda m, x: m.last(m.other(m.one(m.first(x)))),
        first=nn.Linear(6, 8),
        one=one,
        other=other,
        last=nn.Linear(8, 4),
    ).eval()
    graph = sound(model, IMAGE)
    assert graph.groups == ()
    assert any("memory" in item.reason for item in graph.frozen)


def test_residual_streams_are_one_group(net: Build, lively: Lively, sound: Sound) -> None:
    def path(m: nn.Module, x: Tensor) -> Tensor:
        y = m.first(x)
        y = y + m.up(fn.relu(m.down(y)))
        y += m.again(y)
        return m.last(y)

    model = lively(
        net(
            path,
            first=nn.Conv2d(3, 8, 1),
            down=nn.Conv2d(8, 4, 1),
            up=nn.Conv2d(4, 8, 1),
            again=nn.Conv2d(8, 8, 1),
            last=nn.Conv2d(8, 4, 1),
        )
    )
    graph = sound(model, IMAGE)
    assert blocks(graph) == {"down": [8], "up": [4]}
    stream = {(p.tensor, p.axis, p.role) for p in graph.by_name["down"].occurrences}
    assert stream == {
        ("first.weight", 0, "producer"),
        ("first.bias", 0, "passenger"),
        ("down.weight", 1, "consumer"),
        ("up.weight", 0, "producer"),
        ("up.bias", 0, "passenger"),
        ("again.weight", 0, "producer"),
        ("again.weight", 1, "consumer"),
        ("again.bias", 0, "passenger"),
        ("last.weight", 1, "consumer"),
    }


def test_an_output_that_is_also_an_intermediate_is_frozen(
    net: Build, lively: Lively, sound: Sound
) -> None:
    model = lively(
        net(
            lambda m, x: (m.last(fn.relu(y := m.middle(m.first(x)))), y),
            first=nn.Conv2d(3, 8, 1),
            middle=nn.Conv2d(8, 8, 1),
            last=nn.Conv2d(8, 4, 1),
        )
    )
    graph = sound(model, IMAGE)
    assert blocks(graph) == {"middle": [8]}
    assert graph.layers[-1].frozen is not None
    assert "model output" in graph.layers[-1].frozen.reason


def test_the_image_freezes_the_first_layer(net: Build, lively: Lively, sound: Sound) -> None:
    def path(m: nn.Module, x: Tensor) -> Tensor:
        return m.last(m.first((x - m.mean) / 2))

    model = lively(
        net(
            path,
            first=nn.Conv2d(3, 8, 1),
            last=nn.Conv2d(8, 4, 1),
            mean=nn.Parameter(torch.randn(3, 1, 1)),
        )
    )
    graph = sound(model, IMAGE)
    reasons = {(item.tensor, item.axis): item.reason for item in graph.frozen}
    assert "model input" in reasons["first.weight", 1]
    assert "model input" in reasons["mean", 0]
    assert "model output" in reasons["last.weight", 0]
    assert blocks(graph) == {"last": [8]}


def test_parameters_used_directly_travel_with_their_channels(
    net: Build, lively: Lively, sound: Sound
) -> None:
    model = net(
        lambda m, x: m.last(m.first(x) * m.scale.view(1, -1, 1, 1) + m.place),
        first=nn.Conv2d(3, 8, 1),
        last=nn.Conv2d(8, 4, 1),
        scale=nn.Parameter(torch.randn(8)),
        place=nn.Parameter(torch.randn(1, 8, 6, 6)),
    )
    model.register_buffer("shift", torch.randn(8, 1, 1), persistent=False)
    graph = sound(lively(model), IMAGE)
    moved = {place.tensor for place in graph.groups[0].occurrences}
    assert {"scale", "place"} <= moved
    assert ("place", 2) in {(item.tensor, item.axis) for item in graph.frozen}


def test_buffers_that_are_not_saved_travel_too(net: Build, lively: Lively, sound: Sound) -> None:
    model = net(
        lambda m, x: m.last(m.first(x) + m.shift), first=nn.Conv2d(3, 8, 1), last=nn.Conv2d(8, 4, 1)
    )
    model.register_buffer("shift", torch.randn(8, 1, 1), persistent=False)
    graph = sound(lively(model), IMAGE)
    assert "shift" in {place.tensor for place in graph.groups[0].occurrences}


def test_a_weight_that_is_computed_is_no_layer_to_prune(
    net: Build, lively: Lively, sound: Sound
) -> None:
    def standardised(m: nn.Module, x: Tensor) -> Tensor:
        w = m.first.weight
        w = (w - w.mean((1, 2, 3), keepdim=True)) / w.std((1, 2, 3), keepdim=True)
        v = m.last.weight / m.last.weight.norm(dim=1, keepdim=True)
        return fn.conv2d(fn.relu(fn.conv2d(x, w)), v)

    graph = sound(
        lively(net(standardised, first=nn.Conv2d(3, 8, 3), last=nn.Conv2d(8, 4, 1))), IMAGE
    )
    assert [layer.computed for layer in graph.layers] == [True, True]
    assert blocks(graph) == {"last": [8]}


def test_writing_into_a_constant_freezes_what_is_written(
    net: Build, lively: Lively, sound: Sound
) -> None:
    def path(m: nn.Module, x: Tensor) -> Tensor:
        sums = x.new_zeros(2, 8, 6, 6)
        view = sums[:, :, 1:]
        sums += m.first(x)
        return m.last(sums) + m.last(fn.pad(view, (0, 0, 1, 0)))

    graph = sound(lively(net(path, first=nn.Conv2d(3, 8, 1), last=nn.Conv2d(8, 4, 1))), IMAGE)
    assert graph.groups == ()
    assert any("Written into" in item.reason for item in graph.frozen)


def test_linear_layers_over_positions_are_frozen(net: Build, lively: Lively, sound: Sound) -> None:
    model = lively(
        net(
            lambda m, x: m.last(fn.relu(m.mix(m.first(x)))),
            first=nn.Conv2d(3, 8, 1),
            mix=nn.Linear(6, 6),
            last=nn.Conv2d(8, 4, 1),
        )
    )
    graph = sound(model, IMAGE)
    mix = next(layer for layer in graph.layers if layer.name == "mix")
    assert mix.frozen is not None
    assert "positions" in mix.frozen.reason
    assert blocks(graph) == {"last": [8]}


def test_one_and_three_dimensional_convolutions(net: Build, lively: Lively, sound: Sound) -> None:
    def path(m: nn.Module, x: Tensor) -> Tensor:
        volume = m.volume(x.unsqueeze(2)).flatten(3)
        return m.line(fn.relu(volume.squeeze(2)))

    graph = sound(
        lively(net(path, volume=nn.Conv3d(3, 8, 1), line=nn.Conv1d(8, 4, 3, padding="same"))), IMAGE
    )
    assert [layer.kind for layer in graph.layers] == ["conv3d", "conv1d"]
    assert blocks(graph) == {"line": [8]}


def test_no_gradient_regions_inside_the_forward_do_no_harm(
    net: Build, lively: Lively, sound: Sound
) -> None:
    def path(m: nn.Module, x: Tensor) -> Tensor:
        y = m.first(x)
        with torch.enable_grad():
            y = y.relu_()
        return m.last(y)

    sound(lively(net(path, first=nn.Conv2d(3, 8, 1), last=nn.Conv2d(8, 4, 1))), IMAGE)
