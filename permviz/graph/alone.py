"""What permuting single channel groups changes, each by itself."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from permviz.core.permutation import Permutation
from permviz.core.plan import TensorMove
from permviz.graph.apply import occurrence_moves
from permviz.graph.reference import Reference
from permviz.graph.types import ChannelGroup, Occurrence
from permviz.graph.verify_report import GroupError

# A run in each precision for every group of a model with hundreds would take minutes.
RUNS = 32
Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Moved:
    """A group with the order that it is tried in.

    Attributes:
        group: the channel group.
        order: of its channels.
        control: what moving one side alone changes, where that is known.
    """

    group: ChannelGroup = field(repr=False)
    order: Permutation = field(repr=False)
    control: float | None = None


def alone(
    reference: Reference, groups: Sequence[Moved], on_progress: Progress
) -> tuple[GroupError, ...]:
    """Permute every group by itself, or a few at a time if there are more than `RUNS`.

    `on_progress` is called with the share done, 0 to 1.
    """
    errors: list[GroupError] = []
    for part in _parts(groups):
        on_progress(len(errors) / len(groups))
        errors += _errors(reference, part)
    return tuple(errors)


def control(reference: Reference, groups: Sequence[Moved]) -> float:
    """What moving the channels on one side alone changes in float64.

    Natively it would be cheaper, but a jump by rounding there would pass for a change.
    """
    return reference.wide_change(_moves(reference, groups, one_side=True))


def _parts(groups: Sequence[Moved]) -> Iterator[Sequence[Moved]]:
    size = -(-len(groups) // RUNS)
    for start in range(0, len(groups), max(size, 1)):
        yield groups[start : start + size]


def _errors(reference: Reference, part: Sequence[Moved]) -> Iterator[GroupError]:
    moves = _moves(reference, part)
    native, wide = reference.native_change(moves), reference.wide_change(moves)
    shared = control(reference, part) if any(item.control is None for item in part) else 0.0
    for item in part:
        change = shared if item.control is None else item.control
        yield GroupError(item.group.name, native, wide, change, len(part))


def _moves(
    reference: Reference, groups: Sequence[Moved], *, one_side: bool = False
) -> tuple[TensorMove, ...]:
    places = [
        (place, item.order)
        for item in groups
        for place in (_one_side(item.group) if one_side else item.group.occurrences)
    ]
    return occurrence_moves(reference.native, places)


def _one_side(group: ChannelGroup) -> Sequence[Occurrence]:
    return group.consumers or group.occurrences[:1]
