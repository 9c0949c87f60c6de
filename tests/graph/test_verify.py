import copy
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from permviz.errors import VerificationError
from permviz.graph.capture import Inputs
from permviz.graph.outputs import probe, relative_error, run
from permviz.graph.verify import VerifyReport, verify

ROWS = torch.randn(3, 6, generator=torch.Generator().manual_seed(1))
Lively = Callable[[nn.Module], nn.Module]


def two_layers() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4))


def permuted(model: nn.Sequential, *, consumer: bool = True) -> nn.Sequential:
    made, order = copy.deepcopy(model), torch.arange(8).flip(0)
    with torch.no_grad():
        made[0].weight.copy_(made[0].weight[order])
        made[0].bias.copy_(made[0].bias[order])
        if consumer:
            made[2].weight.copy_(made[2].weight[:, order])
    return made


def test_a_right_permutation_passes(lively: Lively) -> None:
    model = lively(two_layers())
    report = verify(model, permuted(model), ROWS)
    assert report.ok
    assert report.float64_error <= 1e-13
    assert report.native_tolerance == 1e-5
    assert report.control_change > 1e-3
    assert report.message.startswith("The output is unchanged")


def test_a_wrong_permutation_is_caught(lively: Lively) -> None:
    model = lively(two_layers())
    report = verify(model, permuted(model, consumer=False), ROWS)
    assert not report.ok
    assert not report.equal
    assert report.float64_error > 1e-3
    assert report.message.startswith("The permuted model computes something else")


def test_equal_models_pass_because_a_wrong_permutation_would_not(lively: Lively) -> None:
    model = lively(two_layers())
    assert verify(model, copy.deepcopy(model), ROWS).ok


def test_a_check_that_cannot_fail_is_vacuous_and_never_passes(lively: Lively) -> None:
    model = lively(two_layers())
    nn.init.zeros_(model[2].weight)
    report = verify(model, permuted(model), ROWS)
    assert report.equal
    assert report.vacuous
    assert not report.ok
    assert "vacuous" in report.message


def test_neither_model_nor_inputs_are_changed(lively: Lively) -> None:
    class Overwriting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = two_layers()

        def forward(self, x: Tensor) -> Tensor:
            return self.inner(x.mul_(2))

    model, rows = lively(Overwriting()), ROWS.clone()
    model.train()
    before = copy.deepcopy(model.state_dict())
    assert verify(model, copy.deepcopy(model), rows).ok
    assert torch.equal(rows, ROWS)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert model.training


def test_models_of_other_shapes_cannot_be_compared(lively: Lively) -> None:
    with pytest.raises(VerificationError, match="different parameters or shapes"):
        verify(lively(two_layers()), nn.Sequential(nn.Linear(6, 4)), ROWS)


def test_a_model_that_fails_to_run_says_so(lively: Lively) -> None:
    with pytest.raises(VerificationError, match=r"cannot be run .*\(RuntimeError"):
        verify(lively(two_layers()), two_layers(), ROWS[:, :5])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_have_tolerances_of_their_own(dtype: torch.dtype, lively: Lively) -> None:
    model = lively(two_layers()).to(dtype)
    report = verify(model, permuted(model), ROWS.to(dtype))
    assert report.ok
    assert report.native_tolerance >= {torch.float64: 1e-10}.get(dtype, 1e-2)


def test_not_ok_if_either_error_exceeds_its_bound() -> None:
    assert VerifyReport(1e-6, 1e-12, 1.0, 1e-5).ok
    assert not VerifyReport(1e-4, 1e-12, 1.0, 1e-5).ok
    assert not VerifyReport(1e-6, 1e-9, 1.0, 1e-5).ok
    assert not VerifyReport(float("inf"), 0.0, 1.0, 1e-5).ok


@pytest.mark.parametrize(
    ("expected", "found", "error"),
    [
        ([[2.0, 4.0]], [[2.0, 3.0]], 0.25),
        ([[0.0, 0.0]], [[0.0, 3.0]], 3.0),
        ([[1.0], [8.0]], [[1.5], [8.0]], 0.5),
        ([[float("inf"), 1.0]], [[float("inf"), 1.0]], 0.0),
        ([[float("nan"), 1.0]], [[float("nan"), 1.5]], 0.5),
        ([[1.0]], [[float("nan")]], float("inf")),
        ([[1.0]], [[float("inf")]], float("inf")),
        ([[1.0]], [[1.0, 2.0]], float("inf")),
        ([[1.0]], [[1.0], [1.0]], float("inf")),
        ([], [], 0.0),
    ],
)
def test_errors_are_relative_to_the_largest_magnitude(
    expected: list[list[float]], found: list[list[float]], error: float
) -> None:
    tensors = [[torch.tensor(values) for values in side] for side in (expected, found)]
    assert relative_error(*tensors) == error


def test_probes_add_noise_to_floats_only_and_are_repeatable() -> None:
    tokens, zeros = torch.tensor([1, 2]), torch.zeros(2, 3, dtype=torch.float16)
    inputs = Inputs.of({"tokens": tokens, "image": [zeros, {"more": zeros}], "none": None})
    first, second = probe(inputs).kwargs, probe(inputs).kwargs
    assert first["tokens"] is tokens
    assert first["none"] is None
    assert first["image"][0].dtype == torch.float16
    assert first["image"][0].std() > 0.1
    assert torch.equal(first["image"][1]["more"], second["image"][1]["more"])
    assert torch.equal(zeros, torch.zeros(2, 3, dtype=torch.float16))


def test_all_tensors_of_nested_outputs_are_compared() -> None:
    @dataclass
    class Output:
        logits: Tensor
        hidden: tuple[Tensor, ...]
        loss: Tensor | None = None

    class Nested(nn.Module):
        def forward(self, x: Tensor) -> dict[str, object]:
            return {"out": Output(x, (x + 1, x + 2)), "list": [x + 3]}

    found = run(Nested(), Inputs.of(torch.zeros(1)))
    assert [float(tensor) for tensor in found.tensors] == [0.0, 1.0, 2.0, 3.0]
    assert found.names == ("out.logits", "out.hidden.0", "out.hidden.1", "list.0")
