"""What each operation does to channels, one family of operations a file."""

from permviz.graph.rules import (
    convolution,
    elementwise,
    identity,
    linear,
    local,
    normalization,
    reductions,
    selecting,
    shaping,
)
from permviz.graph.rules.registry import UnsupportedError, find_rule, registered

__all__ = [
    "UnsupportedError",
    "convolution",
    "elementwise",
    "find_rule",
    "identity",
    "linear",
    "local",
    "normalization",
    "reductions",
    "registered",
    "selecting",
    "shaping",
]
