"""A model with its outputs, natively and in float64, that permuted models are compared with."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from permviz.core.plan import TensorMove
from permviz.errors import VerificationError
from permviz.graph.apply import moved
from permviz.graph.calling import Inputs
from permviz.graph.capture import named_tensors
from permviz.graph.conditioning import shaken, shakings
from permviz.graph.outputs import precision, probe, relative_error, run, run_wide, widened
from permviz.graph.selection import Counted
from permviz.graph.verify_report import (
    FLOAT64_TOLERANCE,
    VISIBLE,
    WORST_TOLERANCE,
    GroupError,
    OutputError,
    VerifyReport,
)
from permviz.graph.wrappers import duplicate, in_double

TOLERANCE = {
    torch.float64: FLOAT64_TOLERANCE,
    torch.float32: 1e-5,
    torch.float16: 1e-2,
    torch.bfloat16: 5e-2,
}


@dataclass(frozen=True, slots=True)
class Reference:
    """A model with its outputs, natively and in float64, to compare others with."""

    native: nn.Module
    wide: nn.Module
    native_inputs: Inputs
    wide_inputs: Inputs
    native_outputs: Counted
    wide_outputs: Counted
    tolerance: float
    wide_tolerance: float
    casts: int
    response: float = 0.0

    @property
    def visible(self) -> float:
        """What a wrong permutation must change the output by in float64 for a check to count."""
        return VISIBLE * self.wide_tolerance

    @classmethod
    def of(cls, model: nn.Module, inputs: Inputs) -> "Reference":
        """Run a copy of the model both ways.

        Raises:
            VerificationError: the model cannot be run.
        """
        native, wide = copied(model), in_double(copied(model))
        noisy = probe(inputs)
        wide_noisy = widened(noisy)
        outputs, (wide_outputs, casts) = run(native, noisy), run_wide(wide, wide_noisy)
        rounding = relative_error(wide_outputs.tensors, outputs.tensors)
        bound = TOLERANCE.get(precision(model), FLOAT64_TOLERANCE)
        moved_on, _ = run_wide(wide, wide_noisy, shaken(wide))
        shift = relative_error(wide_outputs.tensors, moved_on.tensors)
        return cls(
            native=native,
            wide=wide,
            native_inputs=noisy,
            wide_inputs=wide_noisy,
            native_outputs=outputs,
            wide_outputs=wide_outputs,
            tolerance=max(bound, 4 * rounding if rounding < 1 else 0.0),
            wide_tolerance=min(max(FLOAT64_TOLERANCE, 16 * shift), WORST_TOLERANCE),
            casts=casts,
        )

    def native_change(self, moves: Iterable[TensorMove]) -> float:
        """Relative change of the output by moves, in the model's precision."""
        outputs = run(self.native, self.native_inputs, replaced(self.native, moves))
        return relative_error(self.native_outputs.tensors, outputs.tensors)

    def wide_change(self, moves: Iterable[TensorMove]) -> float:
        """Relative change of the output by moves, in float64."""
        outputs, _ = run_wide(self.wide, self.wide_inputs, replaced(self.wide, moves))
        return relative_error(self.wide_outputs.tensors, outputs.tensors)

    def explaining(self, change: float) -> "Reference":
        """The same with a native tolerance that covers a change, if the model accounts for it.

        It does if moving every weight by some rounding steps changes the native outputs by a
        quarter of as much. What is left to compare then is float64.
        """
        response = self.response
        for moved_on in shakings(self.native):
            if change <= max(self.tolerance, 4 * response) or change == float("inf"):
                break
            outputs = run(self.native, self.native_inputs, moved_on)
            response = max(response, relative_error(self.native_outputs.tensors, outputs.tensors))
        if change > max(self.tolerance, 4 * response):
            return self
        return replace(self, tolerance=max(self.tolerance, 4 * response), response=response)

    def compared(
        self,
        native: Sequence[Tensor],
        wide: Sequence[Tensor],
        control_change: float,
        by_group: tuple[GroupError, ...] = (),
    ) -> VerifyReport:
        """Compare the outputs of a permuted model, one by one and together."""
        change = relative_error(self.native_outputs.tensors, native)
        worst = max([change, *(item.native_error for item in by_group)])
        report = _report(self.explaining(worst), native, wide, control_change)
        return replace(report, by_group=by_group)


def copied(model: nn.Module) -> nn.Module:
    """A deep copy.

    Raises:
        VerificationError: the model cannot be copied.
    """
    try:
        return duplicate(model)
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


def _report(
    reference: Reference, native: Sequence[Tensor], wide: Sequence[Tensor], control_change: float
) -> VerifyReport:
    ours, theirs = (reference.native_outputs, reference.wide_outputs), (native, wide)
    errors = [relative_error(one.tensors, other) for one, other in zip(ours, theirs, strict=True)]
    each = [
        [relative_error([x], [y]) for x, y in zip(one.tensors, other, strict=False)]
        for one, other in zip(ours, theirs, strict=True)
    ]
    named = zip(reference.native_outputs.names, *each, strict=False)
    return VerifyReport(
        native_error=errors[0],
        float64_error=errors[1],
        control_change=control_change,
        native_tolerance=reference.tolerance,
        float64_tolerance=reference.wide_tolerance,
        by_output=tuple(OutputError(*item) for item in named),
        left_out=reference.native_outputs.left_out,
        casts=reference.casts,
        response=reference.response,
    )
