"""Which weights an order rescues, and which it gives up for them."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from permviz.core.pattern import NMPattern
from permviz.core.score import Scores
from permviz.figures.heatmap import HeatmapInfo, Window, color_limit, heatmap_info
from permviz.figures.pair import OrderPair

_MIDDLE, _REACH = 128, 127


def kept_under(
    matrix: Scores, order: NDArray[np.integer], pattern: NMPattern, channels: NDArray[np.integer]
) -> NDArray[np.bool_]:
    """Which entries of some channels the pattern keeps when all channels stand in an order.

    Args:
        matrix: float[rows, channels], in the order as given.
        order: int[channels], `order[new] = old`.
        pattern: the N:M pattern.
        channels: int[k], original channels that are asked for.

    Returns:
        bool[rows, k]; of equal scores in a stripe the first one is kept, as by `mask`.
    """
    m = pattern.m
    place = np.argsort(order)[channels]
    inside = place < order.size // m * m
    own = matrix[:, channels]
    ahead = np.zeros(own.shape, dtype=np.int16)
    for slot in range(m):
        there = np.where(inside, place // m * m + slot, place)
        other = matrix[:, order[there]]
        ahead += (other > own) | ((other == own) & (there < place))
    return (ahead < pattern.n) | ~inside


def difference_info(
    pair: OrderPair,
    order: NDArray[np.integer],
    window: Window | None = None,
    limit: float | None = None,
) -> HeatmapInfo:
    """Compute the image of what the found order rescues (above) and gives up (below the middle).

    Args:
        pair: the layer, with the found order.
        order: int[channels], in which the image shows the channels.
        window: part to show; by default all.
        limit: score at the ends of the colours; by default `color_limit`.
    """
    scale = color_limit(pair.scores) if limit is None else limit
    info = heatmap_info(pair.scores, order, pair.pattern, window, "magnitude", scale)
    channels = order[slice(*info.window.channels)]
    rows = pair.scores[slice(*info.window.rows)]
    before = kept_under(rows, pair.given, pair.pattern, channels)
    after = kept_under(rows, pair.order, pair.pattern, channels)
    signed = rows[:, channels] * (after.astype(np.int8) - before.astype(np.int8))
    return replace(info, kind="difference", shade=_shade(signed, info.block, scale))


def _shade(signed: Scores, block: tuple[int, int], limit: float) -> NDArray[np.uint8]:
    """The entry of largest magnitude of each block, from 1 (given up) over 128 to 255."""
    high, low = signed, signed
    for axis, step in enumerate(block):
        if step > 1:
            starts = np.arange(0, high.shape[axis], step)
            high = np.maximum.reduceat(high, starts, axis=axis)
            low = np.minimum.reduceat(low, starts, axis=axis)
    strongest = np.where(high >= -low, high, low)
    return np.rint(_MIDDLE + _REACH * np.clip(strongest / limit, -1.0, 1.0)).astype(np.uint8)
