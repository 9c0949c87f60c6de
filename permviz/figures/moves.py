"""Where each channel went: its position in the order as given, and in the order found.

Few channels are two rows of squares with a line from each channel's old place to its new
one, in the colour of the stripe that it joins: one sees which channels, once far apart,
now stand together. More channels are points, old against new position, coloured by how far
they moved; what stayed lies on the diagonal. A great many are counted in small fields.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

import holoviews as hv
import numpy as np
from numpy.typing import NDArray

from permviz.core.pattern import NMPattern
from permviz.figures.pair import OrderPair
from permviz.figures.palette import DEFAULT, HEAT, strategy_colors
from permviz.figures.sources import renew_all
from permviz.figures.tabular import Columns

Style = Literal["lines", "points", "fields"]

MOST_LINES = 64
MOST_POINTS = 4096
_FIELDS = 128
_GAP = 0.7
"""Room between stripes, in widths of a channel."""


@dataclass(frozen=True, slots=True, eq=False)
class MovesInfo:
    """Old and new position of every channel.

    Attributes:
        layer: name of the layer.
        new: int64[channels], where each channel, as given, stands in the found order.
        pattern: the N:M pattern.
    """

    layer: str
    new: NDArray[np.int64] = field(repr=False)
    pattern: NMPattern

    @property
    def old(self) -> NDArray[np.int64]:
        """Where each channel stood."""
        return np.arange(self.new.size)

    @property
    def distance(self) -> NDArray[np.int64]:
        """By how many positions each channel moved."""
        return np.abs(self.new - self.old)

    @property
    def moved(self) -> int:
        """How many channels stand elsewhere than before."""
        return int((self.distance > 0).sum())

    @property
    def regrouped(self) -> int:
        """How many channels joined another stripe than the one of their old place."""
        return int((self.stripe(self.new) != self.stripe(self.old)).sum())

    @property
    def style(self) -> Style:
        """How so many channels are best drawn."""
        if self.new.size <= MOST_LINES:
            return "lines"
        return "points" if self.new.size <= MOST_POINTS else "fields"

    def stripe(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """The stripe of some positions; -1 past the last whole one."""
        m = self.pattern.m
        return np.where(positions < self.new.size // m * m, positions // m, -1)

    @property
    def table(self) -> Columns:
        """One line a channel, as given."""
        return {
            "original_channel": self.old,
            "new_position": self.new,
            "old_stripe": self.stripe(self.old),
            "new_stripe": self.stripe(self.new),
            "moved_by_positions": self.distance,
        }


def moves_info(pair: OrderPair) -> MovesInfo:
    """Compute where each channel went."""
    return MovesInfo(pair.layer, np.argsort(pair.order), pair.pattern)


def moves_plot(info: MovesInfo) -> hv.Overlay:
    """Draw two rows of squares, points or counted fields, by the number of channels."""
    drawn = {"lines": _rows, "points": _points, "fields": _counted}[info.style](info)
    drawn.opts(xlabel=_told(info))
    return drawn


def follow_moves(figure: Any, info: MovesInfo) -> bool:
    """Show another order of as many channels as a figure is drawn for.

    Args:
        figure: Bokeh's, as `moves_plot` is drawn.
        info: what it is to show.

    Returns:
        Whether it could be done: False if the figure has other parts.
    """
    if info.style == "fields":
        counts = _counts(info)
        figure.renderers[0].glyph.color_mapper.high = float(counts.max())
        drawn: list[dict[str, Any]] = [{"image": [counts]}]
    else:
        colored = _colored_columns(info)
        # HoloViews makes no column of the colour of a single stripe.
        if info.style == "lines" and np.unique(colored[-1]["color"]).size == 1:
            return False
        drawn = colored
    if not renew_all(figure, drawn):
        return False
    figure.xaxis[0].axis_label = _told(info)
    return True


def _colored_columns(info: MovesInfo) -> list[dict[str, Any]]:
    """What few channels are drawn from, as HoloViews names it."""
    if info.style == "points":
        points = _point_columns(info)
        return [{}, points | {"color": points["distance"]}]
    return [one | {"color": one["paint"]} for one in (_line_columns(info), _square_columns(info))]


def _told(info: MovesInfo) -> str:
    axis = "stripe" if info.style == "lines" else "new position"
    told = f"{info.moved} of {info.new.size} channels moved, {info.regrouped} to other stripes"
    return f"{axis}; {told}"


def _places(info: MovesInfo, positions: NDArray[np.int64]) -> NDArray[np.float64]:
    """Horizontal places of positions, with a gap between stripes."""
    return positions + _GAP * (positions // info.pattern.m)


def _channel_columns(info: MovesInfo) -> dict[str, NDArray[Any]]:
    return {
        "channel": info.old,
        "position": info.new,
        "from": info.stripe(info.old),
        "into": info.stripe(info.new),
        "paint": _paints(info),
    }


def _line_columns(info: MovesInfo) -> dict[str, NDArray[Any]]:
    """Ends first: from a channel's place in the upper row to the one in the lower row."""
    old, new = _places(info, info.old), _places(info, info.new)
    ends = {"x": old, "y": np.ones(old.size), "end": new, "level": np.zeros(old.size)}
    return ends | _channel_columns(info)


