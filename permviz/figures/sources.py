"""Bringing what a figure of Bokeh's draws up to new data, without drawing it anew.

HoloViews takes a tenth of a second for a figure whose numbers alone have changed, most of it
to find out that nothing else has.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def renew(source: Any, columns: Mapping[str, Any]) -> None:
    """Set the columns of a source that differ: what is set is sent and drawn anew.

    HoloViews makes no column of colours that are all the same; such stay as they are.
    """
    held = source.data
    known = {name: column for name, column in columns.items() if name in held}
    if not all(_equal(held[name], column) for name, column in known.items()):
        source.data = dict(held) | known


def renew_all(figure: Any, drawn: Sequence[Mapping[str, Any]]) -> bool:
    """Do so for everything that a figure draws, lowest first, and say whether it draws as much."""
    if len(figure.renderers) != len(drawn):
        return False
    for renderer, columns in zip(figure.renderers, drawn, strict=True):
        renew(renderer.data_source, columns)
    return True


def fit(axis: Any, start: float, end: float) -> None:
    """Show all of an axis when it has other ends than before; while they stay, a zoom stays.

    The name of the axis tells what ends it had, also where several figures share it.
    """
    ends = f"{start} to {end}"
    if axis.name != ends:
        axis.update(name=ends, start=start, end=end, reset_start=start, reset_end=end)


def _equal(held: Any, column: Any) -> bool:
    # Names of colours are lists, and an image is a list of one array.
    return len(held) == len(column) and np.array_equal(held, column)
