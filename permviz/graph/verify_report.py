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
class GroupError:
    """Difference of the outputs when one channel group alone is permuted; relative.

    Attributes:
        name: of the group.
        native_error: in the model's own precision.
        float64_error: in float64.
        control_change: in float64, after moving the channels on one side alone.
        together: how many groups moved in that run: 1, or more where there are so many groups
            that a run for each would take too long. Their errors are the same then.
    """

    name: str
    native_error: float
    float64_error: float
    control_change: float
    together: int = 1


@dataclass(frozen=True, slots=True)
class SetAside:
    """A channel group that did not hold and stays in its order.

    Attributes:
        name: of the group.
        reason: one sentence.
    """

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """Comparison of a permuted model with its original; all errors are relative.

    Attributes:
        native_error: difference of the outputs in the model's own precision.
        float64_error: difference of the outputs when both are run in float64.
        control_change: difference in float64 after deliberately moving channels wrongly.
        native_tolerance: bound for `native_error`: that of the type, or four times the
            model's own rounding error or `response` where that is larger.
        float64_tolerance: bound for `float64_error`: 1e-10, or 16 times what one rounding step
            of every weight changes where that is more, but at most 1e-6.
        by_output: the same errors for each output that counts.
        left_out: outputs that do not count.
        casts: casts to a narrower type inside the model that the float64 runs leave out, so
            that they stay comparable at 1e-10; the native runs contain them.
        by_group: the same errors for each channel group alone, where the groups are known.
        set_aside: groups that did not hold, which the comparison leaves where they are.
        response: what moving every weight by some rounding steps changes in the model's own
            precision; measured only where `native_error` asks for it, else 0.
    """

    native_error: float
    float64_error: float
    control_change: float
    native_tolerance: float
    float64_tolerance: float = FLOAT64_TOLERANCE
    by_output: tuple[OutputError, ...] = ()
    left_out: tuple[str, ...] = ()
    casts: int = 0
    by_group: tuple[GroupError, ...] = ()
    set_aside: tuple[SetAside, ...] = ()
    response: float = 0.0

    @property
    def equal(self) -> bool:
        """Whether all errors, those of single groups too, are within their bounds."""
        return self._within(self) and not self.failing

    @property
    def failing(self) -> tuple[str, ...]:
        """Names of the groups that change the output by themselves."""
        return tuple(item.name for item in self.by_group if not self._within(item))

    @property
    def unseen(self) -> tuple[str, ...]:
        """Names of the groups of which even a wrong permutation changed nothing."""
        return tuple(item.name for item in self.by_group if not self._visible(item.control_change))

    @property
    def vacuous(self) -> bool:
        """Whether even a wrong permutation changed nothing, so that equality means nothing."""
        return not self._visible(self.control_change) or bool(self.unseen)

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
            which = f" of {', '.join(self.unseen)}" if self.unseen else ""
            return (
                f"The check is vacuous: even wrongly permuted weights{which} changed the output by "
                f"only {self._least:.1e}."
            )
        return (
            f"The output is unchanged: {found}; "
            f"a wrong permutation changes it by {self.control_change:.1e}." + self._remarks
        )

    @property
    def _least(self) -> float:
        return min([self.control_change, *(item.control_change for item in self.by_group)])

    @property
    def _remarks(self) -> str:
        told: list[str] = []
        if self.response:
            told.append(
                "In its own precision the model itself answers rounding of its weights by "
                f"{self.response:.1e}, so that only float64 is sharp."
            )
        if self.left_out:
            told.append(f"Not counted: {', '.join(self.left_out)}.")
        if self.set_aside:
            told.append(f"Set aside: {', '.join(item.name for item in self.set_aside)}.")
        return "".join(f" {sentence}" for sentence in told)

    def _within(self, item: "OutputError | GroupError | VerifyReport") -> bool:
        return (
            item.native_error <= self.native_tolerance
            and item.float64_error <= self.float64_tolerance
        )

    def _visible(self, change: float) -> bool:
        return change > VISIBLE * self.float64_tolerance

    @property
    def _where(self) -> str:
        """The groups or outputs that differ, if not all of them do."""
        outputs = [item.name for item in self.by_output if not self._within(item)]
        where = f" by {', '.join(self.failing)}" if self.failing else ""
        if 0 < len(outputs) < len(self.by_output):
            where += f" in {', '.join(outputs)}"
        return where
