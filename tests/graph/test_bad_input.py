"""What cannot be analysed is said in one sentence, with the model's own line, and left alone."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from permviz.errors import CaptureError
from permviz.graph.analyze import analyze

Lively = Callable[[nn.Module], nn.Module]
ROWS = torch.randn(2, 6, generator=torch.Generator().manual_seed(1))


class Base(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.middle, self.last = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.relu(self.inner(torch.relu(self.first(x)))))

    def inner(self, y: Tensor) -> Tensor:
        return self.middle(y)


class Branching(Base):
    def inner(self, y: Tensor) -> Tensor:
        return self.middle(y) if y.sum() > 0 else y


class Sized(Base):
    def inner(self, y: Tensor) -> Tensor:
        return self.middle(y[y[:, 0] > 0])


class Counting(Base):
    def inner(self, y: Tensor) -> Tensor:
        return self.middle(y).repeat(int(y.argmax()), 1)


class Raising(Base):
    def inner(self, y: Tensor) -> Tensor:
        raise ValueError(f"there is no row {y.shape[0]}")


class Dropping(Base):
    def inner(self, y: Tensor) -> Tensor:
        return nn.functional.dropout(self.middle(y), training=True)


class Numbering(Base):
    def inner(self, y: Tensor) -> Tensor:
        return self.middle(y) * float(y.sum().item())


class Endless(Base):
    def inner(self, y: Tensor) -> Tensor:
        while y.norm() < 10:
            y = 2 * y
        return self.middle(y)


class Leaving(Base):
    def inner(self, y: Tensor) -> Tensor:
        return torch.from_numpy(self.middle(y).detach().numpy())


class LeftOn(Base):
    """A dropout that evaluation mode does not switch off."""

    def __init__(self) -> None:
        super().__init__()
        self.drop = nn.Dropout(0.5)

    def train(self, mode: bool = True) -> "LeftOn":  # noqa: FBT001, FBT002 # torch's signature
        super().train(mode)
        self.drop.training = True
        return self

    def inner(self, y: Tensor) -> Tensor:
        return self.drop(self.middle(y))


CASES: dict[str, tuple[type[Base], Tensor, str]] = {
    "a branch on the data": (Branching, ROWS, "could not be captured"),
    "a size that depends on the data": (Sized, ROWS, "depends on the data"),
    "a number of repeats from the data": (Counting, ROWS, "data"),
    "a forward that raises": (Raising, ROWS, "ValueError: there is no row 2"),
    "random outputs": (Dropping, ROWS, "not deterministic"),
    "a wrong shape": (Base, ROWS[:, :5], "could not be captured"),
    "a wrong type": (Base, ROWS.long(), "could not be captured"),
    "another device": (Base, ROWS.to("meta"), "same device"),
    "a number from the data": (Numbering, ROWS, "by values of its data"),
    "a loop over the data": (Endless, ROWS, "by values of its data"),
    "a way out of torch": (Leaving, ROWS, "could not be captured"),
    "a dropout that is left on": (LeftOn, ROWS, "dropout.*draws random numbers"),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_one_sentence_with_the_line_and_the_model_stays(name: str, lively: Lively) -> None:
    kind, rows, said = CASES[name]
    model = lively(kind()).train()
    before, attributes = copy.deepcopy(model.state_dict()), dict(vars(model))
    with pytest.raises(CaptureError, match=said) as caught:
        analyze(model, rows)
    message = str(caught.value)
    assert "\n" not in message
    assert "test_bad_input.py:" in message
    assert vars(model) == attributes
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert model.training


def test_writing_into_a_view_of_what_is_read_later_does_not_change_the_output(
    lively: Lively,
) -> None:
    class Aliasing(Base):
        def inner(self, y: Tensor) -> Tensor:
            part = y[:, 2:5]
            y = self.middle(y)
            y[:, :3].add_(part)
            y.view(-1)[:8].mul_(2)
            return y

    graph = analyze(lively(Aliasing()), ROWS)
    assert graph.verification is None or graph.verification.ok


class Silent(Base):
    def forward(self, x: Tensor) -> object:
        self.last(self.inner(self.first(x)))
        return {"steps": 3, "nothing": None}


def test_a_model_without_tensors_among_its_outputs_is_refused(lively: Lively) -> None:
    with pytest.raises(CaptureError, match="Silent returns no tensor that counts"):
        analyze(lively(Silent()), ROWS)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        (ROWS.to_sparse(), "sparse_coo tensor"),
        (ROWS[:0], r"empty \(shape \(0, 6\)\)"),
        ((ROWS, ROWS), "takes 2 positional arguments but 3 were given"),
        ({"y": ROWS}, "unexpected keyword argument 'y'"),
        ((), "missing 1 required positional argument"),
        (ROWS.numpy(), "type ndarray"),
        (ROWS.double(), "same dtype"),
    ],
)
def test_inputs_that_the_model_cannot_take_are_said(
    inputs: object, said: str, lively: Lively
) -> None:
    with pytest.raises(CaptureError, match=said):
        analyze(lively(Base()), inputs)


def test_what_is_no_module_is_said() -> None:
    with pytest.raises(CaptureError, match="A function is no torch"):
        analyze(lambda x: x, ROWS)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*")
def test_torchscript_is_said_with_what_to_pass_instead() -> None:
    with pytest.raises(CaptureError, match=r"pass the nn\.Module that the TorchScript was"):
        analyze(torch.jit.script(Base()), ROWS)


@pytest.mark.parametrize("weight", [float("nan"), float("inf")])
def test_outputs_that_are_no_numbers_prove_nothing_and_say_so(
    weight: float, lively: Lively
) -> None:
    model = lively(Base())
    nn.init.constant_(model.last.weight, weight)
    graph = analyze(model, ROWS)
    assert graph.groups == ()
    frozen = graph.layers[-1].frozen
    assert frozen is not None
    assert "NaN or infinite" in frozen.reason


class Tallying(Base):
    """Keeps a count and a running mean, in evaluation too."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.ones(()))
        self.register_buffer("mean", torch.zeros(8))

    def inner(self, y: Tensor) -> Tensor:
        self.count.add_(1)
        self.mean.mul_(0.9).add_(0.1 * y.mean(0))
        return self.middle(y - self.mean) * self.count


def test_buffers_that_a_run_writes_into_do_not_change_the_next(lively: Lively) -> None:
    model = lively(Tallying())
    before = copy.deepcopy(model.state_dict())
    graph = analyze(model, ROWS)
    assert {group.name for group in graph.groups} == {"middle", "last"}
    assert graph.by_name["middle"].size == 8
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_complex_models_are_compared_in_double_precision() -> None:
    torch.manual_seed(0)
    layers = [nn.Linear(6, 8, dtype=torch.complex64), nn.Linear(8, 4, dtype=torch.complex64)]
    graph = analyze(nn.Sequential(*layers).eval(), ROWS.to(torch.complex64))
    assert [group.size for group in graph.groups] == [8]
    assert graph.verification is not None
    assert graph.verification.float64_error < 1e-13
