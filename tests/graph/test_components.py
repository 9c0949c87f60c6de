import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from permviz.graph.components import repeats, solve
from permviz.graph.labels import Cause
from permviz.graph.ledger import Column, Ledger


def column(labels: list[int], index: list[int] | None = None) -> Column:
    picked = range(len(labels)) if index is None else index
    return Column(np.array(labels), np.array([*picked], dtype=np.int64))


@given(st.lists(st.integers(0, 4), max_size=12))
def test_repeats_count_equal_elements_before(values: list[int]) -> None:
    counted = [values[:place].count(value) for place, value in enumerate(values)]
    assert repeats(np.array(values, dtype=np.int64)).tolist() == counted


def test_nothing_is_solved_for_a_model_without_parameters() -> None:
    assert solve(Ledger()).count == 0


def test_tied_atoms_are_one_channel() -> None:
    ledger = Ledger()
    ledger.add_axis("a", (3,), 0)
    ledger.add_axis("b", (3,), 0)
    ledger.relate([column([0, 1, 2]), column([5, 4, 3])])
    solved = solve(ledger)
    assert solved.count == 3
    assert solved.of[[0, 1, 2]].tolist() == solved.of[[5, 4, 3]].tolist()
    assert len(set(solved.alike.tolist())) == 1


def test_marks_tell_channels_apart() -> None:
    ledger = Ledger()
    ledger.add_axis("a", (4,), 0)
    ledger.relate([column([0, 1, 2, 3], [0, 1])])
    alike = solve(ledger).alike
    assert alike[0] == alike[1] != alike[2] == alike[3]


def test_coordinates_separate_channels_that_remain_siblings() -> None:
    ledger = Ledger()
    ledger.add_axis("a", (4,), 0)
    ledger.relate([column([0, 1, 2, 3])], [np.array([0, 0, 1, 1])])
    solved = solve(ledger)
    assert solved.alike[0] == solved.alike[1] != solved.alike[2] == solved.alike[3]
    assert len(set(solved.siblings.tolist())) == 1


def test_repeats_in_another_order_are_not_alike() -> None:
    # Both channels stand twice in the value, but the second axis holds them crosswise.
    ledger = Ledger()
    ledger.add_axis("a", (2,), 0)
    value, other = [0, 1, 0, 1], [0, 1, 0, 1]
    ledger.relate([column(value), column(other, [0, 3, 2, 1])])
    solved = solve(ledger)
    assert solved.alike[0] != solved.alike[1]


def test_the_first_reason_of_any_tied_atom_freezes_a_channel() -> None:
    ledger = Ledger()
    ledger.add_axis("a", (2,), 0)
    ledger.add_axis("b", (2,), 0)
    ledger.relate([column([0, 1]), column([2, 3])])
    ledger.freeze(np.array([3]), Cause("first"))
    ledger.freeze(np.array([0, 1]), Cause("second"))
    solved = solve(ledger)
    reasons = [solved.causes[solved.frozen[solved.of[atom]]].reason for atom in range(2)]
    assert reasons == ["second", "first"]
