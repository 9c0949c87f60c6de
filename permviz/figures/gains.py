"""What every column and every stripe of a layer gains by the order that was found.

A strip of bars below a heatmap, on the same horizontal axis. A channel gains what the
pattern keeps of it in the found order more than in the order as given, wherever it stands
in either; so the bars of both orders are the same ones in other places, and their sum is
what the layer gains.
"""

from dataclasses import dataclass, field
from typing import Any

import holoviews as hv
import numpy as np
from numpy.typing import NDArray

from permviz.figures.pair import OrderPair, by_stripe
from permviz.figures.palette import GAIN, LOSS
from permviz.figures.sources import fit, renew_all
from permviz.figures.tabular import Columns

MOST_BARS = 512
"""Bars of one strip; where there are more columns in sight, the strongest of each few is shown."""


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """Bars side by side.

    Attributes:
        first: int64[bars], first position that each bar covers.
        last: int64[bars], last one.
        gains: float64[bars], in percent of the layer's magnitude; the strongest where a bar
            stands for several columns or stripes.
    """

    first: NDArray[np.int64] = field(repr=False)
    last: NDArray[np.int64] = field(repr=False)
    gains: NDArray[np.float64] = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class GainsInfo:
    """The strip below one heatmap.

    Attributes:
        layer: name of the layer.
        columns_shown: a bar a column, or few columns, in sight.
        stripes_shown: a bar a stripe, or few stripes, in sight.
        original: int64[positions in sight], the channel that stands there.
        window: first position in sight and the position after the last.
        size: number of channels of the layer.
        reach: least and largest gain of a column or stripe in either order, in percent; the
            least is 0 where nothing is lost.
        total: what the layer gains, in percent of its magnitude.
        m: channels of a stripe.
    """

    layer: str
    columns_shown: Bars
    stripes_shown: Bars
    original: NDArray[np.int64] = field(repr=False)
    window: tuple[int, int]
    size: int
    reach: tuple[float, float]
    total: float
    m: int

    @property
    def stripes(self) -> NDArray[np.int64]:
        """Number of the first stripe that each bar of a stripe covers: int64[bars]."""
        return self.stripes_shown.first // self.m

    @property
    def table(self) -> Columns:
        """One line a bar, columns first."""
        both = (self.columns_shown, self.stripes_shown)
        kinds = [
            kind for kind, bars in zip(("column", "stripe"), both, strict=True) for _ in bars.first
        ]
        first = np.concatenate([bars.first for bars in both])
        last = np.concatenate([bars.last for bars in both])
        there = [
            " ".join(map(str, self.original[start - self.window[0] : stop + 1 - self.window[0]]))
            for start, stop in zip(first.tolist(), last.tolist(), strict=True)
        ]
        return {
            "bar": kinds,
            "first_position": first,
            "last_position": last,
            "gain_percent_of_layer": np.concatenate([bars.gains for bars in both]),
            "original_channels": there,
        }


