"""Compiled: the swap table of many slots and channels, from panels.

A panel holds a few lines side by side, row by row, as the vectors of a tile want them.
"""

import numpy as np

from permviz.kernels.compiled import compiled
from permviz.kernels.compiled_tile import HEIGHT, WIDTH, max_sums
from permviz.kernels.protocol import Columns, Values

WORTH = 96
"""Slots and channels from which on laying out panels costs less than it saves."""

ROWS = 1024
"""Most rows of a panel: one of columns stays in the second-level cache."""

_SUMMED = 256
"""Rows that are summed in float32 before they go into float64."""

_SLOTS = 20 * HEIGHT
"""Slots whose panels stay in the second-level cache while those of all columns pass."""


def panels_of(channels: int, rows: int) -> Columns:
    """Room for the panels of all columns: float32[panels, scores]."""
    return np.empty((-(-channels // WIDTH), min(rows, ROWS) * WIDTH), dtype=np.float32)


@compiled
def _pack_floors(floors: Columns, first: int, start: int, stop: int, panel: Columns) -> None:
    """Lay out a tile's floors from the first on; the last is repeated beyond the edge."""
    for side in range(HEIGHT):
        # Indices without a sign need no look for negative ones.
        line = np.uint64(min(first + side, floors.shape[0] - 1))
        for row in range(start, stop):
            panel[np.uint64((row - start) * HEIGHT + side)] = floors[line, np.uint64(row)]


@compiled
def _pack_columns(columns: Columns, first: int, start: int, stop: int, panel: Columns) -> None:
    """Lay out a tile's columns, of which four at once need half the time."""
    last = columns.shape[0] - 1
    for side in range(0, WIDTH, 4):
        i = first + side
        a, b = np.uint64(min(i, last)), np.uint64(min(i + 1, last))
        c, d = np.uint64(min(i + 2, last)), np.uint64(min(i + 3, last))
        for row in range(np.uint64(start), np.uint64(stop)):
            at = np.uint64((row - np.uint64(start)) * np.uint64(WIDTH) + np.uint64(side))
            panel[at], panel[at + np.uint64(1)] = columns[a, row], columns[b, row]
            panel[at + np.uint64(2)], panel[at + np.uint64(3)] = columns[c, row], columns[d, row]


@compiled
def pack_columns(columns: Columns, first: int, start: int, stop: int, panels: Columns) -> None:
    """Lay out rows `start` to `stop` of the columns of some panels, of which one is `first`."""
    for place in range(panels.shape[0]):
        _pack_columns(columns, (first + place) * WIDTH, start, stop, panels[place])


@compiled
def _sum_tile(
    floors: Columns, columns: Columns, rows: int, one: np.float32, sums: Columns, totals: Values
) -> None:
    """The max-sums of one tile over all rows of its panels, into `totals`."""
    totals[:] = 0.0
    for start in range(0, rows, _SUMMED):
        at, to = np.uint64(start * HEIGHT), np.uint64(start * WIDTH)
        max_sums(floors, at, columns, to, np.uint64(min(_SUMMED, rows - start)), one, sums)
        for slot in range(HEIGHT):
            for channel in range(WIDTH):
                totals[slot, channel] += sums[slot, channel]


@compiled
def _add_tiles(lines: Columns, panels: Columns, rows: int, one: np.float32, found: Values) -> None:
    """Add the tiles of some slots, whose floors are in `lines`, and of all channels."""
    slots, channels = found.shape
    sums, totals = np.empty((HEIGHT, WIDTH), dtype=np.float32), np.empty((HEIGHT, WIDTH))
    for x in range(0, channels, WIDTH):
        for i in range(0, slots, HEIGHT):
            _sum_tile(lines[i // HEIGHT], panels[x // WIDTH], rows, one, sums, totals)
            for slot in range(min(HEIGHT, slots - i)):
                for channel in range(min(WIDTH, channels - x)):
                    found[i + slot, x + channel] += totals[slot, channel]


@compiled
def add_table(floors: Columns, panels: Columns, start: int, stop: int, found: Values) -> None:
    """Add to K what rows `start` to `stop` make of it; `panels` hold those of the columns."""
    slots, rows, one = found.shape[0], stop - start, np.float32(min(stop, 1))
    lines = np.empty((-(-min(slots, _SLOTS) // HEIGHT), rows * HEIGHT), dtype=np.float32)
    for first in range(0, slots, _SLOTS):
        after = min(first + _SLOTS, slots)
        for i in range(first, after, HEIGHT):
            _pack_floors(floors, i, start, stop, lines[(i - first) // HEIGHT])
        _add_tiles(lines, panels, rows, one, found[first:after])
