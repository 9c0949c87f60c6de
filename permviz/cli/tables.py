"""Tables of results, as a terminal and a pipe can show them."""

from collections.abc import Iterable

from rich import box
from rich.table import Table

from permviz.core.pattern import NMPattern
from permviz.models.accuracy_report import AccuracyTable
from permviz.search.result import SearchResult
from permviz.session.report import LayerRow, ModelTotals

_UNKNOWN = "-"
_WIDE = 100


def layer_table(rows: Iterable[LayerRow], width: int) -> Table:
    """Retained share of every layer by default and permuted, or why it is as it is.

    Args:
        rows: of the table.
        width: characters that a line may have; narrow tables leave out shapes and reasons.
    """
    wide = width >= _WIDE
    table = _table()
    table.add_column("layer", overflow="fold")
    if wide:
        table.add_column("weight", no_wrap=True)
    for title in ("default", "permuted", "possible", "efficacy"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("found by, or why not", overflow="fold")
    for row in rows:
        shape = ("x".join(map(str, row.shape)),) if wide else ()
        table.add_row(row.name, *shape, *_figures(row), _story(row, wide=wide))
    return table


def totals_line(totals: ModelTotals, pattern: NMPattern) -> str:
    """Sum up the whole model in one sentence."""
    return (
        f"Retained at {pattern}: {_share(totals.default, totals.dense)} of the magnitude by "
        f"default, {_share(totals.permuted, totals.dense)} permuted, of at most "
        f"{_share(totals.row_optimum, totals.dense)}; efficacy {totals.efficacy:.1f}. "
        f"{totals.permuted_layers} layers permuted, {totals.frozen_layers} frozen, "
        f"{totals.dense_layers} dense."
    )


def gaps_line(found: Iterable[SearchResult]) -> str:
    """Say how far the orders found are from the best there are, at most."""
    gaps = [result.gap for result in found]
    proved = sum(gap == 0 for gap in gaps)
    rest = f"; the others are at most {max(gaps):.2f} points from it" if proved < len(gaps) else ""
    return f"Orders proved to be the best: {proved} of {len(gaps)}{rest}."


def accuracy_view(table: AccuracyTable) -> Table:
    """Accuracy of dense, default, permuted and randomly ordered models, in percent."""
    view = _table()
    view.add_column("model")
    for title in ("accuracy %", "after BatchNorm recalibration %"):
        view.add_column(title, justify="right", no_wrap=True)
    for row in table.rows:
        view.add_row(
            row.label,
            _percent(row.accuracy, row.deviation),
            _percent(row.recalibrated, row.recalibrated_deviation),
        )
    return view


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)


def _figures(row: LayerRow) -> tuple[str, str, str, str]:
    default = _share(row.default, row.total)
    if not row.by_strategy:
        return default, _UNKNOWN, _UNKNOWN, _UNKNOWN
    return (
        default,
        _share(row.best, row.total),
        _share(row.row_optimum, row.total),
        f"{row.efficacy(row.best_strategy):.1f}",
    )


def _story(row: LayerRow, *, wide: bool) -> str:
    if row.by_strategy:
        return row.best_strategy
    return f"{row.status}: {row.reason}" if wide and row.reason else row.status


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.2f} %" if whole else _UNKNOWN


def _percent(value: float | None, deviation: float | None) -> str:
    if value is None:
        return _UNKNOWN
    return f"{value:.2f}" if deviation is None else f"{value:.2f} ± {deviation:.2f}"