def gains_info(
    pair: OrderPair, order: NDArray[np.integer], window: tuple[int, int] | None = None
) -> GainsInfo:
    """Compute the bars of a layer with its channels in an order.

    Args:
        pair: the layer, with the found order.
        order: int[channels], in which the channels are shown.
        window: positions in sight, half-open; by default all. It is widened to whole stripes.
    """
    size, m = order.size, pair.pattern.m
    start, stop = (0, size) if window is None else window
    start = min(max(start, 0), size - 1) // m * m
    stop = min(-(-max(stop, start + 1) // m) * m, size)
    gains = pair.gains[order]
    stripes = by_stripe(gains, m)
    return GainsInfo(
        layer=pair.layer,
        columns_shown=_bars(gains[start:stop], start, 1),
        stripes_shown=_bars(stripes[start // m : stop // m], start, m),
        original=order[start:stop].astype(np.int64),
        window=(start, stop),
        size=size,
        reach=_reach(pair),
        total=float(pair.gains.sum()),
        m=m,
    )


def _bars(gains: NDArray[np.float64], start: int, width: int) -> Bars:
    few = -(-gains.size // MOST_BARS) or 1
    starts = np.arange(0, gains.size, few)
    if few > 1:
        high, low = np.maximum.reduceat(gains, starts), np.minimum.reduceat(gains, starts)
        shown = np.where(high >= -low, high, low)
    else:
        shown = gains
    ends = np.minimum(starts + few, gains.size)
    return Bars(start + starts * width, start + ends * width - 1, shown)


def _reach(pair: OrderPair) -> tuple[float, float]:
    m, gains = pair.pattern.m, pair.gains
    every = np.concatenate([gains, by_stripe(gains, m), by_stripe(gains[pair.order], m)])
    return float(every.min(initial=0.0)), float(every.max(initial=0.0))


def gains_plot(info: GainsInfo) -> hv.Overlay:
    """Draw pale bars for stripes and, over them, narrow strong ones for columns."""
    stripes, columns = (
        _drawn(data, alpha) for data, alpha in zip(_bars_of(info), (0.35, 0.95), strict=True)
    )
    columns.opts(hover_tooltips=[("original channel", "@channel"), *_TOLD])
    stripes.opts(hover_tooltips=[("stripe", "@stripe"), *_TOLD])
    overlay = hv.Overlay([stripes, columns])
    overlay.opts(
        xlim=(-0.5, info.size - 0.5),
        ylim=_heights(info),
        yticks=_ticks(info),
        xlabel="",
        ylabel="gain, %",
    )
    return overlay


def follow_gains(figure: Any, info: GainsInfo) -> bool:
    """Move the bars of a figure that is drawn; the layer has to be of the same size.

    Args:
        figure: Bokeh's, as `gains_plot` is drawn.
        info: what it is to show.

    Returns:
        Whether it could be done: False if the figure has other parts.
    """
    fit(figure.y_range, *_heights(info))
    figure.yaxis[0].ticker.ticks = _ticks(info)
    # As HoloViews names what it draws rectangles from.
    return renew_all(
        figure,
        [
            data | {"left": data["position"], "bottom": data["zero"], "color": data["gain"]}
            for data in _bars_of(info)
        ],
    )


def _heights(info: GainsInfo) -> tuple[float, float]:
    low, high = info.reach
    return 1.15 * min(low, -0.02 * high), 1.15 * high or 1.0


def _ticks(info: GainsInfo) -> list[float]:
    _, top = _heights(info)
    return [0.0, *(float(f"{end:.1g}") for end in info.reach if abs(end) > 0.2 * top)]


_TOLD = [("positions", "@first to @last"), ("gain", "@gain{+0.0000} % of the layer")]


def _bars_of(info: GainsInfo) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """What bars of stripes and of columns are drawn from."""
    at = info.columns_shown.first - info.window[0]
    columns = _data(info.columns_shown, {"channel": info.original[at]})
    return _data(info.stripes_shown, {"stripe": info.stripes}), columns


def _data(bars: Bars, more: dict[str, NDArray[np.int64]]) -> dict[str, NDArray[Any]]:
    # One length of number each, and no names of colours: strips are sent at every zoom.
    return {
        "position": (bars.first - 0.5).astype(np.float32),
        "zero": np.minimum(bars.gains, 0.0).astype(np.float32),
        "right": (bars.last + 0.5).astype(np.float32),
        "top": np.maximum(bars.gains, 0.0).astype(np.float32),
        "gain": bars.gains.astype(np.float32),
        "first": bars.first.astype(np.int32),
        "last": bars.last.astype(np.int32),
        **{name: values.astype(np.int32) for name, values in more.items()},
    }


def _drawn(data: dict[str, NDArray[Any]], alpha: float) -> hv.Rectangles:
    names = list(data)
    drawn = hv.Rectangles(data, names[:4], names[4:])
    drawn.opts(
        color="gain",
        cmap=[LOSS, GAIN],
        clim=(-1e-30, 1e-30),
        alpha=alpha,
        line_alpha=0,
        tools=["hover"],
    )
    return drawn
