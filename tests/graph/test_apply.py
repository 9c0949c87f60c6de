import copy
from collections.abc import Callable, Mapping

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from permviz.core.pattern import NMPattern
from permviz.core.permutation import Permutation
from permviz.core.plan import PermutationPlan, PlannedGroup, TensorMove
from permviz.errors import PlanError
from permviz.graph.analyze import analyze
from permviz.graph.apply import apply, apply_moves, moves
from permviz.graph.fingerprint import fingerprint
from permviz.graph.types import ChannelGraph

IMAGE = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(1))
Build = Callable[..., nn.Module]
Lively = Callable[[nn.Module], nn.Module]


def reversal(graph: ChannelGraph) -> dict[str, Permutation]:
    """Turn every block around."""
    made: dict[str, Permutation] = {}
    for group in graph.groups:
        order = np.arange(group.size)
        for block in group.blocks:
            order[block] = block[::-1]
        made[group.name] = Permutation(order)
    return made


def planned(graph: ChannelGraph, orders: Mapping[str, Permutation]) -> PermutationPlan:
    made = moves(graph, orders)
    return PermutationPlan(
        fingerprint=graph.fingerprint,
        result_fingerprint=fingerprint(apply_moves(graph.model, made)),
        pattern=NMPattern(2, 4),
        by_group={n: PlannedGroup(p, "given", 0, 0.0, 0.0, 0.0) for n, p in orders.items()},
        moves=made,
        provenance={},
    )


@pytest.fixture
def graph(net: Build, lively: Lively) -> ChannelGraph:
    model = net(
        lambda m, x: m.last(torch.cat([y := fn.relu(m.grouped(m.first(x))), y.tanh()], 1)),
        first=nn.Conv2d(3, 8, 1),
        grouped=nn.Conv2d(8, 6, 1, groups=2),
        last=nn.Conv2d(12, 4, 1),
    )
    return analyze(lively(model), IMAGE)


def outputs(model: nn.Module) -> Tensor:
    with torch.no_grad():
        return model(IMAGE)


def test_all_groups_of_an_axis_become_one_move_for_each_row_window(graph: ChannelGraph) -> None:
    made = moves(graph, reversal(graph))
    places = [(move.tensor, move.axis, move.rows) for move in made]
    assert len(places) == len(set(places))
    assert ("grouped.weight", 1, (0, 3)) in places
    assert ("grouped.weight", 1, (3, 6)) in places
    last = next(move for move in made if move.tensor == "last.weight")
    assert last.permutation.tolist() == [2, 1, 0, 5, 4, 3, 8, 7, 6, 11, 10, 9]


def test_a_new_index_holds_the_old_index_that_the_order_names(graph: ChannelGraph) -> None:
    order = Permutation(np.array([1, 2, 0, 3, 5, 4]))
    permuted = apply_moves(graph.model, moves(graph, {"last": order}))
    old, new = graph.model.get_parameter("grouped.bias"), permuted.get_parameter("grouped.bias")
    assert torch.equal(new, old[torch.tensor(order.tolist())])
    torch.testing.assert_close(outputs(permuted), outputs(graph.model), rtol=1e-4, atol=1e-5)


def test_unnamed_groups_and_identities_move_nothing(graph: ChannelGraph) -> None:
    assert moves(graph, {}) == ()
    assert moves(graph, {g.name: Permutation.identity(g.size) for g in graph.groups}) == ()


def test_the_copy_keeps_types_gradients_and_flags(graph: ChannelGraph) -> None:
    graph.model.get_parameter("first.bias").requires_grad_(requires_grad=False)
    graph.model.get_submodule("last").train()
    permuted = apply_moves(graph.model.half(), moves(graph, reversal(graph)))
    assert permuted.get_parameter("first.bias").requires_grad is False
    assert permuted.get_parameter("first.weight").requires_grad is True
    assert permuted.get_parameter("first.weight").dtype == torch.float16
    assert [m.training for m in permuted.modules()] == [m.training for m in graph.model.modules()]


