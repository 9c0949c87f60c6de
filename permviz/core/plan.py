"""A plan: which permutation every channel group gets, and what that means for every tensor.

A plan is a value. It names the model that it was made for by fingerprint, says which
tensor axes move and how, turns into JSON and back, and can be inverted.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from html import escape
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from permviz.core.pattern import NMPattern
from permviz.core.permutation import Permutation
from permviz.core.picture import bar, table
from permviz.core.score import efficacy_percent
from permviz.errors import PermvizError, PlanError

FORMAT = "permviz.plan/1"


@dataclass(frozen=True, slots=True)
class TensorMove:
    """One axis of one tensor is reordered: new index `i` takes old index `order[i]`.

    Attributes:
        tensor: name in the model's state dict.
        axis: which axis moves.
        rows: for a grouped convolution's input axis, the half-open range of axis 0 that
            this move is for; None for all rows.
        permutation: order over the whole axis.
    """

    tensor: str
    axis: int
    rows: tuple[int, int] | None
    permutation: Permutation = field(repr=False)

    def inverse(self) -> "TensorMove":
        """The move that undoes this one."""
        return replace(self, permutation=self.permutation.inverse())


@dataclass(frozen=True, slots=True)
class PlannedGroup:
    """The order chosen for one channel group, and how it was found.

    Attributes:
        permutation: the order of the group's channels.
        strategy: strategy with its parameters, or ``given``.
        seed: seed of the search.
        baseline: retained score of the group's order as given.
        retained: retained score of the chosen order.
        row_optimum: retained score that nothing can exceed.
    """

    permutation: Permutation = field(repr=False)
    strategy: str
    seed: int
    baseline: float
    retained: float
    row_optimum: float


@dataclass(frozen=True, slots=True)
class PermutationPlan:
    """Permutations of a model's channel groups, bound to that model.

    Attributes:
        fingerprint: of the model that the plan permutes.
        result_fingerprint: of the permuted model.
        pattern: the N:M pattern that the orders were searched for.
        by_group: the chosen order of each channel group, by group name.
        moves: the same as moves of tensor axes; all that applying a plan needs.
        provenance: importance, versions and whatever else explains the plan; JSON values.
    """

    fingerprint: str
    result_fingerprint: str
    pattern: NMPattern
    by_group: Mapping[str, PlannedGroup]
    moves: tuple[TensorMove, ...]
    provenance: Mapping[str, Any]

    def inverse(self) -> Self:
        """The plan that turns the permuted model back into the original."""
        undone = {
            name: replace(
                group,
                permutation=group.permutation.inverse(),
                baseline=group.retained,
                retained=group.baseline,
            )
            for name, group in self.by_group.items()
        }
        return replace(
            self,
            fingerprint=self.result_fingerprint,
            result_fingerprint=self.fingerprint,
            by_group=undone,
            moves=tuple(move.inverse() for move in self.moves),
        )

    def to_json(self) -> str:
        """Write the plan as JSON text, permutations and their inverses by tensor included."""
        return json.dumps(
            {
                "format": FORMAT,
                "fingerprint": self.fingerprint,
                "result_fingerprint": self.result_fingerprint,
                "pattern": str(self.pattern),
                "groups": {name: _group_json(group) for name, group in self.by_group.items()},
                "tensors": [_move_json(move) for move in self.moves],
                "provenance": dict(self.provenance),
            },
            indent=1,
        )

    @property
    def stacks(self) -> Mapping[str, int]:
        """Input axes of the stacks of expert matrices that the model has, by name.

        Raises:
            PlanError: they are not that.
        """
        found: object = self.provenance.get("stacks", {})
        listed = cast("dict[object, object]", found) if isinstance(found, dict) else {"": None}
        axes = {name: axis for name, axis in listed.items() if isinstance(name, str)}
        if not all(type(axis) is int for axis in axes.values()):
            raise PlanError(f"The plan's stacks are {found!r}; names with an axis are expected.")
        return cast("dict[str, int]", axes)

    @property
    def efficacy(self) -> float:
        """Efficacy over all its groups together, in percent."""
        groups = self.by_group.values()
        baseline, retained, most = (
            sum(getattr(group, name) for group in groups)
            for name in ("baseline", "retained", "row_optimum")
        )
        return efficacy_percent(baseline, retained, most)

    def __repr__(self) -> str:
        strategies = ", ".join(dict.fromkeys(group.strategy for group in self.by_group.values()))
        return (
            f"PermutationPlan({self.pattern}, {len(self.by_group)} channel groups by "
            f"{strategies or 'nothing'}, efficacy {self.efficacy:.2f} %, "
            f"{len(self.moves)} tensor axes, for {self.fingerprint[:15]}...)"
        )

    def _repr_html_(self) -> str:
        """What each group gains, for notebooks."""
        lines = [
            (name, _group_html(group)) for name, group in list(self.by_group.items())[:_MOST_LINES]
        ]
        if (left := len(self.by_group) - len(lines)) > 0:
            lines.append(("", f"and {left} more groups"))
        head = ("plan", f"{self.pattern}, efficacy <b>{self.efficacy:.2f} %</b> over all groups")
        return table([head, *lines])

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a plan from JSON text.

        Raises:
            PlanError: not JSON, not a plan, or a plan that contradicts itself.
        """
        try:
            data = json.loads(text)
            _check_format(data["format"])
            return cls(
                fingerprint=str(data["fingerprint"]),
                result_fingerprint=str(data["result_fingerprint"]),
                pattern=NMPattern.parse(data["pattern"]),
                by_group={name: _group(item) for name, item in data["groups"].items()},
                moves=tuple(_move(item) for item in data["tensors"]),
                provenance=dict(data["provenance"]),
            )
        except PlanError:
            raise
        except (
            PermvizError,
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
            RecursionError,
        ) as problem:
            raise PlanError(
                f"This is not a permutation plan ({type(problem).__name__}: {problem}); "
                "pass the plan.json that an export wrote."
            ) from problem


