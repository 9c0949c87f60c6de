"""Strategies on layers: a map of efficacies, and the paper's chart of them layer by layer.

Both share their horizontal axis, one layer a place. A mean over layers weighs each by what
could be gained on it, so it is the efficacy of all these layers together.

Source: Pool & Yu 2021, Figure 5.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import holoviews as hv
import numpy as np
from numpy.typing import NDArray

from permviz.figures.palette import HEAT, strategy_colors, strategy_markers
from permviz.figures.tabular import Columns
from permviz.session.comparison import ComparedLayer, Comparison

_MOST_NAMES = 60
_LONGEST_NAME = 26


@dataclass(frozen=True, slots=True, eq=False)
class CompareInfo:
    """Efficacies in percent of strategies on layers.

    Attributes:
        strategies: texts, one a row.
        layers: names, one a column.
        efficacies: float64[strategies, layers], NaN where a strategy has not searched.
        winners: index of the strategy that retains most, a layer; -1 before any search.
        used: index of the strategy in use, a layer; -1 where its groups use several.
        means: float64[strategies], over the layers that all strategies have searched,
            weighted by what could be gained; NaN without any.
        common: how many layers all strategies have searched.
        mean_used: the same mean under the strategies in use; NaN where it is not known.
        selected: index of the picked layer, None if it is not shown.
    """

    strategies: tuple[str, ...]
    layers: tuple[str, ...]
    efficacies: NDArray[np.float64] = field(repr=False)
    winners: tuple[int, ...]
    used: tuple[int, ...]
    means: NDArray[np.float64]
    common: int
    mean_used: float
    selected: int | None

    @property
    def table(self) -> Columns:
        """One line a strategy on a layer that it has searched."""
        places = [
            (row, place)
            for row in range(len(self.strategies))
            for place in range(len(self.layers))
            if np.isfinite(self.efficacies[row, place])
        ]
        return {
            "strategy": [self.strategies[row] for row, _ in places],
            "layer": [self.layers[place] for _, place in places],
            "efficacy_percent": [float(self.efficacies[at]) for at in places],
            "best_on_the_layer": [int(self.winners[place] == row) for row, place in places],
            "in_use": [int(self.used[place] == row) for row, place in places],
        }


def compare_info(
    found: Comparison, choice: Mapping[str, str] | None = None, selected: str = ""
) -> CompareInfo:
    """Compute the efficacies of a comparison.

    Args:
        found: what the strategies have found.
        choice: the strategy to use, by channel group; the best where none is named.
        selected: name of the picked layer.
    """
    names = tuple(layer.name for layer in found.layers)
    efficacies = efficacy_matrix(found)
    rooms = np.array([layer.room for layer in found.layers])
    common = np.isfinite(efficacies).all(axis=0) & (efficacies.size > 0)
    chosen = found.chosen(choice or {})
    used = tuple(_used(layer, found.strategies, chosen) for layer in found.layers)
    taken = np.array(
        [efficacies[row, place] if row >= 0 else np.nan for place, row in enumerate(used)]
    )
    return CompareInfo(
        strategies=found.strategies,
        layers=names,
        efficacies=efficacies,
        winners=tuple(
            found.strategies.index(layer.winner) if layer.retained else -1 for layer in found.layers
        ),
        used=used,
        means=np.array([weighted_mean(row[common], rooms[common]) for row in efficacies]),
        common=int(common.sum()),
        mean_used=weighted_mean(taken, rooms),
        selected=names.index(selected) if selected in names else None,
    )


def efficacy_matrix(found: Comparison) -> NDArray[np.float64]:
    """Efficacy in percent: float64[strategies, layers], NaN where nothing was searched."""
    listed = [
        [layer.efficacy(text) if text in layer.retained else np.nan for layer in found.layers]
        for text in found.strategies
    ]
    return np.array(listed, dtype=np.float64).reshape(len(found.strategies), len(found.layers))


def weighted_mean(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Mean of some values; NaN without any, and plain where no value has a weight."""
    if values.size == 0:
        return float("nan")
    total = float(weights.sum())
    return float((values * weights).sum() / total) if total > 0 else float(values.mean())


def _used(layer: ComparedLayer, strategies: Sequence[str], chosen: Mapping[str, str]) -> int:
    texts = {chosen[group] for group in layer.groups if group in chosen}
    (text,) = texts if len(texts) == 1 else ("",)
    return strategies.index(text) if text in layer.retained else -1


def compare_plot(info: CompareInfo) -> hv.Overlay:
    """Draw the map: strategies by layers, a dot on each winner, a frame around what is used."""
    overlay = hv.Overlay([_cells(info), _frames(info), _dots(info)])
    overlay.opts(
        yticks=[(row, shortened(text)) for row, text in enumerate(info.strategies)],
        ylim=(-0.6, max(len(info.strategies), 1) - 0.4),
        xlim=_reach(info),
        xaxis=None,
        xlabel="",
        ylabel="",
        invert_yaxis=True,
        labelled=[],
    )
    return overlay