def test_tied_weights_stay_tied(net: Build, lively: Lively) -> None:
    one, other = nn.Linear(8, 8), nn.Linear(8, 8)
    other.weight = one.weight
    model = lively(
        net(
            lambda m, x: m.end(m.two(m.one(m.start(x)))),
            start=nn.Linear(6, 8),
            one=one,
            two=other,
            end=nn.Linear(8, 2),
        )
    )
    graph = analyze(model, IMAGE)
    permuted = apply_moves(model, moves(graph, reversal(graph)))
    assert permuted.get_parameter("one.weight") is permuted.get_parameter("two.weight")
    torch.testing.assert_close(outputs(permuted), outputs(model), rtol=1e-4, atol=1e-5)


def test_a_plan_is_applied_to_its_model_and_undone(graph: ChannelGraph) -> None:
    plan = planned(graph, reversal(graph))
    permuted = apply(graph.model, PermutationPlan.from_json(plan.to_json()))
    assert not torch.equal(permuted.get_parameter("last.weight"), graph.model.last.weight)
    assert fingerprint(apply(permuted, plan.inverse())) == graph.fingerprint


def test_a_plan_for_another_model_is_refused(graph: ChannelGraph) -> None:
    plan = planned(graph, reversal(graph))
    other = copy.deepcopy(graph.model)
    nn.init.ones_(other.get_parameter("last.bias"))
    with pytest.raises(PlanError, match="made for the model"):
        apply(other, plan)


def test_a_plan_with_another_result_is_refused(graph: ChannelGraph) -> None:
    plan = planned(graph, reversal(graph))
    broken = PermutationPlan(
        plan.fingerprint, plan.result_fingerprint, plan.pattern, plan.by_group, plan.moves[1:], {}
    )
    with pytest.raises(PlanError, match="export again"):
        apply(graph.model, broken)


@pytest.mark.parametrize(
    ("orders", "message"),
    [
        ({"nothing": Permutation.identity(4)}, "no channel group 'nothing'"),
        ({"last": Permutation.identity(4)}, "4 channels does not fit the group 'last' with 6"),
        ({"grouped": Permutation(np.arange(8)[::-1])}, "out of their blocks"),
    ],
)
def test_orders_that_do_not_fit_are_refused(
    orders: dict[str, Permutation], message: str, graph: ChannelGraph
) -> None:
    with pytest.raises(PlanError, match=message):
        moves(graph, orders)


@pytest.mark.parametrize(
    ("move", "message"),
    [
        (TensorMove("none", 0, None, Permutation.identity(4)), "no axis 0 of a tensor 'none'"),
        (TensorMove("first.bias", 1, None, Permutation.identity(8)), "no axis 1"),
        (TensorMove("first.bias", 0, None, Permutation.identity(4)), "has 8 indices"),
        (TensorMove("first.weight", 1, (0, 9), Permutation.identity(3)), "no rows 0..8"),
    ],
)
def test_moves_that_do_not_fit_are_refused(
    move: TensorMove, message: str, graph: ChannelGraph
) -> None:
    with pytest.raises(PlanError, match=message):
        apply_moves(graph.model, [move])


def test_fingerprints_see_every_number_and_name(graph: ChannelGraph) -> None:
    model = copy.deepcopy(graph.model)
    assert fingerprint(model) == graph.fingerprint
    model.register_buffer("extra", torch.zeros((), dtype=torch.bfloat16), persistent=False)
    extended = fingerprint(model)
    model.get_buffer("extra").fill_(1)
    assert len({graph.fingerprint, extended, fingerprint(model)}) == 3
    assert graph.fingerprint.startswith("sha256:")


def test_fingerprints_read_elements_and_not_memory() -> None:
    plain, strided = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)
    strided.weight = nn.Parameter(plain.weight.detach().t().contiguous().t())
    assert fingerprint(plain) == fingerprint(strided)
    assert fingerprint(plain.to("meta")) != fingerprint(strided)
