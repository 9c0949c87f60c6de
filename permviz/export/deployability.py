"""Which layers NVIDIA's sparse tensor cores can run, and what keeps the others from it.

Only the shape, the convolution groups and the pattern matter, so the answer is known
before anything is searched.

The rule, for a weight of K output and C input channels: the pattern holds at most two
non-zeros in every four consecutive input channels (one in every two for TF32), and K and C
are multiples of what the kernels' tiles need. A convolution runs as an implicit matrix
product that reads the C channels of each kernel position as one run, so the same holds for
it as for a linear layer.

Source: tile sizes as PyTorch checks them in ``torch.sparse.semi_structured`` (cuSPARSELt
for 8 and 16 bits, CUTLASS for float32 run as TF32); 2:4 and 1:2 by type from cuSPARSELt's
``cusparseLtSparsity_t``; convolutions, by output channel and kernel position along C, from
"Structured sparsity" in the TensorRT developer guide.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from permviz.core.pattern import NMPattern


@dataclass(frozen=True, slots=True)
class Target:
    """A number format of sparse tensor cores.

    Attributes:
        name: as people call it.
        pattern: the pattern that the hardware reads.
        multiple: what both channel counts must be a multiple of.
    """

    name: str
    pattern: NMPattern
    multiple: int


TARGETS = (
    Target("fp16/bf16", NMPattern(2, 4), 16),
    Target("int8/fp8", NMPattern(2, 4), 32),
    Target("tf32", NMPattern(1, 2), 32),
)


@dataclass(frozen=True, slots=True)
class Deployability:
    """What sparse tensor cores can do with one layer.

    Attributes:
        targets: names of the number formats that it can run in; empty if none.
        reasons: one sentence for each obstacle, formats named where they differ.
    """

    targets: tuple[str, ...]
    reasons: tuple[str, ...]

    @property
    def runs(self) -> bool:
        """Whether at least one number format works."""
        return bool(self.targets)


def deployability(
    shape: Sequence[int],
    pattern: NMPattern | str,
    *,
    conv_groups: int = 1,
    dense_because: str = "",
) -> Deployability:
    """Judge one layer from its weight's shape (output channels, input channels, ...).

    Args:
        shape: of the weight.
        pattern: that the weight is pruned to.
        conv_groups: number of convolution groups.
        dense_because: why the layer is not pruned; empty if it is.
    """
    if dense_because:
        return Deployability((), (f"It stays dense: {dense_because}",))
    if conv_groups > 1:
        return Deployability(
            (), (f"Grouped convolutions ({conv_groups} groups) have no sparse kernels.",)
        )
    parsed = NMPattern.parse(pattern)
    obstacles = {target.name: _obstacle(shape, parsed, target) for target in TARGETS}
    return Deployability(
        tuple(name for name, why in obstacles.items() if not why),
        tuple(f"{name}: {why}" for name, why in obstacles.items() if why),
    )


def guarantees(pattern: NMPattern, needed: NMPattern) -> bool:
    """Whether every matrix of `pattern` is also one of `needed`, whole stripes given.

    >>> guarantees(NMPattern(1, 4), NMPattern(2, 4)), guarantees(NMPattern(2, 4), NMPattern(1, 2))
    (True, False)
    """
    if needed.m % pattern.m == 0:
        return pattern.n * (needed.m // pattern.m) <= needed.n
    return pattern.m % needed.m == 0 and pattern.n <= needed.n


def _obstacle(shape: Sequence[int], pattern: NMPattern, target: Target) -> str:
    if not guarantees(pattern, target.pattern):
        return f"the hardware reads {target.pattern}, which {pattern} does not guarantee."
    wrong = [
        f"{count} {side} channels"
        for count, side in ((shape[1], "input"), (shape[0], "output"))
        if count % target.multiple
    ]
    if not wrong:
        return ""
    what = "a multiple" if len(wrong) == 1 else "multiples"
    return f"{' and '.join(wrong)} are not {what} of {target.multiple}; pad with zeros."
