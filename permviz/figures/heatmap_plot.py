"""How a heatmap is drawn: one image, and over it what single entries show when near.

All of a figure that differs between layers is set by a hook whenever it is drawn, so that
another layer needs new numbers and no new figure, which would take a browser much longer.
"""

from typing import Any

import holoviews as hv
import numpy as np
from bokeh.models import ColorBar, CustomJSHover, FixedTicker
from numpy.typing import NDArray

from permviz.figures.heatmap import HeatmapInfo, extents
from permviz.figures.palette import DIVERGING, HEAT, SHARE
from permviz.figures.sources import renew_all

MARKED_SIDE = 64
"""Rows and channels in sight, up to which entries are wide enough to be marked as pruned."""

_AXES = ["position", "row"]
# The same shades for every kind: a browser does not follow ticks that change.
_TICKS = (0, 64, 128, 192, 255)
_UNKNOWN = -1


def heatmap_plot(info: HeatmapInfo, title: str = "") -> hv.Overlay:
    """Draw the image, a veil over pruned entries and stripe borders when near."""
    overlay = hv.Overlay([_image(info), _veil(info), _borders(info)])
    rows, channels = info.shape
    overlay.opts(
        title=title,
        xlim=(-0.5, channels - 0.5),
        ylim=(-0.5, rows - 0.5),
        invert_yaxis=True,
        # The gains below have the same axis.
        xaxis=None,
        ylabel="row",
    )
    return overlay


def follow_heatmap(figure: Any, info: HeatmapInfo) -> bool:
    """Show another order of the layer and the kind that a figure is drawn for.

    Args:
        figure: Bokeh's, as `heatmap_plot` is drawn.
        info: what it is to show.

    Returns:
        Whether it could be done: False if the figure has other parts.
    """
    image = _placed(info.extents) | {"image": [info.shade]}
    names = ("image", "value", "original", "stripe", "kept")
    veil = _placed(extents(info.window, (1, 1))) | {
        name: [column] for name, column in zip(names, _veil_columns(info), strict=True)
    }
    return renew_all(figure, [image, veil, {"position": _border_places(info)}])


def _placed(at: tuple[float, float, float, float]) -> dict[str, list[float]]:
    left, top, right, bottom = at
    return {"x": [left], "y": [top], "dw": [right - left], "dh": [bottom - top]}


def colors(info: HeatmapInfo) -> str:
    """The map of the shades: one that diverges from 0 where there are two sides of it."""
    if info.kind == "mask":
        return SHARE
    return DIVERGING if info.diverging else HEAT


def bar_title(info: HeatmapInfo) -> str:
    """What the colours stand for, short enough for the bar."""
    if info.kind == "mask":
        return "% kept"
    return "w" if info.kind == "sign" and info.unit == "|w|" else info.unit


def _image(info: HeatmapInfo) -> hv.Image:
    left, top, right, bottom = info.extents
    # HoloViews puts the first row at the upper end of the y axis; the axis is inverted.
    image = hv.Image(
        info.shade[::-1],
        _AXES,
        hv.Dimension("shade", range=(0, 255)),
        bounds=(left, top, right, bottom),
    )
    image.opts(
        cmap=colors(info),
        clim=(0, 255),
        clipping_colors={"NaN": "transparent"},
        colorbar=True,
        colorbar_opts=_bar(info),
        clabel=bar_title(info),
        hooks=[lambda plot, _: _rename(plot.handles["colorbar"], info)],
    )
    return image


def _bar(info: HeatmapInfo) -> dict[str, object]:
    return {
        "ticker": FixedTicker(ticks=list(_TICKS)),
        "major_label_overrides": _labels(info),
        "width": 10,
        "padding": 4,
        "title_standoff": 4,
    }


def _rename(bar: ColorBar, info: HeatmapInfo) -> None:
    if bar.major_label_overrides != _labels(info):
        bar.major_label_overrides = _labels(info)
    if bar.title != bar_title(info):
        bar.title = bar_title(info)


def _labels(info: HeatmapInfo) -> dict[float | str, Any]:
    """The shades' numbers; a bar knows the shades alone."""
    digits = ".0f" if info.kind == "mask" else ".2g"
    return {tick: f"{float(info.value(tick)):{digits}}" for tick in _TICKS}


def _borders(info: HeatmapInfo) -> hv.VLines:
    lines = hv.VLines(_border_places(info), "position")
    lines.opts(color="white", line_width=1.5, alpha=0.9)
    return lines


def _border_places(info: HeatmapInfo) -> NDArray[np.float64]:
    return info.cells.borders if info.cells is not None and _wide(info) else np.empty(0)


def _wide(info: HeatmapInfo) -> bool:
    """Whether an entry covers more than a few points of the screen."""
    return info.window.shape[1] <= MARKED_SIDE


def _veil(info: HeatmapInfo) -> hv.Image:
    columns = _veil_columns(info)
    rows, width = columns[0].shape
    left, top, right, bottom = extents(info.window, (1, 1))
    xs = left + (np.arange(width) + 0.5) * (right - left) / width
    ys = top + (np.arange(rows) + 0.5) * (bottom - top) / rows
    veil = hv.Image(
        (xs, ys, *columns),
        _AXES,
        [hv.Dimension("veiled", range=(0, 1)), "value", "original", "stripe", "kept"],
        bounds=(left, top, right, bottom),
    )
    veil.opts(
        cmap=["#9a9a9a00", "#9a9a9ac8"],
        clim=(0, 1),
        tools=["hover"],
        hover_tooltips=[
            ("value", "@value{custom}"),
            ("the pattern", "@kept{custom}"),
            ("row", "$y{0}"),
            ("position", "$x{0}"),
            ("original channel", "@original{custom}"),
            ("stripe", "@stripe{custom}"),
        ],
        hover_formatters=_formatters(),
    )
    return veil


def _veil_columns(info: HeatmapInfo) -> tuple[NDArray[Any], ...]:
    cells = info.cells
    if cells is None:
        unknown = np.full((1, 1), _UNKNOWN, dtype=np.int8)
        # HoloViews warns in the log where it finds the range of nothing but NaN.
        value = np.full((1, 1), np.finfo(np.float32).max)
        return (np.zeros((1, 1), dtype=np.int8), value, unknown, unknown, unknown)
    marked = _wide(info) and info.kind in {"magnitude", "sign"}
    veiled = (1 - cells.kept) if marked else np.zeros_like(cells.kept)
    kept = cells.kept.astype(np.int8)
    return veiled.astype(np.int8), cells.values, cells.original, cells.stripe, kept


def _formatters() -> dict[str, CustomJSHover]:
    # HoloViews writes the names of a tooltip in braces, and Bokeh looks them up as written.
    return {
        f"@{{{name}}}": CustomJSHover(code=f"return {code}")
        for name, code in (
            ("value", "value > 3e38 ? 'zoom in' : value.toPrecision(4)"),
            ("kept", "value < 0 ? 'zoom in' : value ? 'keeps it' : 'prunes it'"),
            ("original", "value < 0 ? 'zoom in' : String(value)"),
            ("stripe", "value < 0 ? 'none, or zoom in' : String(value)"),
        )
    }
