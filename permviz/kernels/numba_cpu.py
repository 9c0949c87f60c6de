"""Kernels for the CPU, compiled by numba, over any number of threads.

Not `prange`: numba's fallback threading layer aborts the process when two threads enter
it, and every element must come from one thread for results to be the same on any number.
So the compiled functions are serial, and tiles are spread over Python threads here. Row
blocks are summed in float32 and added up in float64, or small gains would drown in the
rounding of sums over 10^5 rows.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Self

import numpy as np
from numpy.typing import NDArray

from permviz.core.pattern import NMPattern
from permviz.kernels import (
    compiled,
    compiled_anneal,
    compiled_groups,
    compiled_panels,
    compiled_swaps,
    compiled_table,
)
from permviz.kernels.protocol import Columns, Places, Rounds, Stripes, Sweeps, Values
from permviz.kernels.subsets import sharings

_WORTH_THREADS = 4_000_000
"""Work, in elements, below which handing out parts costs more than it saves."""

_STRIPE_WORK = 4
"""What ranking a value inside its stripe costs, in max-adds."""


class NumbaKernels:
    """The compiled kernels, over `threads` threads; answers are the same for any number."""

    speed = 1

    def __init__(self, threads: int = 1) -> None:
        self.threads = max(1, threads)
        self._pool = ThreadPoolExecutor(self.threads) if self.threads > 1 else None

    def suited(self, columns: Columns) -> Self:  # noqa: ARG002 - they suit all
        """These."""
        return self

    def stripe_values(self, columns: Columns, stripes: Stripes, n: int) -> Values:
        """Retained score of each stripe: float64[stripes]."""
        found = np.empty(len(stripes))
        self._spread(
            len(stripes),
            _STRIPE_WORK * stripes.size * columns.shape[1],
            lambda at, to: compiled.stripe_values(columns, stripes[at:to], n, found[at:to]),
        )
        return found

    def floors(self, columns: Columns, stripes: Stripes, n: int) -> Columns:
        """n-th largest of the others, for each slot and row: float32[slots, rows]."""
        m = stripes.shape[1]
        found = np.empty((stripes.size, columns.shape[1]), dtype=np.float32)
        self._spread(
            len(stripes),
            _STRIPE_WORK * stripes.size * columns.shape[1],
            lambda at, to: compiled.floors(columns, stripes[at:to], n, found[at * m : to * m]),
        )
        return found

    def slot_values(self, floors: Columns, columns: Columns) -> Values:
        """K[i, x], the sum over rows of max(floors[i], columns[x]): float64[slots, channels]."""
        found = np.zeros((len(floors), len(columns)))
        if min(found.shape) >= compiled_panels.WORTH:
            panels = compiled_panels.panels_of(*columns.shape)
            for start in range(0, columns.shape[1], compiled_panels.ROWS):
                stop = min(start + compiled_panels.ROWS, columns.shape[1])
                self._add_rows(floors, columns, start, stop, panels, found)
            return found
        self._spread(
            len(floors),
            floors.size * len(columns),
            lambda at, to: compiled_swaps.slot_values(floors[at:to], columns, found[at:to]),
        )
        return found

    def _add_rows(
        self, floors: Columns, columns: Columns, start: int, stop: int, panels: Columns,
        found: Values,
    ) -> None:  # fmt: skip
        self._spread(
            len(panels),
            len(columns) * (stop - start),
            lambda at, to: compiled_panels.pack_columns(columns, at, start, stop, panels[at:to]),
        )
        self._spread(
            len(floors),
            found.size * (stop - start),
            lambda at, to: compiled_panels.add_table(
                floors[at:to], panels, start, stop, found[at:to]
            ),
        )

    def swap_round(self, values: Values, order: NDArray[np.int64], m: int) -> Stripes:
        """One round of greedy swaps, best first: int64[swaps, 2]."""
        partners, gains = np.empty(order.size, dtype=np.int64), np.empty(order.size)
        own = values[np.arange(order.size), order]
        self._spread(
            order.size,
            order.size**2,
            lambda at, to: compiled_swaps.best_swaps(
                values, order, own, at, partners[at:to], gains[at:to], m
            ),
        )
        return compiled_swaps.swap_round(values, order, own, partners, gains, m)

    def group_gains(
        self, columns: Columns, stripes: Stripes, groups: Stripes, n: int
    ) -> tuple[Values, Places]:
        """Best sharing of the channels of each group of stripes: gains and places."""
        m, size = stripes.shape[1], groups.shape[1]
        tables = sharings(m, size)
        gains = np.empty(len(groups))
        places = np.empty((len(groups), size * m), dtype=np.uint8)
        self._spread(
            len(groups),
            len(groups) * (len(tables.listed) * columns.shape[1] + tables.halves.size),
            lambda at, to: compiled_groups.group_gains(
                columns,
                stripes,
                groups[at:to],
                n,
                tables.listed,
                tables.halves,
                tables.alone,
                tables.present,
                gains[at:to],
                places[at:to],
            ),
        )
        return gains, places

    def anneal(
        self,
        columns: Columns,
        orders: NDArray[np.int64],
        pattern: NMPattern,
        rounds: Rounds,
        states: NDArray[np.uint64],
    ) -> None:
        """Rearrange each chain by block annealing, in place; a thread takes whole chains."""

        def chains(start: int, stop: int) -> None:
            for chain in range(start, stop):
                compiled_anneal.anneal(
                    columns,
                    orders[chain],
                    pattern.n,
                    pattern.m,
                    rounds.opened,
                    rounds.swaps,
                    rounds.temperature,
                    rounds.count,
                    states[chain],
                )

        work = rounds.count * rounds.opened**2 * columns.shape[1] * len(orders)
        self._spread(len(orders), work, chains)

    def anneal_table(
        self,
        columns: Columns,
        orders: NDArray[np.int64],
        pattern: NMPattern,
        sweeps: Sweeps,
        states: NDArray[np.uint64],
        tables: Columns,
    ) -> None:
        """Rearrange each chain by swaps on its table, in place; a thread takes whole chains."""

        def chains(start: int, stop: int) -> None:
            for chain in range(start, stop):
                order, table = orders[chain], tables[chain]
                if sweeps.fill:
                    compiled_table.fill_table(columns, order, pattern.n, pattern.m, table)
                compiled_table.anneal_table(
                    columns,
                    order,
                    pattern.n,
                    pattern.m,
                    sweeps.temperature,
                    sweeps.count,
                    sweeps.most,
                    states[chain],
                    table,
                )

        # What a sweep takes depends on the heat, so its chains always go side by side.
        self._spread(len(orders), _WORTH_THREADS, chains)

    def _spread(self, items: int, work: int, part: Callable[[int, int], None]) -> None:
        """Run `part(start, stop)` over all items, on the threads where that pays."""
        parts = min(items, self.threads)
        if self._pool is None or work < _WORTH_THREADS or parts < 2:
            part(0, items)
            return
        edges = np.linspace(0, items, parts + 1).astype(int)
        list(self._pool.map(part, edges[:-1], edges[1:]))
