"""The obvious kernels: each is its own definition, however slow. The tests' oracle."""

from typing import Self

import numpy as np
from numpy.typing import NDArray

from permviz.core.pattern import NMPattern
from permviz.kernels.protocol import Columns, Places, Rounds, Stripes, Sweeps, Values
from permviz.kernels.subsets import Sharings, sharings

_HOPELESS = 16.0
"""Losses, in temperatures, that are never accepted: one in ten million would be."""

_LUCK = 4096
"""Exponential random numbers of a call of annealing on a table."""


class ReferenceKernels:
    """numpy, float64, nothing clever."""

    threads = 1
    speed = 1

    def suited(self, columns: Columns) -> Self:  # noqa: ARG002 - they suit all
        """These."""
        return self

    def stripe_values(self, columns: Columns, stripes: Stripes, n: int) -> Values:
        """Sort every stripe in every row and add up the n largest."""
        ranked = np.sort(columns.astype(np.float64)[stripes], axis=1)
        return ranked[:, -n:].sum(axis=(1, 2))

    def floors(self, columns: Columns, stripes: Stripes, n: int) -> Columns:
        """Leave each slot out in turn and take the n-th largest of the others."""
        m = stripes.shape[1]
        found = [
            np.sort(columns[np.delete(stripe, slot)], axis=0)[-n]
            for stripe in stripes
            for slot in range(m)
        ]
        return np.array(found, dtype=np.float32)

    def slot_values(self, floors: Columns, columns: Columns) -> Values:
        """Sum the maxima."""
        return np.maximum(floors[:, None].astype(np.float64), columns[None]).sum(axis=2)

    def swap_round(self, values: Values, order: NDArray[np.int64], m: int) -> Stripes:
        """Build the whole gain matrix and take its largest entries while stripes are free."""
        placed = values[:, order]
        own = np.diag(placed)
        gains = placed + placed.T - own[:, None] - own[None, :]
        stripe = np.arange(len(order)) // m
        gains[stripe[:, None] == stripe[None, :]] = -np.inf
        swaps: list[tuple[int, int]] = []
        while gains.max() > 0:
            i, j = np.unravel_index(gains.argmax(), gains.shape)
            swaps.append((int(i), int(j)))
            taken = (stripe == stripe[i]) | (stripe == stripe[j])
            gains[taken] = gains[:, taken] = -np.inf
        return np.array(swaps, dtype=np.int64).reshape(-1, 2)

    def group_gains(
        self, columns: Columns, stripes: Stripes, groups: Stripes, n: int
    ) -> tuple[Values, Places]:
        """Value every subset of each group and add up every partition."""
        m, size = stripes.shape[1], groups.shape[1]
        tables = sharings(m, size)
        gains = np.empty(len(groups))
        places = np.empty((len(groups), size * m), dtype=np.uint8)
        for index, group in enumerate(groups):
            members = stripes[group].ravel()
            values = self.stripe_values(columns, members[tables.listed], n)
            best, subsets_of_it = _best_partition(values, tables)
            gains[index] = best - values[tables.present].sum()
            places[index] = tables.listed[subsets_of_it].ravel()
        return gains, places

    def anneal(
        self,
        columns: Columns,
        orders: NDArray[np.int64],
        pattern: NMPattern,
        rounds: Rounds,
        states: NDArray[np.uint64],
    ) -> None:
        """Draw, value and swap one chain after the other, with Python's own integers."""
        for order, state in zip(orders, states, strict=True):
            random = _SplitMix(state)
            names = list(range(order.size // pattern.m))
            for _ in range(rounds.count):
                self._open_and_swap(columns, order, names, pattern, rounds, random)

    def _open_and_swap(
        self,
        columns: Columns,
        order: NDArray[np.int64],
        names: list[int],
        pattern: NMPattern,
        rounds: Rounds,
        random: "_SplitMix",
    ) -> None:
        slots: list[int] = []
        for seat in range(rounds.opened):
            upper, lower = random.halves()
            pick = seat + (upper * (len(names) - seat) >> 32)
            names[seat], names[pick] = names[pick], names[seat]
            slots.append(names[seat] * pattern.m + (lower * pattern.m >> 32))
        stripes = order.reshape(-1, pattern.m)
        floors = self.floors(columns, stripes, pattern.n)[slots]
        values = self.slot_values(floors, columns[order[slots]])
        seats = list(range(rounds.opened))
        for _ in range(rounds.swaps):
            upper, lower = random.halves()
            a, b = upper * len(seats) >> 32, lower * (len(seats) - 1) >> 32
            b += b >= a
            gain = values[a, seats[b]] + values[b, seats[a]]
            gain = gain - values[a, seats[a]] - values[b, seats[b]]
            heat = rounds.temperature
            if gain < -_HOPELESS * heat:
                continue
            if gain >= 0 or random.uniform() < np.exp(gain / heat):
                seats[a], seats[b] = seats[b], seats[a]
        order[slots] = order[slots][seats]

    def anneal_table(
        self,
        columns: Columns,
        orders: NDArray[np.int64],
        pattern: NMPattern,
        sweeps: Sweeps,
        states: NDArray[np.uint64],
        tables: Columns,  # noqa: ARG002 - a table is made anew for every slot
    ) -> None:
        """Value all swaps of a slot from the scores, make the luckiest, and go to the next."""
        for order, state in zip(orders, states, strict=True):
            random, made = _SplitMix(state), 0
            luck = np.array([random.exponential() for _ in range(_LUCK + order.size)])
            for slot in list(range(order.size)) * sweeps.count:
                first = random.halves()[0] * _LUCK >> 32
                lucky = self._gains(columns, order, slot, pattern)
                lucky += sweeps.temperature * luck[first : first + order.size]
                if lucky.max() > 0:
                    other = int(lucky.argmax())
                    order[[slot, other]] = order[[other, slot]]
                    made += 1
                if made >= sweeps.most:
                    break

    def _gains(
        self, columns: Columns, order: NDArray[np.int64], slot: int, pattern: NMPattern
    ) -> Values:
        """Gains of the swaps of a slot with all others; -inf inside its stripe."""
        floors = self.floors(columns, order.reshape(-1, pattern.m), pattern.n)
        values = self.slot_values(floors, columns[order])
        own = np.diag(values)
        gains = values[slot] + values[:, slot] - own[slot] - own
        gains[slot // pattern.m * pattern.m :][: pattern.m] = -np.inf
        return gains


def _best_partition(values: Values, tables: Sharings) -> tuple[float, list[int]]:
    """The best partition in a table, as its value and its subsets."""
    both = values[tables.halves].sum(axis=2)
    best = both.max(axis=1)
    if tables.alone.size:
        rest = values[tables.alone]
    else:
        rest = best[::-1] if len(best) > 1 else np.zeros(1)
    # Four stripes: each pair of double sets is listed twice, first by its lower half.
    total = (best + rest)[: len(best) if tables.alone.size else -(-len(best) // 2)]
    double = int(total.argmax())
    chosen = [*tables.halves[double, both[double].argmax()]]
    if tables.alone.size:
        chosen.append(tables.alone[double])
    elif len(best) > 1:
        chosen.extend(tables.halves[-1 - double, both[-1 - double].argmax()])
    return float(total[double]), [int(subset) for subset in chosen]


class _SplitMix:
    """SplitMix64 on a state that lives in an array.

    Source: Steele, Lea and Flood 2014.
    """

    def __init__(self, state: NDArray[np.uint64]) -> None:
        self._state = state

    def draw(self) -> int:
        bits = (int(self._state[0]) + 0x9E3779B97F4A7C15) % 2**64
        self._state[0] = bits
        bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB % 2**64
        return bits ^ (bits >> 31)

    def uniform(self) -> float:
        return (self.draw() >> 11) * 2.0**-53

    def exponential(self) -> float:
        return -np.log(((self.draw() >> 11) + 0.5) * 2.0**-53)

    def halves(self) -> tuple[int, int]:
        return divmod(self.draw(), 2**32)
