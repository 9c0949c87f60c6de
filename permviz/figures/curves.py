"""Efficacy of each strategy on one channel group, over seconds or over iterations."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import holoviews as hv
import numpy as np
from numpy.typing import NDArray

from permviz.core.trace import SearchTrace
from permviz.figures.palette import strategy_colors, strategy_dashes

Clock = Literal["seconds", "iterations"]

MOST_POINTS = 400


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """How far one search has come.

    Attributes:
        seconds: float64[points], searching time of each improvement, ascending.
        iterations: int64[points], steps taken until each improvement.
        efficacies: float64[points], efficacy after each improvement, in percent.
        seconds_now: searching time until now.
        iterations_now: steps taken until now.
        finished: whether the search has ended.
    """

    seconds: NDArray[np.float64] = field(repr=False)
    iterations: NDArray[np.int64] = field(repr=False)
    efficacies: NDArray[np.float64] = field(repr=False)
    seconds_now: float
    iterations_now: int
    finished: bool


def trace_track(trace: SearchTrace) -> Track:
    """The track of a search that has ended."""
    steps = trace.improvements
    return Track(
        seconds=np.array([step.seconds for step in steps], dtype=np.float64),
        iterations=np.array([step.iteration for step in steps], dtype=np.int64),
        efficacies=trace.efficacies(),
        seconds_now=trace.finished.seconds,
        iterations_now=trace.finished.iteration,
        finished=True,
    )


@dataclass(frozen=True, slots=True, eq=False)
class CurveLine:
    """One strategy's curve, drawn as steps.

    Attributes:
        strategy: its text.
        x: float64[points], ascending, in the unit of the figure.
        efficacy: float64[points], in percent.
        finished: whether the search has ended.
    """

    strategy: str
    x: NDArray[np.float64] = field(repr=False)
    efficacy: NDArray[np.float64] = field(repr=False)
    finished: bool


@dataclass(frozen=True, slots=True)
class CurveInfo:
    """All curves of a channel group.

    Attributes:
        lines: one for each strategy, in the order of the search.
        clock: ``seconds`` or ``iterations``.
    """

    lines: tuple[CurveLine, ...]
    clock: Clock


def curve_info(tracks: Mapping[str, Track], clock: Clock = "seconds") -> CurveInfo:
    """Compute step curves: they start at 0, and reach to now when nothing improves.

    Long tracks are thinned to `MOST_POINTS`; first and last points always stay.
    """
    return CurveInfo(
        tuple(_line(strategy, track, clock) for strategy, track in tracks.items()), clock
    )


def _line(strategy: str, track: Track, clock: Clock) -> CurveLine:
    by_seconds = clock == "seconds"
    x = (track.seconds if by_seconds else track.iterations).astype(np.float64)
    now = track.seconds_now if by_seconds else float(track.iterations_now)
    x = np.concatenate([[0.0], x, [max(now, x[-1] if x.size else 0.0)]])
    y = np.concatenate([[0.0], track.efficacies, [_last(track.efficacies)]])
    shown = _thinned(x.size)
    return CurveLine(strategy, x[shown], y[shown], track.finished)


def _last(values: NDArray[np.float64]) -> float:
    return float(values[-1]) if values.size else 0.0


def _thinned(points: int) -> NDArray[np.int64]:
    if points <= MOST_POINTS:
        return np.arange(points)
    return np.unique(np.linspace(0, points - 1, MOST_POINTS).round().astype(np.int64))


def curve_plot(info: CurveInfo) -> hv.Overlay:
    """Draw the curves as steps, one colour and line style a strategy."""
    names = [line.strategy for line in info.lines]
    colors, dashes = strategy_colors(names), strategy_dashes(names)
    curves = [
        hv.Curve((line.x, line.efficacy), info.clock, "efficacy", label=line.strategy)
        for line in info.lines
    ]
    for curve in curves:
        curve.opts(
            color=colors[curve.label],
            line_dash=dashes[curve.label],
            line_width=2.5,
            interpolation="steps-post",
            # Only what elements say of it makes the axes follow the data.
            framewise=True,
            tools=["hover"],
        )
    overlay = hv.Overlay(curves)
    overlay.opts(
        xlabel=info.clock,
        ylabel="efficacy in %",
        legend_position="bottom_right",
    )
    return overlay