def _cells(info: CompareInfo) -> hv.Rectangles:
    data = [
        (place - 0.5, row - 0.45, place + 0.5, row + 0.45, value, layer, text)
        for row, text in enumerate(info.strategies)
        for place, layer in enumerate(info.layers)
        if np.isfinite(value := float(info.efficacies[row, place]))
    ]
    cells = hv.Rectangles(
        data, ["place", "row", "right", "bottom"], ["efficacy", "layer", "strategy"]
    )
    cells.opts(
        color="efficacy",
        cmap=HEAT,
        clim=(0, 100),
        line_alpha=0,
        colorbar=True,
        colorbar_opts={"width": 10, "padding": 4},
        clabel="%",
        tools=["hover", "tap"],
        nonselection_alpha=1.0,
        hover_tooltips=[
            ("layer", "@layer"),
            ("strategy", "@strategy"),
            ("efficacy", "@efficacy{0.00} %"),
        ],
    )
    return cells


def _frames(info: CompareInfo) -> hv.Rectangles:
    data = [
        (place - 0.5, row - 0.45, place + 0.5, row + 0.45)
        for place, row in enumerate(info.used)
        if row >= 0
    ]
    frames = hv.Rectangles(data, ["place", "row", "right", "bottom"])
    frames.opts(fill_alpha=0, line_color="#d55e00", line_width=2.5)
    return frames


def _dots(info: CompareInfo) -> hv.Points:
    won = [(place, row) for place, row in enumerate(info.winners) if row >= 0]
    dots = hv.Points(won, ["place", "row"])
    dots.opts(color="white", line_color="black", size=7, marker="circle")
    return dots


def layers_plot(info: CompareInfo) -> hv.Overlay:
    """Draw each layer's efficacies above its name, and each strategy's weighted mean."""
    overlay = hv.Overlay([_band(info), _stems(info), _means(info), _points(info)])
    overlay.opts(
        xticks=layer_ticks(info.layers),
        xrotation=90,
        xlim=_reach(info),
        ylim=_heights(info),
        xlabel="",
        ylabel="efficacy in %",
    )
    return overlay


def layer_ticks(layers: Sequence[str]) -> list[tuple[int, str]]:
    """Names below the axis, thinned where they would not fit."""
    step = -(-max(len(layers), 1) // _MOST_NAMES)
    return [(place, shortened(name)) for place, name in enumerate(layers) if place % step == 0]


def shortened(name: str) -> str:
    """A name that fits beside an axis; the end of a long one says most."""
    return name if len(name) <= _LONGEST_NAME else f"…{name[1 - _LONGEST_NAME :]}"


def _reach(info: CompareInfo) -> tuple[float, float]:
    return (-0.6, max(len(info.layers), 1) - 0.4)


def _heights(info: CompareInfo) -> tuple[float, float]:
    known = info.efficacies[np.isfinite(info.efficacies)]
    return (min(0.0, float(known.min(initial=0.0))) - 3.0, float(known.max(initial=10.0)) * 1.08)


def _band(info: CompareInfo) -> hv.VSpans:
    at = [] if info.selected is None else [(info.selected - 0.5, info.selected + 0.5)]
    band = hv.VSpans(at, ["from", "to"])
    band.opts(color="#e69f00", alpha=0.18, line_alpha=0)
    return band


def _stems(info: CompareInfo) -> hv.Segments:
    """A line from each layer's least efficacy to its largest, so that one sees the spread."""
    data = [
        (place, float(np.nanmin(column)), place, float(np.nanmax(column)))
        for place, column in enumerate(info.efficacies.T)
        if np.isfinite(column).any()
    ]
    stems = hv.Segments(data, ["place", "efficacy", "end", "top"])
    stems.opts(color="#8c8c8c", alpha=0.5, line_width=2)
    return stems


def _means(info: CompareInfo) -> hv.Segments:
    colors = strategy_colors(info.strategies)
    left, right = _reach(info)
    data = [
        (left, float(mean), right, float(mean), text, colors[text])
        for text, mean in zip(info.strategies, info.means, strict=True)
        if np.isfinite(mean)
    ]
    means = hv.Segments(data, ["place", "efficacy", "end", "level"], ["strategy", "paint"])
    means.opts(color="paint", line_dash="dashed", line_width=1.5, alpha=0.9)
    return means


def _points(info: CompareInfo) -> hv.Points:
    colors, markers = strategy_colors(info.strategies), strategy_markers(info.strategies)
    data = [
        (place, value, text, layer, colors[text], markers[text])
        for row, text in enumerate(info.strategies)
        for place, layer in enumerate(info.layers)
        if np.isfinite(value := float(info.efficacies[row, place]))
    ]
    points = hv.Points(data, ["place", "efficacy"], ["strategy", "layer", "paint", "shape"])
    points.opts(
        color="paint",
        marker="shape",
        size=9,
        alpha=0.9,
        framewise=True,
        tools=["hover", "tap"],
        nonselection_alpha=0.9,
        hover_tooltips=[
            ("layer", "@layer"),
            ("strategy", "@strategy"),
            ("efficacy", "@efficacy{0.00} %"),
        ],
    )
    return points
