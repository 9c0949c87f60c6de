"""The analysis as a whole: verification, vacuous checks, progress, and the model untouched."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from permviz.errors import CaptureError
from permviz.graph import rearrange
from permviz.graph.analyze import analyze
from permviz.graph.fingerprint import fingerprint
from permviz.graph.types import ChannelGraph

IMAGE = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(1))
Build = Callable[..., nn.Module]
Lively = Callable[[nn.Module], nn.Module]


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 1)
        self.norm = nn.BatchNorm2d(8)
        self.middle = nn.Conv2d(8, 6, 1)
        self.last = nn.Conv2d(6, 4, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"out": self.last(fn.relu(self.middle(fn.relu(self.norm(self.first(x))))))}


def summary(graph: ChannelGraph) -> list[tuple[object, ...]]:
    groups = [(g.name, g.size, [b.tolist() for b in g.blocks]) for g in graph.groups]
    return [*groups, *graph.layers, *graph.frozen, graph.fingerprint]


def test_verified_groups_are_the_same_every_time(lively: Lively) -> None:
    model = lively(Small())
    first, second = analyze(model, IMAGE), analyze(model, (IMAGE,))
    assert [group.name for group in first.groups] == ["middle", "last"]
    assert summary(first) == summary(second)
    assert summary(first) == summary(analyze(model, {"x": IMAGE}))


def test_the_model_and_the_random_state_are_left_alone() -> None:
    model = Small()
    model.norm.eval()
    before, state = fingerprint(model), torch.get_rng_state()
    analyze(model, torch.zeros(1, 3, 4, 4))
    assert fingerprint(model) == before
    assert torch.equal(torch.get_rng_state(), state)
    assert [m.training for m in (model, model.first, model.norm)] == [True, True, False]
    assert all(p.requires_grad and p.grad is None for p in model.parameters())


def test_zero_inputs_do_not_make_the_check_vacuous(lively: Lively) -> None:
    assert len(analyze(lively(Small()), torch.zeros(1, 3, 4, 4)).groups) == 2


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_other_precisions_are_verified_too(dtype: torch.dtype, lively: Lively) -> None:
    graph = analyze(lively(Small()).to(dtype), IMAGE.to(dtype))
    assert len(graph.groups) == 2


def test_a_zero_initialised_layer_makes_its_groups_vacuous(lively: Lively) -> None:
    model = lively(Small())
    nn.init.zeros_(model.last.weight)
    graph = analyze(model, IMAGE)
    assert graph.groups == ()
    assert "vacuous" in (graph.layers[-1].frozen or pytest.fail("not frozen")).reason


def test_a_wrong_rule_is_caught_and_the_rest_proceeds(
    lively: Lively, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Flipping(Small):
        def forward(self, x: Tensor) -> dict[str, Tensor]:
            y = fn.relu(self.norm(self.first(x)))
            return {"out": self.last((m := self.middle(y)) * m.flip(1))}

    monkeypatch.setattr(rearrange, "_take_facet", lambda *given: given[1])
    graph = analyze(lively(Flipping()), IMAGE)
    assert [group.name for group in graph.groups] == ["middle"]
    assert "changed the output" in (graph.layers[-1].frozen or pytest.fail("not frozen")).reason
    unverified = analyze(lively(Flipping()), IMAGE, verify=False)
    assert len(unverified.groups) == 2


def test_a_model_that_cannot_run_in_float64_is_frozen_with_the_reason() -> None:
    class Narrow(Small):
        def forward(self, x: Tensor) -> dict[str, Tensor]:
            if x.dtype != torch.float32:
                raise TypeError("pictures are float32")
            return super().forward(x)

    graph = analyze(Narrow(), IMAGE)
    assert graph.groups == ()
    assert "could not be verified" in graph.layers[-1].frozen.reason.lower()
    assert "pictures are float32" in graph.layers[-1].frozen.reason


def test_progress_runs_from_zero_to_one(lively: Lively) -> None:
    seen: list[tuple[str, float]] = []
    analyze(lively(Small()), IMAGE, on_progress=lambda text, part: seen.append((text, part)))
    parts = [part for _, part in seen]
    assert parts == sorted(parts)
    assert (parts[0], parts[-1]) == (0.0, 1.0)
    assert all(text for text, _ in seen)


def test_inputs_of_the_wrong_shape_name_the_line_of_the_model(lively: Lively) -> None:
    with pytest.raises(
        CaptureError, match=r"Small could not be captured.*test_analyze.py:\d+"
    ) as e:
        analyze(lively(Small()), torch.zeros(1, 5, 4, 4))
    assert str(e.value).count("\n") == 0


def test_inputs_of_an_unusable_kind_are_refused() -> None:
    with pytest.raises(CaptureError, match="type int cannot be passed"):
        analyze(Small(), 3)


def test_data_dependent_control_flow_is_a_capture_error() -> None:
    class Branching(Small):
        def forward(self, x: Tensor) -> dict[str, Tensor]:
            return super().forward(x if x.sum() > 0 else -x)

    model = Branching()
    with pytest.raises(CaptureError, match=r"could not be captured at .*test_analyze.py:\d+"):
        analyze(model, IMAGE)
    assert model.training


def test_a_model_without_permutable_channels_has_no_groups(net: Build) -> None:
    graph = analyze(net(lambda m, x: m.only(x), only=nn.Conv2d(3, 4, 1)), IMAGE)
    assert graph.groups == ()
    assert [layer.frozen is None for layer in graph.layers] == [False]
