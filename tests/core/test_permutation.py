import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from permviz.core.pattern import NMPattern
from permviz.core.permutation import Permutation
from permviz.core.score import retained
from permviz.errors import PermutationError

permutations = st.integers(0, 40).flatmap(
    lambda n: st.permutations(list(range(n))).map(Permutation.of)
)


@given(permutations)
def test_inverse_undoes(permutation):
    assert permutation.compose(permutation.inverse()).is_identity
    assert permutation.inverse().compose(permutation).is_identity
    assert permutation.inverse().inverse() == permutation


@given(permutations, st.integers(0, 2**32 - 1))
def test_compose_means_apply_one_after_the_other(first, seed):
    then = Permutation.random(len(first), np.random.default_rng(seed))
    values = np.arange(len(first)) * 10
    assert np.array_equal(values[first.order][then.order], values[first.compose(then).order])


@given(st.integers(1, 5), st.integers(0, 3), st.integers(0, 2**32 - 1))
def test_canonical_forms_agree_exactly_when_stripes_do(stripes, rest, seed):
    pattern = NMPattern(2, 4)
    rng = np.random.default_rng(seed)
    permutation = Permutation.random(stripes * 4 + rest, rng)
    whole = permutation.order[: stripes * 4].reshape(-1, 4)
    shuffled = rng.permuted(whole[rng.permutation(stripes)], axis=1).ravel()
    other = Permutation(np.concatenate([shuffled, permutation.order[stripes * 4 :]]))
    assert other.canonical(pattern) == permutation.canonical(pattern)
    scores = rng.random((3, len(permutation)))
    canonical = permutation.canonical(pattern)
    assert retained(scores[:, canonical.order], pattern) == pytest.approx(
        retained(scores[:, permutation.order], pattern)
    )


def test_canonical_tells_different_stripes_apart():
    pattern = NMPattern(1, 2)
    assert Permutation.of([0, 1, 2, 3]).canonical(pattern) != Permutation.of(
        [0, 2, 1, 3]
    ).canonical(pattern)


@pytest.mark.parametrize("order", [[0, 0], [1, 2], [0, 2], [-1, 0], [[0, 1]]])
def test_what_is_no_bijection_is_refused(order):
    with pytest.raises(PermutationError, match="exactly once"):
        Permutation.of(order)


def test_fractions_are_refused():
    with pytest.raises(PermutationError, match="pass integers"):
        Permutation.of(np.array([0.0, 1.0]))


def test_different_lengths_do_not_compose():
    with pytest.raises(PermutationError, match="3 and 4"):
        Permutation.identity(3).compose(Permutation.identity(4))


def test_the_order_cannot_be_changed_from_outside():
    source = np.arange(4)
    permutation = Permutation(source)
    source[0] = 3
    assert permutation.is_identity
    with pytest.raises(ValueError, match="read-only"):
        permutation.order[0] = 1


def test_equal_permutations_are_one_key():
    assert len({Permutation.identity(3), Permutation.of([0, 1, 2]), Permutation.of([1, 0, 2])}) == 2
    assert "channels=9" in repr(Permutation.identity(9))