_MOST_LINES = 20


def _group_html(group: PlannedGroup) -> str:
    """Where the group's order stands between the order as given and the row optimum."""
    gain = efficacy_percent(group.baseline, group.retained, group.row_optimum)
    marks = bar({"order as given": 0.0, "found": gain / 100.0, "row optimum": 1.0})
    return f"{marks} {gain:.1f} %, {len(group.permutation)} channels, {escape(group.strategy)}"


def _check_format(found: object) -> None:
    if found != FORMAT:
        raise PlanError(f"The plan has format {found!r}; {FORMAT!r} is expected.")


def _group_json(group: PlannedGroup) -> dict[str, Any]:
    return {
        "order": group.permutation.tolist(),
        "strategy": group.strategy,
        "seed": group.seed,
        "baseline": group.baseline,
        "retained": group.retained,
        "row_optimum": group.row_optimum,
    }


def _group(data: Mapping[str, Any]) -> PlannedGroup:
    return PlannedGroup(
        permutation=Permutation.of(data["order"]),
        strategy=str(data["strategy"]),
        seed=int(data["seed"]),
        baseline=float(data["baseline"]),
        retained=float(data["retained"]),
        row_optimum=float(data["row_optimum"]),
    )


def _move_json(move: TensorMove) -> dict[str, Any]:
    return {
        "tensor": move.tensor,
        "axis": move.axis,
        "rows": move.rows,
        "order": move.permutation.tolist(),
        "inverse": move.permutation.inverse().tolist(),
    }


def _move(data: Mapping[str, Any]) -> TensorMove:
    forward = Permutation.of(data["order"])
    backward: NDArray[np.int64] = np.asarray(data["inverse"])
    if not np.array_equal(forward.inverse().order, backward):
        raise PlanError(
            f"The plan's order and inverse for {data['tensor']!r} contradict each other; "
            "the file was changed after it was written, export again."
        )
    rows = data["rows"]
    return TensorMove(
        tensor=str(data["tensor"]),
        axis=int(data["axis"]),
        rows=None if rows is None else (int(rows[0]), int(rows[1])),
        permutation=forward,
    )
