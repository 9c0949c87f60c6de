import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from permviz.core.pattern import NMPattern
from permviz.core.permutation import Permutation
from permviz.core.plan import PermutationPlan, PlannedGroup, TensorMove
from permviz.errors import PlanError


def some_plan(seed=0, channels=8):
    permutation = Permutation.random(channels, np.random.default_rng(seed))
    return PermutationPlan(
        fingerprint="sha256:before",
        result_fingerprint="sha256:after",
        pattern=NMPattern(2, 4),
        by_group={"a": PlannedGroup(permutation, "osg(stripes=2, escapes=0)", 3, 1.0, 2.0, 4.0)},
        moves=(
            TensorMove("a.weight", 1, None, permutation),
            TensorMove("b.weight", 1, (0, 4), permutation),
        ),
        provenance={"importance": "magnitude"},
    )


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_json_round_trip(seed, channels):
    plan = some_plan(seed, channels)
    assert PermutationPlan.from_json(plan.to_json()) == plan


def test_the_inverse_undoes_every_move():
    plan = some_plan()
    back = plan.inverse()
    assert (back.fingerprint, back.result_fingerprint) == ("sha256:after", "sha256:before")
    for move, undo in zip(plan.moves, back.moves, strict=True):
        assert move.permutation.compose(undo.permutation).is_identity
    assert back.inverse() == plan


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", '{"format": "other"}', "{" * 50, "[" * 100_000]
)
def test_other_files_are_no_plans(text):
    with pytest.raises(PlanError):
        PermutationPlan.from_json(text)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("tensors", 0, "order"), [0, 0, 1, 2, 3, 4, 5, 6]),
        (("tensors", 0, "inverse"), list(range(8))),
        (("groups", "a", "order"), "no"),
        (("pattern",), "4:2"),
        (("tensors", 1, "rows"), ["x"]),
    ],
)
def test_a_changed_plan_is_refused(path, value):
    data = json.loads(some_plan().to_json())
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(PlanError):
        PermutationPlan.from_json(json.dumps(data))
