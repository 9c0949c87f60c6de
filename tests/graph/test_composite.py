"""Operations that torch defines by others, followed through their definition."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from permviz.graph.rules import find_rule
from permviz.graph.types import ChannelGraph

ROWS = torch.randn(3, 8, generator=torch.Generator().manual_seed(1))
Sound = Callable[..., ChannelGraph]
Build = Callable[..., nn.Module]
Lively = Callable[[nn.Module], nn.Module]
Path = Callable[[Tensor, Tensor], Tensor]

# Operation, what is done with it, and the sizes of the groups that the last layer reads.
DEFINED: dict[str, tuple[Path, list[int]]] = {
    "hstack": (lambda a, b: torch.hstack([a, b]), [16, 16]),
    "column_stack": (lambda a, b: torch.column_stack([a, b]), [16, 16]),
    "vstack": (lambda a, b: torch.vstack([a, b])[2:], [16]),
    "fliplr": (lambda a, b: torch.fliplr(a) + torch.fliplr(b), [16]),
    "greater": (lambda a, b: torch.where(torch.greater(a, b), a, b), [16]),
    "special_expit": (lambda a, b: torch.special.expit(a) * b, [16]),
    "tensordot": (lambda a, b: torch.tensordot(a, b, ([1], [1])) @ a, [16]),
    "inner": (lambda a, b: torch.inner(a, b) @ a, [16]),
    "linalg_multi_dot": (lambda a, b: torch.linalg.multi_dot([a, b.T, a]), [16]),
    "pairwise_distance": (lambda a, b: fn.pairwise_distance(a, b)[:, None] * a, [16]),
    "meshgrid": (lambda a, b: sum(torch.meshgrid(a[0], b[0], indexing="ij")), [16]),
}


def two_branches(net: Build, path: Path, width: int) -> nn.Module:
    parts = {"one": nn.Linear(8, 16), "other": nn.Linear(8, 16), "last": nn.Linear(width, 5)}
    return net(lambda m, x: m.last(path(m.one(x), m.other(x))), **parts)


@pytest.mark.parametrize("name", DEFINED)
def test_the_operations_that_it_stands_for_have_rules(
    name: str, net: Build, lively: Lively, sound: Sound
) -> None:
    path, sizes = DEFINED[name]
    assert find_rule(f"aten.{name}", "default") is None
    graph = sound(lively(two_branches(net, path, sum(sizes))), ROWS)
    assert [group.size for group in graph.groups] == sizes


def test_writing_in_place_is_followed_too(net: Build, lively: Lively, sound: Sound) -> None:
    def path(m: nn.Module, x: Tensor) -> Tensor:
        first = m.one(x)
        first.multiply_(m.other(x)).arctan2_(first + 2)
        return m.last(first)

    parts = {"one": nn.Linear(8, 16), "other": nn.Linear(8, 16), "last": nn.Linear(16, 5)}
    (group,) = sound(lively(net(path, **parts)), ROWS).groups
    assert {place.tensor for place in group.occurrences} >= {"one.weight", "other.weight"}


def test_what_it_stands_for_may_have_no_rule(net: Build, lively: Lively, sound: Sound) -> None:
    def path(one: Tensor, _: Tensor) -> Tensor:
        return torch.linalg.det(one.reshape(3, 4, 4))[:, None] * one

    graph = sound(lively(two_branches(net, path, 16)), ROWS)
    frozen = graph.layers[-1].frozen
    assert graph.groups == ()
    assert frozen is not None
    assert "aten._linalg_det" in frozen.op
    assert frozen.source


def test_a_definition_that_cannot_be_traced_refuses_its_operation(
    net: Build, lively: Lively, sound: Sound, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumbling(*_: object, **__: object) -> object:
        raise NotImplementedError("no kernel")

    monkeypatch.setattr("permviz.graph.composite.make_fx", stumbling)
    graph = sound(lively(two_branches(net, lambda a, b: torch.fliplr(a) + b, 16)), ROWS)
    frozen = graph.layers[-1].frozen
    assert graph.groups == ()
    assert frozen is not None
    assert frozen.op == "aten.fliplr.default"
