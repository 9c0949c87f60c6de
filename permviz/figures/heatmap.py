"""A layer's scores as an image: max-pooled when far, true values and masks when near.

What is sent is one byte a pixel and at most `SIDE` pixels a side, whatever the layer's
size. Pooling by maximum keeps single large weights visible. A window of at most
`NEAR_CELLS` entries also carries each entry's value, its original channel and whether
the pattern keeps it.
"""

from dataclasses import dataclass, field
from typing import Literal

import holoviews as hv
import numpy as np
from bokeh.models import CustomJSHover, FixedTicker
from numpy.typing import NDArray

from permviz.core.pattern import NMPattern
from permviz.core.score import Scores, mask
from permviz.errors import PermutationError
from permviz.figures.palette import DIVERGING, HEAT

Kind = Literal["magnitude", "kept", "pruned", "difference"]

SIDE = 410
NEAR_CELLS = 96 * 96
_LIMIT_QUANTILE = 0.999
_SAMPLE = 1 << 18
_AXES = ["position", "row"]
_UNKNOWN = -1


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
        values: float32[rows, channels], the scores.
        original: int32[rows, channels], which original channel stands there.
        kept: uint8[rows, channels], 1 where the pattern keeps the entry.
        borders: float[k], positions of the stripe borders inside the window.
    """

    values: NDArray[np.float32] = field(repr=False)
    original: NDArray[np.int32] = field(repr=False)
    kept: NDArray[np.uint8] = field(repr=False)
    borders: NDArray[np.float64] = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class HeatmapInfo:
    """What a heatmap shows. Entry (row, position) covers half a unit around its indices.

    Attributes:
        shade: uint8[height, width], row 0 first; 255 stands for `limit` or more.
        block: rows and channels that one pixel is the maximum of.
        extents: left, first row, right, last row of the image; the last pixels of a
            pooled image may reach past the matrix.
        window: the part of the matrix that is shown.
        shape: rows and channels of the whole matrix.
        limit: score at the upper end of the colours.
        kind: ``magnitude``, ``kept``, ``pruned`` or ``difference``; in the last, 128 is no
            difference, and 255 and 1 are scores of `limit` that are rescued and given up.
        pattern: the N:M pattern.
        cells: true values, None while one looks from too far.
    """

    shade: NDArray[np.uint8] = field(repr=False)
    block: tuple[int, int]
    extents: tuple[float, float, float, float]
    window: Window
    shape: tuple[int, int]
    limit: float
    kind: Kind
    pattern: NMPattern
    cells: Cells | None


def color_limit(matrix: Scores) -> float:
    """Score at the upper end of the colours: 99.9 % quantile of the whole matrix.

    It does not depend on the order of the channels, so all orders share one scale. Large
    matrices are sampled evenly, which moves the limit by less than one shade.
    """
    flat = matrix.ravel()
    sample = flat[:: max(1, flat.size // _SAMPLE)]
    found = float(np.quantile(sample, _LIMIT_QUANTILE))
    return found if found > 0 else max(float(flat.max()), 1.0)


def heatmap_info(
    matrix: Scores,
    order: NDArray[np.integer],
    pattern: NMPattern,
    window: Window | None = None,
    kind: Kind = "magnitude",
    limit: float | None = None,
) -> HeatmapInfo:
    """Compute the image of `matrix` with its channels in `order`, inside a window.

    Args:
        matrix: float[rows, channels], finite and non-negative, in the order as given.
        order: int[channels], `order[new] = old`.
        pattern: the N:M pattern whose kept entries are shown.
        window: part to show; by default all.
        kind: everything, only what the pattern keeps, or only what it prunes.
        limit: score at the upper end of the colours; by default `color_limit(matrix)`.

    Raises:
        PermutationError: `order` does not have one entry a channel.
    """
    rows, channels = matrix.shape
    if order.shape != (channels,):
        raise PermutationError(
            f"An order of shape {order.shape} does not fit scores with {channels} channels."
        )
    shown = clipped(window, (rows, channels), pattern)
    block = (-(-shown.shape[0] // SIDE), -(-shown.shape[1] // SIDE))
    values = matrix[slice(*shown.rows)].take(order[slice(*shown.channels)], axis=1)
    near = values.size <= NEAR_CELLS
    kept = mask(values, pattern) if near or kind != "magnitude" else None
    scale = color_limit(matrix) if limit is None else limit
    return HeatmapInfo(
        shade=_shade(_pooled(_selected(values, kept, kind), block), scale),
        block=block,
        extents=_extents(shown, block),
        window=shown,
        shape=(rows, channels),
        limit=scale,
        kind=kind,
        pattern=pattern,
        cells=_cells(values, kept, order, shown, pattern) if near and kept is not None else None,
    )


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


def _selected(values: Scores, kept: NDArray[np.bool_] | None, kind: Kind) -> Scores:
    if kept is None or kind == "magnitude":
        return values
    return np.where(kept if kind == "kept" else ~kept, values, 0)


def _pooled(values: Scores, block: tuple[int, int]) -> Scores:
    for axis, step in enumerate(block):
        if step > 1:
            starts = np.arange(0, values.shape[axis], step)
            values = np.maximum.reduceat(values, starts, axis=axis)
    return values


def _shade(values: Scores, limit: float) -> NDArray[np.uint8]:
    return np.rint(np.minimum(values / limit, 1.0) * 255.0).astype(np.uint8)


def _extents(window: Window, block: tuple[int, int]) -> tuple[float, float, float, float]:
    top, left = window.rows[0] - 0.5, window.channels[0] - 0.5
    height = -(-window.shape[0] // block[0]) * block[0]
    width = -(-window.shape[1] // block[1]) * block[1]
    return left, top, left + width, top + height


def _cells(
    values: Scores,
    kept: NDArray[np.bool_],
    order: NDArray[np.integer],
    window: Window,
    pattern: NMPattern,
) -> Cells:
    original = order[slice(*window.channels)].astype(np.int32)
    first, last = window.channels
    return Cells(
        values=values.astype(np.float32),
        original=np.broadcast_to(original, values.shape),
        kept=kept.astype(np.uint8),
        borders=np.arange(first, last + 1, pattern.m, dtype=np.float64) - 0.5,
    )


def heatmap_plot(info: HeatmapInfo, title: str = "") -> hv.Overlay:
    """Draw the image, a grey veil over pruned entries, and stripe borders when near."""
    left, top, right, bottom = info.extents
    # HoloViews puts the first row at the upper end of the y axis; the axis is inverted.
    image = hv.Image(
        info.shade[::-1],
        _AXES,
        hv.Dimension("shade", range=(0, 255)),
        bounds=(left, top, right, bottom),
    )
    image.opts(
        cmap=DIVERGING if info.kind == "difference" else HEAT,
        clim=(0, 255),
        clipping_colors={"NaN": "transparent"},
        colorbar=True,
        colorbar_opts=_colorbar(info),
        clabel=" ",
    )
    borders = info.cells.borders if info.cells is not None else np.empty(0)
    lines = hv.VLines(borders, "position")
    lines.opts(color="white", line_width=1.2, alpha=0.9)
    rows, channels = info.shape
    overlay = hv.Overlay([image, _veil(info), lines])
    overlay.opts(
        title=title,
        xlim=(-0.5, channels - 0.5),
        ylim=(-0.5, rows - 0.5),
        invert_yaxis=True,
        xlabel="channel position",
        ylabel="row",
    )
    return overlay


def _veil(info: HeatmapInfo) -> hv.Image:
    columns = _veil_columns(info)
    rows, width = columns[0].shape
    left, top, right, bottom = _extents(info.window, (1, 1))
    xs = left + (np.arange(width) + 0.5) * (right - left) / width
    ys = top + (np.arange(rows) + 0.5) * (bottom - top) / rows
    veil = hv.Image(
        (xs, ys, *columns),
        _AXES,
        [hv.Dimension("veiled", range=(0, 1)), "value", "original", "kept"],
        bounds=(left, top, right, bottom),
    )
    veil.opts(
        cmap=["#9a9a9a00", "#9a9a9ae0"],
        clim=(0, 1),
        tools=["hover"],
        hover_tooltips=[
            ("row", "$y{0}"),
            ("position", "$x{0}"),
            ("original channel", "@original{custom}"),
            ("value", "@value{custom}"),
            ("kept", "@kept{custom}"),
        ],
        hover_formatters=_formatters(),
    )
    return veil


def _veil_columns(info: HeatmapInfo) -> tuple[NDArray[np.generic], ...]:
    cells = info.cells
    if cells is None:
        unknown = np.full((1, 1), _UNKNOWN, dtype=np.int32)
        return (
            np.zeros((1, 1), dtype=np.int8),
            unknown.astype(np.float32),
            unknown,
            unknown.astype(np.int8),
        )
    veiled = (1 - cells.kept) if info.kind == "magnitude" else np.zeros_like(cells.kept)
    return veiled.astype(np.int8), cells.values, cells.original, cells.kept.astype(np.int8)


def _colorbar(info: HeatmapInfo) -> dict[str, object]:
    shades = [0, 64, 128, 191, 255]
    least = -info.limit if info.kind == "difference" else 0.0
    return {
        "ticker": FixedTicker(ticks=shades),
        "major_label_overrides": {
            shade: f"{least + (info.limit - least) * shade / 255:.2g}" for shade in shades
        },
        "width": 10,
        "padding": 4,
    }


def _formatters() -> dict[str, CustomJSHover]:
    far = "if (value < 0) return 'zoom in'; "
    return {
        # HoloViews writes the names of a tooltip in braces, and Bokeh looks them up as written.
        "@{original}": CustomJSHover(code=far + "return String(value)"),
        "@{value}": CustomJSHover(code=far + "return value.toPrecision(4)"),
        "@{kept}": CustomJSHover(code=far + "return value ? 'kept' : 'pruned'"),
    }
