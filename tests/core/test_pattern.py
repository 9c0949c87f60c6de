import pytest
from hypothesis import given
from hypothesis import strategies as st

from permviz.core.pattern import NMPattern
from permviz.errors import PatternError


@given(st.integers(1, 30), st.integers(1, 30))
def test_text_and_pattern_are_the_same(n, extra):
    pattern = NMPattern(n, n + extra)
    assert NMPattern.parse(str(pattern)) == pattern
    assert NMPattern.parse(pattern) == pattern


@pytest.mark.parametrize(
    "text", ["", "2", "2/4", "a:b", "2:4:8", "-1:4", "2.0:4", ":", "99999:99999"]
)
def test_other_text_is_refused_with_an_example(text):
    with pytest.raises(PatternError, match="2:4"):
        NMPattern.parse(text)


@pytest.mark.parametrize(("n", "m"), [(0, 4), (4, 4), (5, 4), (-1, 2)])
def test_impossible_patterns_are_refused(n, m):
    with pytest.raises(PatternError, match="0 < N < M"):
        NMPattern(n, m)
