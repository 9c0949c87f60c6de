"""Efficacy against searching time, and the strategies that no other one beats at both."""

from dataclasses import dataclass, field

import holoviews as hv
import numpy as np
from numpy.typing import NDArray

from permviz.figures.compare import efficacy_matrix, weighted_mean
from permviz.figures.palette import strategy_colors, strategy_markers
from permviz.figures.tabular import Columns
from permviz.session.comparison import Comparison

_LEAST_SECONDS = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class FrontierInfo:
    """What each strategy's time has bought; only strategies that are through are here.

    Attributes:
        strategies: their texts.
        seconds: float64[strategies], searching time over all groups that are counted.
        efficacies: float64[strategies], of all counted layers together, in percent.
        frontier: indices of those that no other is both faster and better than, by time.
        palette: texts of all compared strategies, which colours go by.
        scope: what is counted, in words.
    """

    strategies: tuple[str, ...]
    seconds: NDArray[np.float64] = field(repr=False)
    efficacies: NDArray[np.float64] = field(repr=False)
    frontier: tuple[int, ...]
    palette: tuple[str, ...]
    scope: str

    @property
    def table(self) -> Columns:
        """One line a strategy."""
        return {
            "strategy": self.strategies,
            "seconds": self.seconds,
            "efficacy_percent": self.efficacies,
            "on_the_frontier": [int(place in self.frontier) for place in range(len(self.seconds))],
        }


def frontier_info(found: Comparison, layer: str = "") -> FrontierInfo:
    """Compute time and efficacy of every strategy whose searches have all ended.

    Args:
        found: what the strategies have found.
        layer: only the channel groups of this layer count; empty for all layers.
    """
    picked = [place for place, one in enumerate(found.layers) if layer in {"", one.name}]
    groups = dict.fromkeys(group for place in picked for group in found.layers[place].groups)
    rooms = np.array([found.layers[place].room for place in picked])
    efficacies = efficacy_matrix(found)[:, picked]
    rows = [
        row
        for row, text in enumerate(found.strategies)
        if picked and all((group, text) in found.seconds for group in groups)
    ]
    texts = tuple(found.strategies[row] for row in rows)
    seconds = np.array([sum(found.seconds[group, text] for group in groups) for text in texts])
    means = np.array([weighted_mean(efficacies[row], rooms) for row in rows])
    return FrontierInfo(
        strategies=texts,
        seconds=seconds,
        efficacies=means,
        frontier=_frontier(seconds, means),
        palette=found.strategies,
        scope=layer or f"all {len(picked)} layers",
    )


def _frontier(seconds: NDArray[np.float64], efficacies: NDArray[np.float64]) -> tuple[int, ...]:
    best, kept = -np.inf, []
    # Of equal times the better one comes first, so that it alone is kept.
    for place in np.lexsort((-efficacies, seconds)):
        if efficacies[place] > best:
            best = efficacies[place]
            kept.append(int(place))
    return tuple(kept)


def frontier_plot(info: FrontierInfo) -> hv.Overlay:
    """Draw the strategies by time and efficacy, and the frontier as steps through the best."""
    seconds = np.maximum(info.seconds, _LEAST_SECONDS)
    at = list(info.frontier)
    steps = hv.Curve((seconds[at], info.efficacies[at]), "seconds", "efficacy")
    steps.opts(color="#8c8c8c", line_width=2, line_dash="dashed", interpolation="steps-post")
    overlay = hv.Overlay([steps, _points(info, seconds)])
    overlay.opts(
        logx=True,
        xlabel="seconds of search",
        ylabel="efficacy in %",
        title=info.scope,
        xlim=_around(seconds),
        ylim=_above_and_below(info.efficacies),
    )
    return overlay


def _around(seconds: NDArray[np.float64]) -> tuple[float, float]:
    """Room for a marker at both ends of the axis."""
    least, most = float(seconds.min(initial=1.0)), float(seconds.max(initial=_LEAST_SECONDS))
    return (least / 1.6, max(most, least) * 1.6)


def _above_and_below(efficacies: NDArray[np.float64]) -> tuple[float, float]:
    """Strategies differ by a few points, so the axis need not begin at 0."""
    if efficacies.size == 0:
        return (0.0, 100.0)
    least, most = float(efficacies.min()), float(efficacies.max())
    room = max(1.0, 0.2 * (most - least))
    return (least - room, most + room)


def _points(info: FrontierInfo, seconds: NDArray[np.float64]) -> hv.Points:
    colors, markers = strategy_colors(info.palette), strategy_markers(info.palette)
    rows = zip(info.strategies, seconds, info.efficacies, strict=True)
    data = [
        (float(time), float(value), text, colors[text], markers[text]) for text, time, value in rows
    ]
    points = hv.Points(data, ["seconds", "efficacy"], ["strategy", "paint", "shape"])
    points.opts(
        color="paint",
        marker="shape",
        size=12,
        framewise=True,
        tools=["hover"],
        hover_tooltips=[
            ("strategy", "@strategy"),
            ("time", "@seconds{0.000} s"),
            ("efficacy", "@efficacy{0.00} %"),
        ],
    )
    return points
