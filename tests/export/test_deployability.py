"""Which layers sparse tensor cores can run follows from shape, groups and pattern alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from permviz.core.pattern import NMPattern
from permviz.core.score import mask
from permviz.export.deployability import TARGETS, deployability, guarantees

PATTERNS = st.tuples(st.integers(1, 8), st.integers(2, 9)).filter(lambda nm: nm[0] < nm[1])


@pytest.mark.parametrize(
    ("shape", "pattern", "targets"),
    [
        ((64, 64), "2:4", ("fp16/bf16", "int8/fp8")),
        ((64, 64, 3, 3), "2:4", ("fp16/bf16", "int8/fp8")),
        ((48, 16), "2:4", ("fp16/bf16",)),
        ((64, 64), "1:2", ("fp16/bf16", "int8/fp8", "tf32")),
        ((64, 64), "1:4", ("fp16/bf16", "int8/fp8", "tf32")),
        ((64, 64), "4:8", ()),
        ((10, 256), "2:4", ()),
        ((64, 18), "2:4", ()),
    ],
)
def test_known_layers(shape: tuple[int, ...], pattern: str, targets: tuple[str, ...]) -> None:
    found = deployability(shape, pattern)
    assert found.targets == targets
    assert found.runs == bool(targets)
    assert len(found.reasons) == len(TARGETS) - len(targets)


def test_reasons_say_which_side_does_not_fit() -> None:
    reasons = deployability((10, 250), "2:4").reasons
    assert reasons[0] == (
        "fp16/bf16: 250 input channels and 10 output channels are not multiples of 16; "
        "pad with zeros."
    )
    assert "1:2, which 2:4 does not guarantee" in reasons[2]


def test_grouped_and_dense_layers_run_nowhere() -> None:
    assert deployability((64, 16, 3, 3), "2:4", conv_groups=4).reasons == (
        "Grouped convolutions (4 groups) have no sparse kernels.",
    )
    dense = deployability((64, 3), "2:4", dense_because="3 input channels are few.")
    assert (dense.targets, dense.reasons) == ((), ("It stays dense: 3 input channels are few.",))


@settings(deadline=None, max_examples=60)
@given(PATTERNS, st.sampled_from([(2, 4), (1, 2)]), st.integers(0, 2**32 - 1))
def test_a_guarantee_holds_for_every_mask(
    pattern: tuple[int, int], needed: tuple[int, int], seed: int
) -> None:
    given_pattern, wanted = NMPattern(*pattern), NMPattern(*needed)
    if not guarantees(given_pattern, wanted):
        return
    channels = np.lcm(given_pattern.m, wanted.m) * 2
    scores = np.random.default_rng(seed).random((8, channels))
    kept = mask(scores, given_pattern).reshape(8, -1, wanted.m).sum(axis=2)
    assert kept.max() <= wanted.n
