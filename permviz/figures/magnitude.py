"""Pruned magnitude of every layer: the order as given against each strategy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import holoviews as hv

from permviz.figures.palette import DEFAULT, strategy_colors
from permviz.figures.tabular import Columns

_GIVEN = "order as given"


class Retained(Protocol):
    """What a layer retains; a row of the session's report is one."""

    @property
    def name(self) -> str:
        """Name of the layer."""
        ...

    @property
    def total(self) -> float:
        """Sum of all scores."""
        ...

    @property
    def default(self) -> float:
        """Retained score of the order as given."""
        ...

    @property
    def by_strategy(self) -> Mapping[str, float]:
        """Retained score that each strategy reaches."""
        ...


@dataclass(frozen=True, slots=True)
class Bar:
    """One horizontal bar.

    Attributes:
        layer: name of the layer.
        place: index of the layer, 0 on top.
        strategy: text of the strategy, or ``order as given``.
        pruned: share of the layer's magnitude that is pruned, in percent.
        top: upper edge, in layers.
        bottom: lower edge, in layers.
    """

    layer: str
    place: int
    strategy: str
    pruned: float
    top: float
    bottom: float


@dataclass(frozen=True, slots=True)
class MagnitudeInfo:
    """The bars of a model.

    Attributes:
        layers: names of the layers, top first.
        strategies: what is compared; ``order as given`` first.
        bars: every bar.
        selected: index of the chosen layer, None if it is not shown.
    """

    layers: tuple[str, ...]
    strategies: tuple[str, ...]
    bars: tuple[Bar, ...]
    selected: int | None

    @property
    def table(self) -> Columns:
        """One line a bar."""
        return {
            "layer": [bar.layer for bar in self.bars],
            "order": [bar.strategy for bar in self.bars],
            "pruned_percent": [bar.pruned for bar in self.bars],
        }


def magnitude_info(
    rows: Sequence[Retained], selected: str = "", strategies: Sequence[str] = ()
) -> MagnitudeInfo:
    """Compute the pruned share of each layer; layers without scores are left out.

    Args:
        rows: the layers.
        selected: name of the chosen layer.
        strategies: what has a place even before it has a bar.
    """
    shown = [row for row in rows if row.total > 0]
    found = [text for row in shown for text in row.by_strategy]
    labels = (_GIVEN, *dict.fromkeys([*strategies, *found]))
    names = tuple(row.name for row in shown)
    bars = tuple(
        _bar(row, place, (label, labels.index(label), len(labels)))
        for place, row in enumerate(shown)
        for label in labels
        if label == _GIVEN or label in row.by_strategy
    )
    return MagnitudeInfo(names, labels, bars, names.index(selected) if selected in names else None)


def _bar(row: Retained, place: int, label: tuple[str, int, int]) -> Bar:
    strategy, index, count = label
    kept = row.default if strategy == _GIVEN else row.by_strategy[strategy]
    height = 0.8 / count
    top = place - 0.4 + index * height
    pruned = 100.0 * (row.total - kept) / row.total
    return Bar(row.name, place, strategy, pruned, top, top + height)


def magnitude_colors(strategies: Sequence[str]) -> dict[str, str]:
    """The color of each bar's strategy, the order as given included."""
    return {_GIVEN: DEFAULT, **strategy_colors([name for name in strategies if name != _GIVEN])}


def magnitude_plot(info: MagnitudeInfo) -> hv.Overlay:
    """Draw grouped horizontal bars, the chosen layer on a band."""
    band = [] if info.selected is None else [(info.selected - 0.5, info.selected + 0.5)]
    chosen = hv.HSpans(band, ["from", "to"])
    chosen.opts(color="#e69f00", alpha=0.18, line_alpha=0)
    overlay = hv.Overlay([chosen, _rectangles(info)])
    overlay.opts(
        invert_yaxis=True,
        yticks=list(enumerate(info.layers)),
        ylim=(-0.6, max(len(info.layers), 1) - 0.4),
        xlim=(0, max((bar.pruned for bar in info.bars), default=1.0) * 1.05 or 1.0),
        xlabel="pruned magnitude in %",
        ylabel="",
    )
    return overlay


def _rectangles(info: MagnitudeInfo) -> hv.Rectangles:
    # One element for all bars: each element costs time whenever the figure is updated.
    colors = magnitude_colors(info.strategies)
    data = [
        (0.0, bar.top, bar.pruned, bar.bottom, bar.layer, bar.strategy, colors[bar.strategy])
        for bar in info.bars
    ]
    drawn = hv.Rectangles(data, ["zero", "top", "pruned", "bottom"], ["layer", "strategy", "paint"])
    drawn.opts(
        color="paint",
        line_alpha=0,
        tools=["hover", "tap"],
        hover_tooltips=[("layer", "@layer"), ("order", "@strategy"), ("pruned", "@pruned{0.00} %")],
    )
    return drawn
