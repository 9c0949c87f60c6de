"""A layer's weights as an image: pooled when far, true values and masks when near.

What is sent is one byte a pixel and at most `SIDE` pixels a side, whatever the layer's
size. Pooling by the strongest entry keeps single large weights visible. A window of at most
`NEAR_CELLS` entries also carries each entry's weight, its original channel and whether the
pattern keeps it.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from permviz.core.pattern import NMPattern
from permviz.core.score import Scores, mask
from permviz.errors import PermutationError
from permviz.figures import shading
from permviz.figures.pair import OrderPair
from permviz.figures.tabular import Columns

Kind = Literal["magnitude", "sign", "mask", "difference", "kept", "pruned"]
KINDS: dict[str, Kind] = {
    "|w|": "magnitude",
    "sign": "sign",
    "mask": "mask",
    "difference": "difference",
    "kept": "kept",
    "pruned": "pruned",
}
"""What may be shown, by how people are offered it."""

SIDE = 410
NEAR_CELLS = 96 * 96


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a matrix, in whole rows and channel positions, half-open.

    Attributes:
        rows: first row and the row after the last.
        channels: first position and the position after the last.
    """

    rows: tuple[int, int]
    channels: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and of channel positions."""
        return self.rows[1] - self.rows[0], self.channels[1] - self.channels[0]


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """True values of a window that is small enough to show single entries.

    Attributes:
        values: float32[rows, channels], the weights, with their signs where they are known.
        original: int32[rows, channels], which original channel stands there.
        stripe: int32[rows, channels], number of the stripe; -1 past the last whole one.
        kept: uint8[rows, channels], 1 where the pattern keeps the entry.
        borders: float[k], positions of the stripe borders inside the window.
    """

    values: NDArray[np.float32] = field(repr=False)
    original: NDArray[np.int32] = field(repr=False)
    stripe: NDArray[np.int32] = field(repr=False)
    kept: NDArray[np.uint8] = field(repr=False)
    borders: NDArray[np.float64] = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class HeatmapInfo:
    """What a heatmap shows. Entry (row, position) covers half a unit around its indices.

    Attributes:
        layer: name of the layer.
        shade: uint8[height, width], row 0 first; `value` tells what a shade stands for.
        block: rows and channels that one pixel is pooled from.
        extents: left, first row, right, last row of the image; the last pixels of a
            pooled image may reach past the matrix.
        window: the part of the matrix that is shown.
        shape: rows and channels of the whole matrix.
        limit: score or weight at the upper end of the colours.
        kind: what the shades show: scores (all, only what is kept, only what is pruned),
            the weights with their signs, the share of the magnitude that is kept, or the
            scores that the found order rescues (above 0) and gives up (below it).
        unit: what a score is, as people write it.
        pattern: the N:M pattern.
        cells: true values, None while one looks from too far.
    """

    layer: str
    shade: shading.Shades = field(repr=False)
    block: shading.Block
    extents: tuple[float, float, float, float]
    window: Window
    shape: tuple[int, int]
    limit: float
    kind: Kind
    unit: str
    pattern: NMPattern
    cells: Cells | None

    @property
    def diverging(self) -> bool:
        """Whether the shades stand for numbers below and above 0."""
        return self.kind in {"sign", "difference"}

    def value(self, shade: NDArray[np.integer] | int) -> NDArray[np.float64]:
        """What shades stand for, in the unit of the scores, or in percent of a mask."""
        if self.diverging:
            return self.limit * (np.asarray(shade, dtype=np.float64) - shading.MIDDLE) / 127
        most = 100.0 if self.kind == "mask" else self.limit
        return most * np.asarray(shade, dtype=np.float64) / 255

    @property
    def table(self) -> Columns:
        """One line an entry when near; one line a pixel when far."""
        height, width = self.shade.shape
        rows, positions = np.divmod(np.arange(height * width), width)
        rows = self.window.rows[0] + rows * self.block[0]
        positions = self.window.channels[0] + positions * self.block[1]
        cells = self.cells
        if cells is None:
            shown = "kept_percent" if self.kind == "mask" else self.kind
            return {
                "first_row": rows,
                "first_position": positions,
                shown: self.value(np.arange(256)).round(9)[self.shade.ravel()],
            }
        return {
            "row": rows,
            "position": positions,
            "original_channel": cells.original.ravel(),
            "stripe": cells.stripe.ravel(),
            "weight": cells.values.ravel(),
            "kept": cells.kept.ravel(),
        }


def heatmap_info(
    pair: OrderPair,
    order: NDArray[np.integer],
    window: Window | None = None,
    kind: Kind = "magnitude",
    limit: float | None = None,
) -> HeatmapInfo:
    """Compute the image of a layer with its channels in an order, inside a window.

    Args:
        pair: the layer, with the found order.
        order: int[channels], in which the image shows the channels, `order[new] = old`.
        window: part to show; by default all.
        kind: what of it.
        limit: what the ends of the colours stand for; by default `color_limit` of what is
            shown.

    Raises:
        PermutationError: `order` does not have one entry a channel.
    """
    shape = rows, channels = pair.scores.shape
    if order.shape != (channels,):
        raise PermutationError(
            f"An order of shape {order.shape} does not fit scores with {channels} channels."
        )
    shown = clipped(window, (rows, channels), pair.pattern)
    block = (-(-shown.shape[0] // SIDE), -(-shown.shape[1] // SIDE))
    scale = limit or kind_limit(pair, kind)
    near = shown.shape[0] * shown.shape[1] <= NEAR_CELLS
    return HeatmapInfo(
        layer=pair.layer,
        shade=_Part(pair, order, shown).shade(kind, block, scale),
        block=block,
        extents=extents(shown, block),
        window=shown,
        shape=shape,
        limit=scale,
        kind=kind,
        unit=pair.unit,
        pattern=pair.pattern,
        cells=_cells(_Part(pair, order, shown)) if near else None,
    )


def kind_limit(pair: OrderPair, kind: Kind) -> float:
    """What the ends of the colours stand for, whatever the order and the window."""
    return pair.signed_limit if kind == "sign" else pair.limit


def clipped(window: Window | None, shape: tuple[int, int], pattern: NMPattern) -> Window:
    """Cut a window to the matrix and widen it to whole stripes; None is the whole matrix.

    Whole stripes are needed because what the pattern keeps is decided stripe by stripe.
    """
    if window is None:
        return Window((0, shape[0]), (0, shape[1]))
    top = min(max(window.rows[0], 0), shape[0] - 1)
    bottom = min(max(window.rows[1], top + 1), shape[0])
    left = min(max(window.channels[0], 0), shape[1] - 1) // pattern.m * pattern.m
    right = -(-max(window.channels[1], left + 1) // pattern.m) * pattern.m
    return Window((top, bottom), (left, min(right, shape[1])))


def extents(window: Window, block: shading.Block) -> tuple[float, float, float, float]:
    """Left, first row, right and last row of an image of whole blocks."""
    top, left = window.rows[0] - 0.5, window.channels[0] - 0.5
    height = -(-window.shape[0] // block[0]) * block[0]
    width = -(-window.shape[1] // block[1]) * block[1]
    return left, top, left + width, top + height


@dataclass(frozen=True, slots=True)
class _Part:
    """The entries of a window, in the order that is shown."""

    pair: OrderPair
    order: NDArray[np.integer]
    window: Window

    def shade(self, kind: Kind, block: shading.Block, limit: float) -> shading.Shades:
        if kind == "sign":
            return shading.signed(self.of(self.pair.signed), block, limit)
        if kind == "difference":
            return shading.signed(self.scores * self._turned(), block, limit)
        if kind == "mask":
            return shading.shares(self.scores, self.kept, block)
        if kind == "magnitude":
            return shading.magnitudes(self.scores, block, limit)
        kept = self.kept if kind == "kept" else ~self.kept
        return shading.magnitudes(self.scores * kept, block, limit)

    def of(self, matrix: NDArray[Any]) -> NDArray[Any]:
        return matrix[slice(*self.window.rows)].take(self.channels, axis=1)

    @property
    def channels(self) -> NDArray[np.integer]:
        return self.order[slice(*self.window.channels)]

    @property
    def scores(self) -> Scores:
        return self.of(self.pair.scores)

    @property
    def kept(self) -> NDArray[np.bool_]:
        return mask(self.scores, self.pair.pattern)

    def _turned(self) -> NDArray[np.int8]:
        """1 where the found order rescues an entry, -1 where it gives one up."""
        after, before = self.of(self.pair.kept_found), self.of(self.pair.kept_given)
        return after.astype(np.int8) - before.astype(np.int8)


def _cells(part: _Part) -> Cells:
    first, last = part.window.channels
    m, size = part.pair.pattern.m, part.order.size
    position = np.arange(first, last)
    stripe = np.where(position < size // m * m, position // m, -1)
    shape = part.window.shape
    return Cells(
        values=part.of(part.pair.signed).astype(np.float32),
        original=np.broadcast_to(part.channels.astype(np.int32), shape),
        stripe=np.broadcast_to(stripe.astype(np.int32), shape),
        kept=part.kept.astype(np.uint8),
        borders=np.arange(first, last + 1, m, dtype=np.float64) - 0.5,
    )
