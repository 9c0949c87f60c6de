"""The proof: a permuted model computes what the original computes, and a wrong one does not."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from permviz.core.permutation import Permutation
from permviz.core.plan import TensorMove
from permviz.errors import VerificationError
from permviz.graph.apply import moved
from permviz.graph.calling import Forward, Inputs
from permviz.graph.capture import canonical_names, named_tensors
from permviz.graph.outputs import SEED, precision, probe, relative_error, run, run_wide, widened
from permviz.graph.selection import Choice, Counted
from permviz.graph.verify_report import (
    FLOAT64_TOLERANCE,
    VISIBLE,
    WORST_TOLERANCE,
    OutputError,
    VerifyReport,
)
from permviz.graph.wrappers import bare, duplicate

__all__ = ["OutputError", "Reference", "VerifyReport", "verify"]

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
        native, wide = copied(model), copied(model).double()
        noisy = probe(inputs)
        wide_noisy = widened(noisy)
        outputs, (wide_outputs, casts) = run(native, noisy), run_wide(wide, wide_noisy)
        rounding = relative_error(wide_outputs.tensors, outputs.tensors)
        bound = TOLERANCE.get(precision(model), FLOAT64_TOLERANCE)
        shaken, _ = run_wide(wide, wide_noisy, _shaken(wide))
        shift = relative_error(wide_outputs.tensors, shaken.tensors)
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

    def report(
        self, native: Sequence[Tensor], wide: Sequence[Tensor], control_change: float
    ) -> VerifyReport:
        """Compare the outputs of a permuted model, one by one and together."""
        ours, theirs = (self.native_outputs, self.wide_outputs), (native, wide)
        errors = [
            relative_error(one.tensors, other) for one, other in zip(ours, theirs, strict=True)
        ]
        each = [
            [relative_error([x], [y]) for x, y in zip(one.tensors, other, strict=False)]
            for one, other in zip(ours, theirs, strict=True)
        ]
        named = zip(self.native_outputs.names, *each, strict=False)
        return VerifyReport(
            native_error=errors[0],
            float64_error=errors[1],
            control_change=control_change,
            native_tolerance=self.tolerance,
            float64_tolerance=self.wide_tolerance,
            by_output=tuple(OutputError(*item) for item in named),
            left_out=self.native_outputs.left_out,
            casts=self.casts,
        )


def verify(
    model: nn.Module,
    permuted: nn.Module,
    example_inputs: object,
    *,
    forward: Forward | None = None,
    outputs: Choice = None,
) -> VerifyReport:
    """Compare a permuted model with its original; neither is changed.

    The inputs are the examples with seeded noise added. As a negative control, the input
    axes of the permuted weights are moved on by one, which must change the output.

    Args:
        model: the original.
        permuted: what was made of it.
        example_inputs: a tensor, a tuple (positional) or a dict (keyword), or the
            `example_inputs` of a `ChannelGraph`, which remember the next two.
        forward: what runs the model instead of its own forward.
        outputs: which outputs count: names, places, or a function of the whole output.

    Raises:
        VerificationError: one of the two cannot be run, or they have different tensors.
        CaptureError: the example inputs are nothing that a model can be called with.
    """
    model, permuted = bare(model), bare(permuted)
    reference = Reference.of(model, Inputs.of(example_inputs, forward, outputs))
    native, wide = copied(permuted), copied(permuted).double()
    controls = _wrong_moves(model, permuted)
    found, _ = run_wide(wide, reference.wide_inputs)
    wrong, _ = run_wide(wide, reference.wide_inputs, replaced(wide, controls))
    return reference.report(
        run(native, reference.native_inputs).tensors,
        found.tensors,
        relative_error(reference.wide_outputs.tensors, wrong.tensors),
    )


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


def _shaken(model: nn.Module) -> dict[str, Tensor]:
    """Every weight moved by a rounding step, up or down at random: what order of sums costs."""
    generator = torch.Generator().manual_seed(SEED)
    step = torch.finfo(torch.float64).eps
    tensors = dict(named_tensors(model))
    changed: dict[str, Tensor] = {}
    for name in dict.fromkeys(canonical_names(model).values()):
        tensor = tensors[name].detach()
        if tensor.dtype == torch.float64:
            signs = torch.randint(2, tensor.shape, generator=generator).to(tensor) * 2 - 1
            changed[name] = tensor * (1 + step * signs)
    return changed


def _wrong_moves(model: nn.Module, permuted: nn.Module) -> list[TensorMove]:
    """Move on the input axis of every weight that was permuted, or of all if none was."""
    before, after = dict(named_tensors(model)), dict(named_tensors(permuted))
    if {name: t.shape for name, t in before.items()} != {n: t.shape for n, t in after.items()}:
        raise VerificationError(
            "The two models have different parameters or shapes; "
            "verify a model that was made from the original by permuting it."
        )
    # A tied weight moves once, under its first name.
    once = dict.fromkeys(canonical_names(model).values())
    readers = [name for name in once if before[name].ndim > 1 and before[name].shape[1] > 1]
    changed = [name for name in readers if not torch.equal(before[name], after[name])]
    return [
        TensorMove(name, 1, None, _rolled(before[name].shape[1])) for name in changed or readers
    ]


def _rolled(size: int) -> Permutation:
    return Permutation(torch.arange(size).roll(1).numpy())