def _square_columns(info: MovesInfo) -> dict[str, NDArray[Any]]:
    """Places first, of the upper row and then of the lower one."""
    old, new = _places(info, info.old), _places(info, info.new)
    places = {"x": np.concatenate([old, new]), "y": np.repeat([1.0, 0.0], old.size)}
    told = _channel_columns(info).items()
    return places | {name: np.concatenate([values, values]) for name, values in told}


def _rows(info: MovesInfo) -> hv.Overlay:
    old, new = _places(info, info.old), _places(info, info.new)
    ends, places = _line_columns(info), _square_columns(info)
    lines = hv.Segments(ends, list(ends)[:4], list(ends)[4:])
    lines.opts(color="paint", line_width=2, alpha=0.75, tools=["hover"], hover_tooltips=_MOVED)
    squares = hv.Points(places, list(places)[:2], list(places)[2:])
    squares.opts(
        color="paint",
        marker="square",
        size=9 if old.size <= MOST_LINES // 2 else 6,
        line_alpha=0,
        tools=["hover"],
        hover_tooltips=_MOVED,
    )
    m = info.pattern.m
    overlay = hv.Overlay([lines, squares])
    overlay.opts(
        xticks=[
            (stripe * (m + _GAP) + (m - 1) / 2, str(stripe)) for stripe in range(old.size // m)
        ],
        yticks=[(1.0, "order as given"), (0.0, "found order")],
        xlim=(-1.0, float(max(old.max(initial=0), new.max(initial=0))) + 1.0),
        ylim=(-0.3, 1.3),
        ylabel="",
        show_grid=False,
    )
    return overlay


def _paints(info: MovesInfo) -> NDArray[np.str_]:
    """A colour for each channel: the one of the stripe that it is in now."""
    into = info.stripe(info.new)
    colors = strategy_colors([str(stripe) for stripe in range(int(into.max(initial=-1)) + 1)])
    return np.array([colors.get(str(stripe), DEFAULT) for stripe in into.tolist()])


_MOVED = [
    ("original channel", "@channel"),
    ("stands now at", "@position"),
    ("stripe", "@from to @into"),
]


def _point_columns(info: MovesInfo) -> dict[str, NDArray[Any]]:
    return {
        "new": info.new.astype(np.int32),
        "old": info.old.astype(np.int32),
        # HoloViews takes whole numbers that are all the same for one colour, without a bar.
        "distance": info.distance.astype(np.float32),
        "into": info.stripe(info.new).astype(np.int32),
    }


def _points(info: MovesInfo) -> hv.Overlay:
    points = hv.Points(_point_columns(info), ["new", "old"], ["distance", "into"])
    points.opts(
        color="distance",
        cmap=HEAT,
        clim=(0, info.new.size),
        colorbar=True,
        colorbar_opts={"width": 10, "padding": 4},
        clabel="moved by",
        size=5,
        # The dark end of the map would vanish on a dark page.
        line_color=DEFAULT,
        line_width=0.6,
        tools=["hover"],
        hover_tooltips=[
            ("original channel", "@old"),
            ("stands now at", "@new, in stripe @into"),
            ("moved by", "@distance{0} positions"),
        ],
    )
    return _square(info, [_diagonal(info), points])


def _counts(info: MovesInfo) -> NDArray[np.int32]:
    reach = [(-0.5, info.new.size - 0.5)] * 2
    counts, *_ = np.histogram2d(info.old, info.new, bins=_FIELDS, range=reach)
    return counts.astype(np.int32)


def _counted(info: MovesInfo) -> hv.Overlay:
    size, counts = info.new.size, _counts(info)
    image = hv.Image(
        counts[::-1],
        ["new", "old"],
        hv.Dimension("channels", range=(0, float(counts.max()))),
        bounds=(-0.5, -0.5, size - 0.5, size - 0.5),
    )
    image.opts(
        cmap=HEAT,
        colorbar=True,
        colorbar_opts={"width": 10, "padding": 4},
        clabel="channels",
        tools=["hover"],
        hover_tooltips=[
            ("old position about", "$y{0}"),
            ("new position about", "$x{0}"),
            ("channels", "@image"),
        ],
    )
    return _square(info, [image])


def _diagonal(info: MovesInfo) -> hv.Segments:
    """What stayed in place lies on it."""
    end = info.new.size - 0.5
    line = hv.Segments([(-0.5, -0.5, end, end)], ["new", "old", "right", "top"])
    line.opts(color=DEFAULT, line_dash="dashed", line_width=1)
    return line


def _square(info: MovesInfo, parts: list[hv.Element]) -> hv.Overlay:
    overlay = hv.Overlay(parts)
    reach = (-0.5, info.new.size - 0.5)
    overlay.opts(xlim=reach, ylim=reach, ylabel="old position")
    return overlay
