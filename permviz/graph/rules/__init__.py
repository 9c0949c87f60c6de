"""What each operation does to channels, one family of operations a file."""

from permviz.graph.rules import (
    convolution,
    elementwise,
    embedding,
    identity,
    indexing,
    linear,
    local,
    normalization,
    positions,
    products,
    recurrent,
    reductions,
    selecting,
    shaping,
    transposed,
    writing,
)
from permviz.graph.rules.registry import UnsupportedError, find_rule, registered

__all__ = [
    "UnsupportedError",
    "convolution",
    "elementwise",
    "embedding",
    "find_rule",
    "identity",
    "indexing",
    "linear",
    "local",
    "normalization",
    "positions",
    "products",
    "recurrent",
    "reductions",
    "registered",
    "selecting",
    "shaping",
    "transposed",
    "writing",
]
