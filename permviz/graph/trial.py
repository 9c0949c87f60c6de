"""Trying every group out on the model itself, and setting aside those that do not hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from torch import nn

from permviz.core.permutation import Permutation
from permviz.core.plan import TensorMove
from permviz.errors import VerificationError
from permviz.graph.alone import Moved, Progress, alone, control
from permviz.graph.apply import occurrence_moves
from permviz.graph.calling import Inputs
from permviz.graph.labels import Cause
from permviz.graph.outputs import run, run_wide
from permviz.graph.reference import Reference, replaced
from permviz.graph.types import ChannelGroup, Occurrence
from permviz.graph.verify_report import GroupError, SetAside, VerifyReport

# A wrong group may survive one order by accident, such as one that keeps its pairs.
ROUNDS = 2
VACUOUS = Cause("The check is vacuous: wrongly permuted channels do not change the output.")
BOUNDLESS = Cause(
    "Could not be verified: all outputs are NaN or infinite; repair the weights, or analyze with "
    "other example inputs."
)
Places = Mapping[str, Sequence[Occurrence]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What trying the groups out has shown.

    Attributes:
        failed: why groups do not hold, by name.
        report: all groups that hold, permuted at random together; None if none does or the
            model cannot be run.
        controls: by group, how much moving its channels on one side alone changes the
            output in float64.
    """

    failed: Mapping[str, Cause]
    report: VerifyReport | None = None
    controls: Mapping[str, float] = field(default_factory=dict[str, float])


def tried(
    model: nn.Module, inputs: Inputs, groups: Sequence[ChannelGroup], on_progress: Progress
) -> Outcome:
    """Permute all groups at random at once, and find those that change the output.

    A group also fails if moving its channels on one side alone changes nothing, because
    then no check can tell a right permutation from a wrong one.
    """
    if not groups:
        return Outcome({})
    try:
        reference = Reference.of(model, inputs)
    except VerificationError as problem:
        return Outcome({group.name: Cause(f"Could not be verified: {problem}") for group in groups})
    if not _finite(reference):
        return Outcome({group.name: BOUNDLESS for group in groups})
    trial = _Trial(reference, tuple(_orders(groups, seed) for seed in range(ROUNDS)))
    failed = trial.failing(groups)
    controls: dict[str, float] = {}
    for done, group in enumerate(groups):
        on_progress(done / len(groups) / 2)
        if group.name in failed:
            continue
        controls[group.name] = trial.control(group)
        if controls[group.name] <= trial.reference.visible:
            failed[group.name] = VACUOUS
    held = [group for group in groups if group.name not in failed]
    by_group = trial.alone(held, controls, failed, lambda part: on_progress((1 + part) / 2))
    held = [group for group in held if group.name not in failed]
    if not held:
        return Outcome(failed, None, controls)
    report = trial.report(held, min(controls[group.name] for group in held), by_group)
    aside = tuple(SetAside(name, cause.reason) for name, cause in failed.items())
    return Outcome(failed, replace(report, set_aside=aside), controls)


@dataclass(slots=True)
class _Trial:
    reference: Reference
    rounds: tuple[Mapping[str, Permutation], ...] = field(repr=False)

    def failing(self, groups: Sequence[ChannelGroup]) -> dict[str, Cause]:
        suspects = self._suspects(groups)
        failed = {
            name: Cause(f"Permuting it changed the output by {error:.1e}.")
            for name, error in suspects.items()
        }
        rest = [group for group in groups if group.name not in failed]
        if failed and rest and (error := self._error(rest)):
            together = Cause(f"Permuting it with other groups changed the output by {error:.1e}.")
            failed |= {group.name: together for group in rest}
        return failed

    def control(self, group: ChannelGroup) -> float:
        """How much moving one side of the channels alone changes the output."""
        return control(self.reference, [Moved(group, self.rounds[0][group.name])])

    def alone(
        self,
        groups: Sequence[ChannelGroup],
        controls: Mapping[str, float],
        failed: dict[str, Cause],
        on_progress: Progress,
    ) -> tuple[GroupError, ...]:
        """Errors of each group by itself; those that do not hold join the failed ones."""
        listed = [Moved(g, self.rounds[0][g.name], controls[g.name]) for g in groups]
        found = alone(self.reference, listed, on_progress)
        for item in found:
            if not self._holds(item):
                error = max(item.native_error, item.float64_error)
                failed[item.name] = Cause(f"Permuting it changed the output by {error:.1e}.")
        return tuple(item for item in found if item.name not in failed)

    def report(
        self, groups: Sequence[ChannelGroup], control: float, by_group: tuple[GroupError, ...]
    ) -> VerifyReport:
        """Permute these groups together, by the first round's orders."""
        places = {group.name: group.occurrences for group in groups}
        moves = self._moves(places, self.rounds[0])
        reference = self.reference
        native = run(reference.native, reference.native_inputs, replaced(reference.native, moves))
        wide, _ = run_wide(reference.wide, reference.wide_inputs, replaced(reference.wide, moves))
        return reference.compared(native.tensors, wide.tensors, control, by_group)

    def _holds(self, item: GroupError) -> bool:
        return item.float64_error <= self.reference.wide_tolerance and self._explained(
            item.native_error
        )

    def _explained(self, change: float) -> bool:
        """Whether a native change is rounding, as the model itself answers it."""
        if change > self.reference.tolerance:
            self.reference = self.reference.explaining(change)
        return change <= self.reference.tolerance

    def _suspects(self, groups: Sequence[ChannelGroup]) -> dict[str, float]:
        """Halve the groups until those that change the output stand alone."""
        error = self._error(groups)
        if not error:
            return {}
        if len(groups) == 1:
            return {groups[0].name: error}
        half = len(groups) // 2
        return self._suspects(groups[:half]) | self._suspects(groups[half:])

    def _error(self, groups: Sequence[ChannelGroup]) -> float:
        """How much permuting these groups changes the output; 0 within the tolerances.

        Equality in float64 is the proof. A native difference beyond its bound counts unless
        the model makes as much of rounding alone, as where a router nearly ties.
        """
        places = {group.name: group.occurrences for group in groups}
        for orders in self.rounds:
            wide = self.reference.wide_change(self._moves(places, orders))
            if wide > self.reference.wide_tolerance:
                return wide
        native = self.reference.native_change(self._moves(places, self.rounds[0]))
        return 0.0 if self._explained(native) else native

    def _moves(self, places: Places, orders: Mapping[str, Permutation]) -> tuple[TensorMove, ...]:
        chosen = [(place, orders[name]) for name in places for place in places[name]]
        return occurrence_moves(self.reference.native, chosen)


def _finite(reference: Reference) -> bool:
    return any(bool(tensor.isfinite().any()) for tensor in reference.wide_outputs.tensors)


def _orders(groups: Sequence[ChannelGroup], seed: int) -> Mapping[str, Permutation]:
    return {group.name: _shuffled(group, [seed, place]) for place, group in enumerate(groups)}


def _shuffled(group: ChannelGroup, seed: Sequence[int]) -> Permutation:
    """A random permutation that moves every channel, inside its block."""
    rng = np.random.default_rng(seed)
    order = np.arange(group.size)
    for block in group.blocks:
        ring = rng.permutation(block)
        order[ring] = np.roll(ring, 1)
    return Permutation(order)
