"""The obvious pricing of stripes: list them all. The tests' oracle."""

from itertools import combinations

import numpy as np

from permviz.kernels.protocol import Columns, Stripes, Values
from permviz.kernels.reference import ReferenceKernels


def priced(columns: Columns, prices: Values, n: int, m: int) -> tuple[Stripes, Values]:
    """Every stripe with its excess: its value less the prices of its members."""
    stripes = np.array(list(combinations(range(len(columns)), m)), dtype=np.int64)
    values = ReferenceKernels().stripe_values(columns, stripes, n)
    return stripes, values - prices[stripes].sum(axis=1)


def channel_excess(stripes: Stripes, excess: Values, channels: int) -> Values:
    """Largest excess of a stripe with each channel: float64[channels]."""
    return np.array([excess[(stripes == c).any(axis=1)].max() for c in range(channels)])
