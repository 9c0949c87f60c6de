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

_HOPELESS = 16.0
"""Losses, in temperatures, that are never accepted: one in ten million would be."""


@compiled
def draw(state: NDArray[np.uint64]) -> np.uint64:
    """64 random bits.

    Source: SplitMix64 (Steele, Lea and Flood 2014).
    """
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    bits = state[0]
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


@compiled
def high(bits: np.uint64, below: int) -> np.int64:
    """A number below `below` from the upper half of 64 bits."""
    return np.int64(((bits >> np.uint64(32)) * np.uint64(below)) >> np.uint64(32))


@compiled
def low(bits: np.uint64, below: int) -> np.int64:
    """A number below `below` from the lower half of 64 bits."""
    return np.int64(((bits & np.uint64(0xFFFFFFFF)) * np.uint64(below)) >> np.uint64(32))


@compiled
def _metropolis(
    values: Values, seats: NDArray[np.int64], swaps: int, temperature: float,
    state: NDArray[np.uint64],
) -> None:  # fmt: skip
    """Swap who sits where: always for a gain, else with Boltzmann's probability."""
    opened, hopeless = seats.size, -_HOPELESS * temperature
    for _ in range(swaps):
        bits = draw(state)
        a, b = high(bits, opened), low(bits, opened - 1)
        b += 1 if b >= a else 0
        p, q = seats[a], seats[b]
        gain = values[a, q] + values[b, p] - values[a, p] - values[b, q]
        # Most swaps at low heat are hopeless, and an exponential costs more than they do.
        if gain < hopeless:
            continue
        if gain >= 0 or (draw(state) >> np.uint64(11)) * 2.0**-53 < np.exp(gain / temperature):
            seats[a], seats[b] = q, p


@compiled
def _open_two_of_four(
    columns: Columns, order: NDArray[np.int64], slot: int, floors: Columns, lifted: Columns,
    seat: int,
) -> None:  # fmt: skip
    """Floor and channel of a slot of 2:4, row by row, into line `seat`."""
    # Indices without a sign need no look for negative ones, which would block vectors.
    start, line = slot // 4 * 4, np.uint64(seat)
    a, b = np.uint64(order[start + (slot + 1) % 4]), np.uint64(order[start + (slot + 2) % 4])
    c, held = np.uint64(order[start + (slot + 3) % 4]), np.uint64(order[slot])
    for row in range(np.uint64(columns.shape[1])):
        low = min(columns[a, row], columns[b, row])
        high = max(columns[a, row], columns[b, row])
        floors[line, row] = max(low, min(high, columns[c, row]))
        lifted[line, row] = columns[held, row]


@compiled
def _open(
    columns: Columns, order: NDArray[np.int64], slot: int, n: int, m: int, block: Columns,
    floors: Columns, lifted: Columns, seat: int,
) -> None:  # fmt: skip
    """Take a slot out of its stripe: its floor and its channel into line `seat`."""
    if m == 4 and n == 2:
        _open_two_of_four(columns, order, slot, floors, lifted, seat)
        return
    start = slot // m * m
    floor(columns, order[start : start + m], slot - start, n, block, floors[seat])
    source = columns[order[slot]]
    for row in range(source.size):
        lifted[seat, row] = source[row]


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
    values, seats = np.empty((opened, opened)), np.empty(opened, dtype=np.int64)
    block = np.empty((m - 1, ROWS), dtype=np.float32)
    for _ in range(rounds):
        for seat in range(opened):
            bits = draw(state)
            pick = seat + high(bits, names.size - seat)
            names[seat], names[pick] = names[pick], names[seat]
            slot = names[seat] * m + low(bits, m)
            slots[seat], held[seat], seats[seat] = slot, order[slot], seat
            _open(columns, order, slot, n, m, block, floors, lifted, seat)
        slot_values(floors, lifted, values)
        _metropolis(values, seats, swaps, temperature, state)
        for seat in range(opened):
            order[slots[seat]] = held[seats[seat]]
