"""The table of layers as a data frame, and what changed between two of them."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from permviz.session.report import LayerRow

LAYER, DEFAULT, PERMUTED, STATUS, REASON = "layer", "default %", "permuted %", "status", "reason"
# The design's own sizes are for a few large rows; here many layers are compared.
TABLE_CSS = """
.tabulator { font-size: 12px !important; }
.tabulator .tabulator-header .tabulator-col .tabulator-col-content { padding: 4px 6px !important; }
.tabulator .tabulator-header .tabulator-col .tabulator-col-title {
  white-space: normal !important; text-overflow: clip !important; overflow-wrap: anywhere;
  font-size: 11px; line-height: 1.25; padding-right: 10px !important; }
.tabulator .tabulator-row { min-height: 26px !important; }
.tabulator .tabulator-row .tabulator-col-resize-handle { height: 26px !important; }
.tabulator .tabulator-row .tabulator-cell {
  height: 26px !important; min-height: 26px !important; padding: 4px 6px !important;
  font-size: 12px; }
.tabulator .tabulator-header-filter input { padding: 1px 4px !important; font-size: 11px; }
.tabulator-tooltip { color: #222; background: #fff; }
.tabulator .tabulator-cell[tabulator-field=layer] div {
  direction: rtl; overflow: hidden; text-overflow: ellipsis; }
.tabulator .tabulator-cell[tabulator-field=layer] div::before,
.tabulator .tabulator-cell[tabulator-field=layer] div::after { content: "\\200E" / ""; }
"""
"""A layer's name that is too long loses its beginning: what tells layers apart is at the end.

The marks keep a name's own first and last characters, such as an underscore, in their place.
"""

TOLD_WHOLE = {"columnDefaults": {"tooltip": True}}
"""Settings of a table that tells, under the mouse, what does not fit into its cell."""

_LETTER, _NARROW, _WIDE = 6.3, 148, 236
Patch = dict[str, list[tuple[int, object]]]


def layer_frame(rows: Sequence[LayerRow], strategies: Sequence[str]) -> pd.DataFrame:
    """One line a layer: retained shares and efficacies in percent, NaN where unknown."""
    # Types are named because an empty table would otherwise have the wrong ones.
    columns = {
        LAYER: words(row.name for row in rows),
        STATUS: words(row.status for row in rows),
        DEFAULT: _numbers(_share(row.default, row.total) for row in rows),
        PERMUTED: _numbers(
            _share(row.best, row.total) if row.by_strategy else np.nan for row in rows
        ),
        **{text: _numbers(_efficacy(row, text) for row in rows) for text in strategies},
        "shape": words(" x ".join(map(str, row.shape)) for row in rows),
        "kind": words(row.kind for row in rows),
        "group": words(", ".join(row.groups) for row in rows),
        REASON: words(row.reason for row in rows),
    }
    return pd.DataFrame(columns)


def frame_patch(old: pd.DataFrame, new: pd.DataFrame) -> Patch | None:
    """The cells that differ, by column; None if the frames differ in more than cells."""
    if list(old.columns) != list(new.columns) or list(old[LAYER]) != list(new[LAYER]):
        return None
    patch: Patch = {}
    for column in new.columns:
        before, after = old[column].to_numpy(), new[column].to_numpy()
        same = (before == after) | (pd.isna(before) & pd.isna(after))
        places = np.flatnonzero(~same)
        if places.size:
            patch[str(column)] = [(int(place), after[place]) for place in places]
    return patch


def layer_width(names: Iterable[str]) -> int:
    """Pixels for the column of layers: what the longest name takes, within limits."""
    longest = max(map(len, names), default=0)
    return round(min(max(_LETTER * longest + 14, _NARROW), _WIDE))


def words(values: Iterable[str]) -> pd.Series:
    """A column of text, also where there are no rows to tell its type from."""
    return pd.Series(list(values), dtype=object)


def _numbers(values: Iterable[float]) -> pd.Series:
    return pd.Series(list(values), dtype=np.float64)


def _share(retained: float, total: float) -> float:
    return round(100.0 * retained / total, 2) if total > 0 else float("nan")


def _efficacy(row: LayerRow, strategy: str) -> float:
    return round(row.efficacy(strategy), 2) if strategy in row.by_strategy else float("nan")
