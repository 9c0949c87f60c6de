"""Parameters of every kind: computed weights, wrapped models, mixed types, no memory at all."""

import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.utils import parametrizations

import permviz as pv
from permviz.errors import CaptureError
from permviz.graph.analyze import analyze
from permviz.graph.types import ChannelGraph

Lively = Callable[[nn.Module], nn.Module]
Sound = Callable[..., ChannelGraph]
IMAGE = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def stack() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 16, 3), nn.ReLU(), nn.Conv2d(16, 4, 1)
    )


def sizes(graph: ChannelGraph) -> dict[str, list[int]]:
    return {group.name: [len(block) for block in group.blocks] for group in graph.groups}


WHOLE = {"2": [16], "4": [16]}


def test_weight_norm_moves_direction_length_and_all(lively: Lively, sound: Sound) -> None:
    model = lively(stack())
    for place in (0, 2, 4):
        parametrizations.weight_norm(model[place])
    graph = sound(model, IMAGE)
    assert sizes(graph) == WHOLE
    assert [layer.computed for layer in graph.layers] == [True] * 3
    moved = {place.tensor for place in graph.by_name["2"].occurrences}
    assert "0.parametrizations.weight.original0" in moved
    session = pv.Session(graph, pv.SearchSettings(("random",)))
    assert all("would not survive" in reason for reason in session.dense.values())
    session.close()


def test_weight_norm_by_hooks_can_be_copied_and_permuted(lively: Lively) -> None:
    model = lively(stack())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        for place in (0, 2, 4):
            nn.utils.weight_norm(model[place])
    graph = analyze(model, IMAGE)
    assert sizes(graph) == WHOLE
    assert graph.verification.ok


@pytest.mark.parametrize(
    "norm", [parametrizations.spectral_norm, nn.utils.spectral_norm], ids=["new", "old"]
)
def test_spectral_norm_moves_its_singular_vectors(
    norm: Callable[[nn.Module], nn.Module], lively: Lively, sound: Sound
) -> None:
    model = lively(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3)))
    for place in (0, 2):
        norm(model[place])
    graph = sound(model.eval(), IMAGE)
    assert sizes(graph) == {"2": [8]}
    repeats = {p.tensor: p.positions.shape for p in graph.groups[0].occurrences}
    assert (8, 9) in repeats.values()  # nine kernel positions a channel in the right vector


def test_orthogonal_weights_move_as_far_as_their_base_does(lively: Lively, sound: Sound) -> None:
    model = lively(nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.Linear(8, 4)))
    parametrizations.orthogonal(model[2])
    graph = sound(model, torch.randn(2, 6))
    assert sizes(graph) == {"3": [8]}
    assert [layer.name for layer in graph.layers] == ["0", "3"]
    reasons = {(item.tensor, item.axis): item.op for item in graph.frozen}
    assert reasons["0.weight", 0].startswith("aten.")


@pytest.fixture
def process_group() -> Iterator[None]:
    with tempfile.TemporaryDirectory() as folder:
        file = (Path(folder) / "rendezvous").as_uri()
        torch.distributed.init_process_group("gloo", init_method=file, rank=0, world_size=1)
        yield
        torch.distributed.destroy_process_group()


WRAPPERS: dict[str, Callable[[nn.Module], nn.Module]] = {
    "compiled": torch.compile,
    "data parallel": nn.DataParallel,
    "distributed": nn.parallel.DistributedDataParallel,
    "compiled and parallel": lambda model: torch.compile(nn.DataParallel(model)),
}


@pytest.mark.usefixtures("process_group")
@pytest.mark.parametrize("name", WRAPPERS)
def test_wrapped_models_are_taken_as_what_is_inside(name: str, lively: Lively) -> None:
    model = lively(stack())
    wrapped = WRAPPERS[name](model)
    graph = analyze(wrapped, IMAGE)
    assert sizes(graph) == WHOLE
    plan = pv.plan(graph, "random(count=2)")
    permuted = pv.apply(wrapped, plan)
    assert [*permuted.state_dict()] == [*model.state_dict()]
    assert pv.verify(wrapped, permuted, IMAGE).ok
    pruned = pv.sparsify(pv.apply(model, plan))
    assert (pruned.get_parameter("2.parametrizations.weight.original") != 0).any()


def test_layers_of_several_types_are_verified_in_each(lively: Lively) -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = stack()
            self.body[2].bfloat16()

        def forward(self, x: Tensor) -> Tensor:
            y = self.body[1](self.body[0](x)).bfloat16()
            return self.body[4](self.body[3](self.body[2](y)).float())

    graph = analyze(lively(Mixed()), IMAGE)
    assert sizes(graph) == {"body.2": [16], "body.4": [16]}
    assert graph.verification.ok
    assert graph.verification.float64_error < 1e-13
    assert graph.verification.native_tolerance >= 5e-2


@pytest.mark.parametrize("image", [IMAGE, IMAGE.to("meta")], ids=["cpu", "meta"])
def test_models_without_memory_are_analysed_and_not_verified(image: Tensor) -> None:
    with torch.device("meta"):
        model = stack().eval()
    graph = analyze(model, image)
    assert sizes(graph) == WHOLE
    assert graph.verification is None
    assert "no weights in memory" in graph.unverified


def test_fake_tensors_are_analysed_too() -> None:
    with FakeTensorMode():
        model = stack().eval()
    graph = analyze(model, IMAGE)
    assert sizes(graph) == WHOLE
    assert "no weights in memory" in graph.unverified


def test_inputs_on_another_device_are_refused_in_one_sentence() -> None:
    with pytest.raises(CaptureError, match=r"same device.*check the example inputs") as caught:
        analyze(stack().eval(), IMAGE.to("meta"))
    assert "\n" not in str(caught.value)
