"""Efficacy of each strategy on one channel group, over seconds or over iterations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import holoviews as hv
import numpy as np
from numpy.typing import NDArray

from permviz.core.score import efficacy_percent
from permviz.core.trace import SearchTrace
from permviz.figures.palette import DEFAULT, strategy_colors, strategy_dashes
from permviz.figures.sources import renew
from permviz.figures.tabular import Columns

Clock = Literal["seconds", "iterations"]

MOST_POINTS = 400
OPTIMUM = 100.0
"""Efficacy of the row optimum, in percent, by the definition of efficacy."""

_BOUND = "upper bound"

_UNIMPROVED = 2
"""Points of a curve that only begins and ends."""

_AHEAD = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
"""Where an axis ends whose curves still grow, but for powers of ten."""

_LONGEST_NAME = 24
_MOST_DECADES = 3


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
        bound: efficacy in percent that is proved to be out of reach of any order.
    """

    seconds: NDArray[np.float64] = field(repr=False)
    iterations: NDArray[np.int64] = field(repr=False)
    efficacies: NDArray[np.float64] = field(repr=False)
    seconds_now: float
    iterations_now: int
    finished: bool
    bound: float = OPTIMUM


UNBEGUN = Track(np.empty(0), np.empty(0, dtype=np.int64), np.empty(0), 0.0, 0, finished=False)
"""The track of a search that has not begun."""


