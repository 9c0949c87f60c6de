"""What the page says in words, as HTML; everything from outside is escaped."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from permviz.figures.pair import OrderPair
from permviz.graph.verify_report import VerifyReport
from permviz.models.accuracy_report import AccuracyRow, AccuracyTable
from permviz.session.events import Progress
from permviz.session.report import LayerRow, ModelTotals

TILES_CSS = """
.tiles { display: flex; flex-wrap: wrap; gap: 8px; align-items: stretch; }
.tile { flex: 1 1 auto; border: 1px solid color-mix(in srgb, currentColor 18%, transparent);
        border-radius: 8px; padding: 6px 12px; min-width: 104px; }
.tile .what { font-size: 11px; opacity: 0.72; white-space: nowrap; }
.tile .figure { font-size: 19px; font-weight: 600; white-space: nowrap;
                font-variant-numeric: tabular-nums; }
.tile .more { font-size: 11px; opacity: 0.72; }
.tile table { border-collapse: collapse; font-size: 12px; font-variant-numeric: tabular-nums; }
.tile th { font-weight: 400; opacity: 0.72; text-align: right; padding: 0 0 0 12px; }
.tile td { text-align: right; padding: 0 0 0 12px; white-space: nowrap; }
.tile tr > :first-child { text-align: left; padding-left: 0; }
.tile tr.main td { font-weight: 600; }
.good { color: #009e73; } .bad { color: #d55e00; }
"""


def summary_html(
    totals: ModelTotals | None, check: VerifyReport | None, accuracy: AccuracyTable | None
) -> str:
    """What came of the search, as a row of tiles."""
    tiles = [_retained_tile(totals), _efficacy_tile(totals), _layers_tile(totals)]
    tiles += [_check_tile(check), _accuracy_tile(accuracy)]
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _tile(what: str, figure: str, more: str = "", tone: str = "") -> str:
    return (
        f'<div class="tile"><div class="what">{escape(what)}</div>'
        f'<div class="figure {tone}">{escape(figure)}</div>'
        f'<div class="more">{escape(more)}</div></div>'
    )


def _retained_tile(totals: ModelTotals | None) -> str:
    if totals is None or totals.dense <= 0:
        return _tile("retained magnitude", "-", "of the dense model's")
    default, permuted, most = (
        f"{100.0 * value / totals.dense:.2f} %"
        for value in (totals.default, totals.permuted, totals.row_optimum)
    )
    return (
        '<div class="tile"><div class="what">retained magnitude</div><table>'
        f"<tr><td>default order</td><td>{default}</td></tr>"
        f'<tr class="main"><td>permuted</td><td>{permuted}</td></tr>'
        f"<tr><td>upper bound</td><td>{most}</td></tr></table></div>"
    )


def _efficacy_tile(totals: ModelTotals | None) -> str:
    if totals is None:
        return _tile("total efficacy", "-")
    return _tile("total efficacy", f"{totals.efficacy:.1f} %", "of the possible gain")


def _layers_tile(totals: ModelTotals | None) -> str:
    if totals is None:
        return _tile("layers permuted", "-")
    more = f"{totals.frozen_layers} frozen, {totals.dense_layers} dense"
    return _tile("layers permutable", str(totals.permuted_layers), more)


def _check_tile(check: VerifyReport | None) -> str:
    if check is None:
        return _tile("output check", "-", "after the search")
    figure, tone = ("passed", "good") if check.ok else ("failed", "bad")
    more = f"rel. error {check.native_error:.1e}; float64 {check.float64_error:.1e}"
    return _tile("output check", figure, more, tone)


def _accuracy_tile(accuracy: AccuracyTable | None) -> str:
    if accuracy is None:
        return _tile("accuracy", "-", "after the search, where there is data")
    rows = "".join(_accuracy_line(row) for row in accuracy.rows)
    return (
        '<div class="tile"><table><tr><th>accuracy</th><th>as is</th>'
        f"<th>recalibrated</th></tr>{rows}</table></div>"
    )


def _accuracy_line(row: AccuracyRow) -> str:
    main = ' class="main"' if row.label.startswith("permuted") else ""
    figures = (
        _spread(row.accuracy, row.deviation),
        _spread(row.recalibrated, row.recalibrated_deviation),
    )
    cells = "".join(f"<td>{figure}</td>" for figure in figures)
    return f"<tr{main}><td>{escape(row.label)}</td>{cells}</tr>"


def _spread(value: float, deviation: float | None) -> str:
    return f"{value:.1f} %" if deviation is None else f"{value:.1f} &plusmn; {deviation:.1f} %"


def layer_sentence(rows: Sequence[LayerRow], layer: str, pair: OrderPair | None) -> str:
    """One line on the picked layer."""
    row = next((row for row in rows if row.name == layer), None)
    if row is None:
        return ""
    parts = [f"<b>{escape(row.name)}</b>", escape(f"{row.kind} {' x '.join(map(str, row.shape))}")]
    if row.groups:
        parts.append(f"group {escape(', '.join(row.groups))}")
    if row.total > 0:
        parts.append(
            f"retained {100 * row.default / row.total:.2f} % by default, "
            f"{100 * row.best / row.total:.2f} % at best"
        )
    if pair is not None and pair.layer == layer:
        moved = int((pair.order != np.arange(pair.order.size)).sum())
        parts.append(f"{moved} of {pair.order.size} channels moved")
    parts.append(escape(row.status))
    if row.reason:
        parts.append(f"<i>{escape(row.reason)}</i>")
    return " &middot; ".join(parts)


def legend_html(colors: Mapping[str, str]) -> str:
    """Names beside squares of their colors."""
    lines = [
        f'<div style="white-space: nowrap"><span style="color: {color}">&#9632;</span> '
        f"{escape(name)}</div>"
        for name, color in colors.items()
    ]
    return f'<div style="font-size: 11px; line-height: 1.35">{"".join(lines)}</div>'


def progress_sentence(progress: Progress | None, status: str) -> str:
    """How far the search is, and how long it may take."""
    if progress is None or progress.total == 0:
        return "No search yet."
    text = f"{status}: {progress.done} of {progress.total} searches, {progress.seconds:.1f} s"
    left = progress.seconds_left
    if status in {"running", "paused"} and left is not None:
        text += f", about {left:.0f} s left"
    return "<br>".join(escape(line) for line in (text, *_searches(progress, status)))


def _searches(progress: Progress, status: str) -> list[str]:
    """A line for each search that runs, and what waits behind them."""
    if status not in {"running", "paused"}:
        return []
    lines = [
        f"{search.group} by {search.strategy}" + _left(search.seconds_left)
        for search in progress.running
    ]
    waiting = progress.total - progress.done - len(progress.running)
    return [*lines, f"{waiting} more wait"] if waiting > 0 else lines


def _left(seconds: float | None) -> str:
    return ", until it converges" if seconds is None else f", at most {seconds:.1f} s more"
