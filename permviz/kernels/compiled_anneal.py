"""Compiled: block annealing, with random numbers of its own.

A round opens one random slot in each of some random stripes, values every opened channel
in every opened slot, and makes Metropolis swaps on that table. Each swap is a look-up,
and exact for any rearrangement of the opened channels, since no two share a stripe.
"""

import numpy as np
from numpy.typing import NDArray

from permviz.kernels.compiled import ROWS, compiled, floor
from permviz.kernels.compiled_swaps import slot_values
from permviz.kernels.protocol import Columns, Values


@compiled
def _uniform(state: NDArray[np.uint64]) -> float:
    """A number in [0, 1) from 53 bits.

    Source: SplitMix64 (Steele, Lea and Flood 2014).
    """
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    bits = state[0]
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    return np.float64(bits >> np.uint64(11)) * 2.0**-53


@compiled
def _metropolis(
    values: Values, seats: NDArray[np.int64], swaps: int, temperature: float,
    state: NDArray[np.uint64],
) -> None:  # fmt: skip
    """Swap who sits where: always for a gain, else with Boltzmann's probability."""
    opened = seats.size
    for _ in range(swaps):
        a, b = int(_uniform(state) * opened), int(_uniform(state) * (opened - 1))
        b += 1 if b >= a else 0
        gain = values[a, seats[b]] + values[b, seats[a]] - values[a, seats[a]] - values[b, seats[b]]
        if gain >= 0 or (temperature > 0 and _uniform(state) < np.exp(gain / temperature)):
            seats[a], seats[b] = seats[b], seats[a]


@compiled
def anneal(
    columns: Columns, order: NDArray[np.int64], n: int, m: int, opened: int, swaps: int,
    temperature: float, rounds: int, state: NDArray[np.uint64],
) -> None:  # fmt: skip
    """Make `rounds` rounds of block annealing on `order`, in place."""
    rows, names = columns.shape[1], np.arange(order.size // m)
    slots, held = np.empty(opened, dtype=np.int64), np.empty(opened, dtype=np.int64)
    floors = np.empty((opened, rows), dtype=np.float32)
    lifted = np.empty((opened, rows), dtype=np.float32)
    values = np.empty((opened, opened))
    block = np.empty((m - 1, ROWS), dtype=np.float32)
    for _ in range(rounds):
        for seat in range(opened):
            pick = seat + int(_uniform(state) * (names.size - seat))
            names[seat], names[pick] = names[pick], names[seat]
            slot = int(_uniform(state) * m)
            start = names[seat] * m
            slots[seat], held[seat] = start + slot, order[start + slot]
            floor(columns, order[start : start + m], slot, n, block, floors[seat])
            source = columns[held[seat]]
            for row in range(rows):
                lifted[seat, row] = source[row]
        slot_values(floors, lifted, values)
        seats = np.arange(opened)
        _metropolis(values, seats, swaps, temperature, state)
        for seat in range(opened):
            order[slots[seat]] = held[seats[seat]]
