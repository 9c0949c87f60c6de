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


CASES: dict[str, tuple[type[Base], Tensor, str]] = {
    "a branch on the data": (Branching, ROWS, "could not be captured"),
    "a size that depends on the data": (Sized, ROWS, "depends on the data"),
    "a number of repeats from the data": (Counting, ROWS, "data"),
    "a forward that raises": (Raising, ROWS, "ValueError: there is no row 2"),
    "random outputs": (Dropping, ROWS, "not deterministic"),
    "a wrong shape": (Base, ROWS[:, :5], "could not be captured"),
    "a wrong type": (Base, ROWS.long(), "could not be captured"),
    "another device": (Base, ROWS.to("meta"), "same device"),
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
