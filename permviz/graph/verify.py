"""The proof: a permuted model computes what the original computes, and a wrong one does not."""

import copy
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from permviz.core.permutation import Permutation
from permviz.core.plan import TensorMove
from permviz.errors import VerificationError
from permviz.graph.apply import moved
from permviz.graph.capture import Inputs, named_tensors
from permviz.graph.outputs import precision, probe, relative_error, run, widened

FLOAT64_TOLERANCE = 1e-10
TOLERANCE = {
    torch.float64: FLOAT64_TOLERANCE,
    torch.float32: 1e-5,
    torch.float16: 1e-2,
    torch.bfloat16: 5e-2,
}
# A wrong permutation must stand out clearly from rounding before a check counts.
VISIBLE = 10 * FLOAT64_TOLERANCE


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """Comparison of a permuted model with its original; all errors are relative.

    Attributes:
        native_error: difference of the outputs in the model's own precision.
        float64_error: difference of the outputs when both are run in float64.
        control_change: difference in float64 after deliberately moving channels wrongly.
        native_tolerance: bound for `native_error`: that of the type, or four times the
            model's own rounding error where that is larger.
        float64_tolerance: bound for `float64_error`.
    """

    native_error: float
    float64_error: float
    control_change: float
    native_tolerance: float
    float64_tolerance: float = FLOAT64_TOLERANCE

    @property
    def equal(self) -> bool:
        """Whether both errors are within their bounds."""
        return (
            self.native_error <= self.native_tolerance
            and self.float64_error <= self.float64_tolerance
        )

    @property
    def vacuous(self) -> bool:
        """Whether even a wrong permutation changed nothing, so that equality means nothing."""
        return self.control_change <= VISIBLE

    @property
    def ok(self) -> bool:
        """Whether the outputs are equal and the check could have failed."""
        return self.equal and not self.vacuous

    @property
    def message(self) -> str:
        """The result in one sentence."""
        found = (
            f"relative error {self.native_error:.1e} (at most {self.native_tolerance:.1e}), "
            f"in float64 {self.float64_error:.1e} (at most {self.float64_tolerance:.0e})"
        )
        if not self.equal:
            return f"The permuted model computes something else: {found}."
        if self.vacuous:
            return (
                "The check is vacuous: even wrongly permuted weights changed the output by "
                f"only {self.control_change:.1e}."
            )
        return (
            f"The output is unchanged: {found}; "
            f"a wrong permutation changes it by {self.control_change:.1e}."
        )


@dataclass(frozen=True, slots=True)
class Reference:
    """A model with its outputs, natively and in float64, to compare others with."""

    native: nn.Module
    wide: nn.Module
    native_inputs: Inputs
    wide_inputs: Inputs
    native_outputs: tuple[Tensor, ...]
    wide_outputs: tuple[Tensor, ...]
    tolerance: float

    @classmethod
    def of(cls, model: nn.Module, inputs: Inputs) -> "Reference":
        """Run a copy of the model both ways.

        Raises:
            VerificationError: the model cannot be run.
        """
        native, wide = copied(model), copied(model).double()
        noisy = probe(inputs)
        wide_noisy = widened(noisy)
        outputs, wide_outputs = run(native, noisy), run(wide, wide_noisy)
        rounding = relative_error(wide_outputs, outputs)
        bound = TOLERANCE.get(precision(model), FLOAT64_TOLERANCE)
        tolerance = max(bound, 4 * rounding if rounding < 1 else 0.0)
        return cls(native, wide, noisy, wide_noisy, outputs, wide_outputs, tolerance)

    def native_change(self, moves: Iterable[TensorMove]) -> float:
        """Relative change of the output by moves, in the model's precision."""
        outputs = run(self.native, self.native_inputs, replaced(self.native, moves))
        return relative_error(self.native_outputs, outputs)

    def wide_change(self, moves: Iterable[TensorMove]) -> float:
        """Relative change of the output by moves, in float64."""
        outputs = run(self.wide, self.wide_inputs, replaced(self.wide, moves))
        return relative_error(self.wide_outputs, outputs)


def verify(model: nn.Module, permuted: nn.Module, example_inputs: object) -> VerifyReport:
    """Compare a permuted model with its original; neither is changed.

    The inputs are the examples with seeded noise added. As a negative control, the input
    axes of the permuted weights are moved on by one, which must change the output.

    Raises:
        VerificationError: one of the two cannot be run, or they have different tensors.
        CaptureError: the example inputs are nothing that a model can be called with.
    """
    reference = Reference.of(model, Inputs.of(example_inputs))
    native, wide = copied(permuted), copied(permuted).double()
    controls = _wrong_moves(model, permuted)
    wide_outputs = run(wide, reference.wide_inputs)
    wrong = run(wide, reference.wide_inputs, replaced(wide, controls))
    return VerifyReport(
        native_error=relative_error(reference.native_outputs, run(native, reference.native_inputs)),
        float64_error=relative_error(reference.wide_outputs, wide_outputs),
        control_change=relative_error(reference.wide_outputs, wrong),
        native_tolerance=reference.tolerance,
    )


def copied(model: nn.Module) -> nn.Module:
    """A deep copy.

    Raises:
        VerificationError: the model cannot be copied.
    """
    try:
        return copy.deepcopy(model)
    except Exception as problem:
        raise VerificationError(
            f"{type(model).__name__} cannot be copied ({type(problem).__name__}: {problem}); "
            "permviz never works on the model itself."
        ) from problem


def replaced(model: nn.Module, moves: Iterable[TensorMove]) -> dict[str, Tensor]:
    """The tensors that the moves change, as they are afterwards."""
    tensors = dict(named_tensors(model))
    changed: dict[str, Tensor] = {}
    for move in moves:
        before = changed.get(move.tensor, tensors[move.tensor].detach())
        changed[move.tensor] = moved(before, move)
    return changed


def _wrong_moves(model: nn.Module, permuted: nn.Module) -> list[TensorMove]:
    """Move on the input axis of every weight that was permuted, or of all if none was."""
    before, after = dict(named_tensors(model)), dict(named_tensors(permuted))
    if {name: t.shape for name, t in before.items()} != {n: t.shape for n, t in after.items()}:
        raise VerificationError(
            "The two models have different parameters or shapes; "
            "verify a model that was made from the original by permuting it."
        )
    readers = [name for name, t in before.items() if t.ndim > 1 and t.shape[1] > 1]
    changed = [name for name in readers if not torch.equal(before[name], after[name])]
    return [
        TensorMove(name, 1, None, _rolled(before[name].shape[1])) for name in changed or readers
    ]


def _rolled(size: int) -> Permutation:
    return Permutation(torch.arange(size).roll(1).numpy())
