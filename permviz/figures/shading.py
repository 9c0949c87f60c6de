"""From a matrix to the bytes of an image: blocks of entries become one shade each."""

import numpy as np
from numpy.typing import NDArray

from permviz.core.score import Scores

Block = tuple[int, int]
Shades = NDArray[np.uint8]

MIDDLE, _REACH = 128, 127
_LIMIT_QUANTILE = 0.999
_SAMPLE = 1 << 18


def color_limit(matrix: Scores) -> float:
    """Score at the upper end of the colours: 99.9 % quantile of the whole matrix.

    It does not depend on the order of the channels, so all orders share one scale. Large
    matrices are sampled evenly, which moves the limit by less than one shade.
    """
    flat = matrix.ravel()
    sample = flat[:: max(1, flat.size // _SAMPLE)]
    found = float(np.quantile(sample, _LIMIT_QUANTILE))
    return found if found > 0 else max(float(flat.max()), 1.0)


def magnitudes(values: Scores, block: Block, limit: float) -> Shades:
    """The largest entry of each block, from 0 to `limit` or more at 255."""
    largest = _reduced(np.maximum, values, block)
    return np.rint(np.minimum(largest / limit, 1.0) * 255.0).astype(np.uint8)


def signed(values: Scores, block: Block, limit: float) -> Shades:
    """The entry of largest magnitude of each block, from -`limit` at 1 over 0 at 128 to 255."""
    high, low = _reduced(np.maximum, values, block), _reduced(np.minimum, values, block)
    strongest = np.where(high >= -low, high, low)
    return np.rint(MIDDLE + _REACH * np.clip(strongest / limit, -1.0, 1.0)).astype(np.uint8)


def shares(values: Scores, kept: NDArray[np.bool_], block: Block) -> Shades:
    """The share of each block's magnitude that is kept, 255 for all of it.

    A single entry is kept or not. In a block of zeros all entries weigh the same.
    """
    whole = _reduced(np.add, values, block)
    part = _reduced(np.add, values * kept, block)
    if (whole == 0).any():
        counted = _reduced(np.add, np.ones_like(values), block)
        part = np.where(whole > 0, part, _reduced(np.add, kept.astype(values.dtype), block))
        whole = np.where(whole > 0, whole, counted)
    return np.rint(np.clip(part / whole, 0.0, 1.0) * 255.0).astype(np.uint8)


def _reduced(how: np.ufunc, values: Scores, block: Block) -> Scores:
    # Entry by entry of all blocks: `reduceat` goes block by block, which takes 30 times as long.
    for axis, step in enumerate(block):
        lines = np.moveaxis(values, axis, 0)
        first = lines[::step].copy()
        for entry in range(1, step):
            others = lines[entry::step]
            how(first[: len(others)], others, out=first[: len(others)])
        values = np.moveaxis(first, 0, axis)
    return values
