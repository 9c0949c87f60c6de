"""What a comparison of a permuted model with its original has found."""

from dataclasses import dataclass

FLOAT64_TOLERANCE = 1e-10
# A model that turns one rounding step of its weights into more is held to that, up to here.
WORST_TOLERANCE = 1e-6
# A wrong permutation must stand out clearly from rounding before a check counts: times this.
VISIBLE = 100


@dataclass(frozen=True, slots=True)
class OutputError:
    """Difference of one output; errors are relative to its largest magnitude.

    Attributes:
        name: of the output, such as ``logits`` or ``boxes.0``.
        native_error: in the model's own precision.
        float64_error: in float64.
    """

    name: str
    native_error: float
    float64_error: float


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """Comparison of a permuted model with its original; all errors are relative.

    Attributes:
        native_error: difference of the outputs in the model's own precision.
        float64_error: difference of the outputs when both are run in float64.
        control_change: difference in float64 after deliberately moving channels wrongly.
        native_tolerance: bound for `native_error`: that of the type, or four times the
            model's own rounding error where that is larger.
        float64_tolerance: bound for `float64_error`: 1e-10, or 16 times what one rounding step
            of every weight changes where that is more, but at most 1e-6.
        by_output: the same errors for each output that counts.
        left_out: outputs that do not count.
        casts: casts to a narrower type inside the model that the float64 runs leave out, so
            that they stay comparable at 1e-10; the native runs contain them.
    """

    native_error: float
    float64_error: float
    control_change: float
    native_tolerance: float
    float64_tolerance: float = FLOAT64_TOLERANCE
    by_output: tuple[OutputError, ...] = ()
    left_out: tuple[str, ...] = ()
    casts: int = 0

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
        return self.control_change <= VISIBLE * self.float64_tolerance

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
        if self.casts:
            plural = "cast" if self.casts == 1 else "casts"
            found += f", {self.casts} {plural} to a narrower type left out"
        if not self.equal:
            return f"The permuted model computes something else{self._where}: {found}."
        if self.vacuous:
            return (
                "The check is vacuous: even wrongly permuted weights changed the output by "
                f"only {self.control_change:.1e}."
            )
        return (
            f"The output is unchanged: {found}; "
            f"a wrong permutation changes it by {self.control_change:.1e}."
            + (f" Not counted: {', '.join(self.left_out)}." if self.left_out else "")
        )

    @property
    def _where(self) -> str:
        """The outputs that differ, if not all of them do."""
        wrong = [
            item.name
            for item in self.by_output
            if not item.native_error <= self.native_tolerance
            or not item.float64_error <= self.float64_tolerance
        ]
        return f" in {', '.join(wrong)}" if 0 < len(wrong) < len(self.by_output) else ""
