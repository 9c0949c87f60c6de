"""A small network with everything an export must tell apart, and plans for it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from permviz.core.pattern import NMPattern
from permviz.core.permutation import Permutation
from permviz.core.plan import PermutationPlan, PlannedGroup, TensorMove
from permviz.export.checkpoint import export
from permviz.graph.apply import apply_moves
from permviz.graph.fingerprint import fingerprint


class Small(nn.Module):
    """3 -> 16 -> 18 -> 10: two layers stay dense, one has a remainder of two channels."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(16)
        self.depthwise = nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.point = nn.Conv2d(16, 18, 1)
        self.head = nn.Linear(18, 10)

    def forward(self, images: Tensor) -> Tensor:
        features = torch.relu(self.norm(self.stem(images)))
        features = torch.relu(self.point(self.depthwise(features)))
        return self.head(features.mean((2, 3)))


WIDE = (
    ("stem.weight", 0),
    ("norm.weight", 0),
    ("norm.bias", 0),
    ("norm.running_mean", 0),
    ("norm.running_var", 0),
    ("depthwise.weight", 0),
    ("depthwise.bias", 0),
    ("point.weight", 1),
)
DEEP = (("point.weight", 0), ("point.bias", 0), ("head.weight", 1))


def plan_for(
    model: nn.Module, seed: int, pattern: str = "2:4", *, wrong: bool = False
) -> PermutationPlan:
    """A plan with random orders; a wrong one forgets the inputs of the head."""
    rng = np.random.default_rng(seed)
    wide, deep = Permutation.random(16, rng), Permutation.random(18, rng)
    places = [(*place, wide) for place in WIDE]
    places += [(*place, deep) for place in (DEEP[:2] if wrong else DEEP)]
    moves = tuple(TensorMove(tensor, axis, None, order) for tensor, axis, order in places)
    return PermutationPlan(
        fingerprint=fingerprint(model),
        result_fingerprint=fingerprint(apply_moves(model, moves)),
        pattern=NMPattern.parse(pattern),
        by_group={
            name: PlannedGroup(order, "given", seed, 1.0, 2.0, 3.0)
            for name, order in (("point", wide), ("head", deep))
        },
        moves=moves,
        provenance={"importance": "magnitude"},
    )


def made_model() -> nn.Module:
    torch.manual_seed(0)
    made = Small()
    with torch.no_grad():
        for tensor in (made.norm.weight, made.norm.running_mean, made.norm.running_var):
            tensor.copy_(torch.rand(16) + 0.5)
    return made.eval()


def made_inputs() -> tuple[Tensor]:
    return (torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1)),)


@pytest.fixture
def model() -> nn.Module:
    return made_model()


@pytest.fixture
def inputs() -> tuple[Tensor]:
    return made_inputs()


@pytest.fixture
def planned() -> Callable[..., PermutationPlan]:
    return plan_for


@pytest.fixture
def plan(model: nn.Module) -> PermutationPlan:
    return plan_for(model, seed=0)


@pytest.fixture(scope="session")
def exported_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = made_model()
    out = tmp_path_factory.mktemp("export") / "sparse"
    return export(model, plan_for(model, seed=0), out, example_inputs=made_inputs()).directory


@pytest.fixture
def exported(exported_once: Path, tmp_path: Path) -> Path:
    """An export of `model` by `plan`, for each test its own."""
    return Path(shutil.copytree(exported_once, tmp_path / "sparse"))
