"""The data of a figure as a table: each info says its table, and all are written alike."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Columns = Mapping[str, NDArray[Any] | Sequence[Any]]
"""Columns of equal length, by names that tell their units."""


class Tabular(Protocol):
    """Data of a figure that can be taken away as a table."""

    @property
    def table(self) -> Columns:
        """What the figure shows, one column a quantity."""
        ...


def csv_text(info: Tabular) -> str:
    """Write the data of a figure as CSV; numbers keep all their digits.

    >>> from permviz.figures.frontier import FrontierInfo
    >>> info = FrontierInfo(("osg",), np.array([0.5]), np.array([40.25]), (0,), ("osg",), "all")
    >>> print(csv_text(info).splitlines()[1])
    osg,0.5,40.25,1
    """
    columns = info.table
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(_plain(column) for column in columns.values()), strict=True))
    return text.getvalue()


def _plain(column: NDArray[Any] | Sequence[Any]) -> Sequence[Any]:
    if not isinstance(column, np.ndarray):
        return column
    # In its own precision, or 0.1 of a weight would become 0.10000000149011612.
    single = column.dtype == np.float32
    return [str(value) for value in column] if single else column.tolist()
