"""Bringing what a figure of Bokeh's draws up to new data, without drawing it anew.

HoloViews takes a tenth of a second for a figure whose numbers alone have changed, most of it
to find out that nothing else has.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def renew(source: Any, columns: Mapping[str, Any]) -> None:
    """Set the columns of a source that differ: what is set is sent and drawn anew."""
    held = source.data
    if not all(name in held and _equal(held[name], column) for name, column in columns.items()):
        source.data = dict(held) | dict(columns)


def renew_all(figure: Any, drawn: Sequence[Mapping[str, Any]]) -> bool:
    """Do so for everything that a figure draws, lowest first.

    Returns:
        Whether the figure draws as much, and all of it from such columns: HoloViews makes no
        column of colours that are all the same.
    """
    sources = [renderer.data_source for renderer in figure.renderers]
    if len(sources) != len(drawn):
        return False
    if any(columns.keys() - source.data for source, columns in zip(sources, drawn, strict=True)):
        return False
    for source, columns in zip(sources, drawn, strict=True):
        renew(source, columns)
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
