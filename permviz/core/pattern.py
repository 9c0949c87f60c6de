"""The N:M pattern: at most N non-zeros in every M consecutive input channels of a row."""

import re
from dataclasses import dataclass
from typing import Self

from permviz.errors import PatternError

_TEXT = re.compile(r"\s*(\d{1,4})\s*:\s*(\d{1,4})\s*")


@dataclass(frozen=True, slots=True)
class NMPattern:
    """At most `n` non-zeros in every `m` consecutive channels, `0 < n < m`.

    Attributes:
        n: how many channels of a stripe survive in each row.
        m: how many channels make a stripe.

    Raises:
        PatternError: unless `0 < n < m`.
    """

    n: int
    m: int

    def __post_init__(self) -> None:
        if not 0 < self.n < self.m:
            raise PatternError(
                f"The pattern {self.n}:{self.m} is impossible: "
                "N:M needs 0 < N < M, for example 2:4, 1:4 or 4:8."
            )

    @classmethod
    def parse(cls, text: "str | NMPattern") -> Self:
        """Read a pattern from text such as ``2:4``; a pattern passes through.

        >>> NMPattern.parse("2:4")
        NMPattern(n=2, m=4)

        Raises:
            PatternError: the text is not ``N:M``.
        """
        if isinstance(text, NMPattern):
            return cls(text.n, text.m)
        found = _TEXT.fullmatch(text)
        if found is None:
            raise PatternError(
                f"The pattern {text!r} is not of the form N:M; write for example 2:4 or 4:8."
            )
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.n}:{self.m}"