def trace_track(trace: SearchTrace) -> Track:
    """The track of a search that has ended."""
    steps, start = trace.improvements, trace.started
    bound = trace.bounds[-1].bound if trace.bounds else start.row_optimum
    return Track(
        seconds=np.array([step.seconds for step in steps], dtype=np.float64),
        iterations=np.array([step.iteration for step in steps], dtype=np.int64),
        efficacies=trace.efficacies(),
        seconds_now=trace.finished.seconds,
        iterations_now=trace.finished.iteration,
        finished=True,
        bound=efficacy_percent(start.baseline, bound, start.row_optimum),
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
        log: whether time is drawn by its logarithm; curves then begin where the first of
            them has improved, and not at 0.
        bound: least efficacy in percent that is proved to be out of reach; the row optimum
            where nothing better is proved.
        whole: whether the axis reaches up to the row optimum.
    """

    lines: tuple[CurveLine, ...]
    clock: Clock
    log: bool
    bound: float
    whole: bool

    @property
    def bounded(self) -> bool:
        """Whether less than the row optimum is proved to be out of reach."""
        return self.bound < OPTIMUM

    @property
    def span(self) -> tuple[float, float]:
        """Where the time axis begins and ends: some way ahead of curves that still grow."""
        first = min((float(line.x[0]) for line in self.lines), default=0.0)
        last = max((float(line.x[-1]) for line in self.lines), default=1.0)
        if last <= first:
            return first, first + 1.0
        return first, last if all(line.finished for line in self.lines) else _ahead(last)

    @property
    def ticks(self) -> list[float] | None:
        """Where a logarithmic axis is marked; None for any other, which marks itself."""
        if not self.log:
            return None
        first, last = self.span
        decades = np.arange(np.floor(np.log10(first)), np.ceil(np.log10(last)) + 1)
        fine = [1, 2, 5] if decades.size <= _MOST_DECADES else [1]
        marks = np.multiply.outer(10.0**decades, fine).ravel()
        return [float(mark) for mark in marks if first <= mark <= last]

    @property
    def table(self) -> Columns:
        """One line a point of a curve that has any, and one for each of the two limits."""
        lines = [line for line in self.lines if line.finished or line.x.size > _UNIMPROVED]
        names = [line.strategy for line in lines for _ in line.x]
        return {
            "curve": [*names, "row optimum", _BOUND],
            self.clock: [*_joined([line.x for line in lines]).tolist(), "", ""],
            "efficacy_percent": [
                *_joined([line.efficacy for line in lines]).tolist(),
                OPTIMUM,
                self.bound,
            ],
        }


def _ahead(time: float) -> float:
    """A round time that is not over: an axis that moves with its curve is drawn with it."""
    decade = 10.0 ** np.floor(np.log10(time))
    ends = (step * decade for step in _AHEAD if step * decade >= time)
    return float(next(ends, time))


def _joined(parts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.concatenate([np.empty(0), *parts])


def curve_info(
    tracks: Mapping[str, Track],
    clock: Clock = "seconds",
    *,
    log: bool = False,
    whole: bool = True,
) -> CurveInfo:
    """Compute step curves: they start at 0, and reach to now when nothing improves.

    Long tracks are thinned to `MOST_POINTS`; first and last points always stay.

    Args:
        tracks: how far each strategy has come.
        clock: what they are drawn over.
        log: whether time is drawn by its logarithm.
        whole: whether the axis reaches up to the row optimum, or to the curves only.
    """
    by_seconds = clock == "seconds"
    times = [track.seconds if by_seconds else track.iterations for track in tracks.values()]
    lines = [_line(strategy, track, clock) for strategy, track in tracks.items()]
    if log:
        start = _beginning([*times, *(line.x for line in lines)])
        lines = [_begun(line, start) for line in lines]
    bound = min((track.bound for track in tracks.values()), default=OPTIMUM)
    return CurveInfo(tuple(lines), clock, log, bound, whole)


def _line(strategy: str, track: Track, clock: Clock) -> CurveLine:
    by_seconds = clock == "seconds"
    x = (track.seconds if by_seconds else track.iterations).astype(np.float64)
    now = track.seconds_now if by_seconds else float(track.iterations_now)
    x = np.concatenate([[0.0], x, [max(now, x[-1] if x.size else 0.0)]])
    y = np.concatenate([[0.0], track.efficacies, [_last(track.efficacies)]])
    shown = _thinned(x.size)
    return CurveLine(strategy, x[shown], y[shown], track.finished)


def _beginning(times: Sequence[NDArray[Any]]) -> float:
    """A time on a logarithmic axis before which nothing happened: half the first one."""
    known: NDArray[np.float64] = np.concatenate([np.empty(0), *times])
    return float(known[known > 0].min()) / 2 if (known > 0).any() else 1.0


def _begun(line: CurveLine, start: float) -> CurveLine:
    return CurveLine(line.strategy, np.maximum(line.x, start), line.efficacy, line.finished)


def _last(values: NDArray[np.float64]) -> float:
    return float(values[-1]) if values.size else 0.0


def _thinned(points: int) -> NDArray[np.int64]:
    if points <= MOST_POINTS:
        return np.arange(points)
    return np.unique(np.linspace(0, points - 1, MOST_POINTS).round().astype(np.int64))


def curve_plot(info: CurveInfo) -> hv.Overlay:
    """Draw the curves as steps, one colour and line style a strategy, below their limits."""
    names = [line.strategy for line in info.lines]
    colors, dashes = strategy_colors(names), strategy_dashes(names)
    curves = [
        _curve(line, info, colors[line.strategy], dashes[line.strategy]) for line in info.lines
    ]
    limits = [_limit(name, drawn) for name, drawn in _limits(info).items()]
    overlay = hv.Overlay([*curves, *limits])
    overlay.opts(
        xlabel=info.clock,
        ylabel="efficacy in %",
        logx=info.log,
        **({} if info.ticks is None else {"xticks": list(_marks(info.ticks).items())}),
        legend_position="right",
        legend_labels={name: _shortened(name) for name in names},
        xlim=info.span,
        ylim=_heights(info),
    )
    return overlay


def follow_curves(figure: Any, info: CurveInfo) -> bool:
    """Move the lines of a figure that is drawn to where they are now, and its axes with them.

    It costs a small part of drawing the figure anew.

    Args:
        figure: Bokeh's, as `curve_plot` is drawn.
        info: where the lines are.

    Returns:
        Whether it could be done: False if the figure has other lines.
    """
    lines = {line.strategy: _steps(line, info.clock) for line in info.lines} | _limits(info)
    sources = {drawn.name: drawn.data_source for drawn in figure.renderers}
    if sources.keys() != lines.keys():
        return False
    for name, columns in lines.items():
        renew(sources[name], columns)
    for axis, (start, end) in ((figure.x_range, info.span), (figure.y_range, _heights(info))):
        axis.update(start=start, end=end, reset_start=start, reset_end=end)
    if info.ticks is not None:
        (axis,) = figure.xaxis
        axis.ticker.ticks = info.ticks
        axis.major_label_overrides = _marks(info.ticks)
    return True


def _steps(line: CurveLine, clock: Clock) -> dict[str, NDArray[np.float64]]:
    """A curve as it is drawn: level until the next point, and then upright."""
    return {clock: np.repeat(line.x, 2)[1:], "efficacy": np.repeat(line.efficacy, 2)[:-1]}


def _curve(line: CurveLine, info: CurveInfo, color: str, dash: str) -> hv.Curve:
    steps = _steps(line, info.clock)
    drawn = hv.Curve(steps, info.clock, "efficacy", label=line.strategy)
    drawn.opts(
        color=color,
        line_dash=dash,
        line_width=2.5,
        # Only what elements say of it makes the axes follow the data.
        framewise=True,
        tools=["hover"],
        hover_tooltips=[
            ("", line.strategy),
            (info.clock, f"@{info.clock}{{0.[000]}}"),
            ("efficacy", "@efficacy{0.00} %"),
        ],
    )
    return drawn


def _marks(ticks: Sequence[float]) -> dict[float, str]:
    return {at: f"{at:g}" for at in ticks}


def _shortened(name: str) -> str:
    """A name that leaves room for the curves beside the legend."""
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _limits(info: CurveInfo) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Two level lines; nobody needs the upper one where the axis ends below it."""
    known = {"row optimum": OPTIMUM} | ({_BOUND: info.bound} if info.bounded else {})
    across = np.array(info.span)
    return {name: {"from": across, "level": np.full(2, level)} for name, level in known.items()}


def _limit(name: str, drawn: dict[str, NDArray[np.float64]]) -> hv.Curve:
    line = hv.Curve(drawn, "from", "level", label=name)
    line.opts(
        color=DEFAULT,
        line_width=1.5,
        line_dash="dashed" if name == _BOUND else "solid",
        framewise=True,
    )
    return line


def _heights(info: CurveInfo) -> tuple[float, float]:
    least = min((float(line.efficacy.min()) for line in info.lines), default=0.0)
    most = max((float(line.efficacy.max()) for line in info.lines), default=0.0)
    top = OPTIMUM * 1.05 if info.whole else max(most * 1.08, 1.0)
    return min(0.0, least) - 0.02 * top, top
