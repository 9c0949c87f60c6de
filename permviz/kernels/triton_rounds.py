"""Triton: the rounds of block annealing, two kernels each.

One makes the table of every group, of what each opened channel is worth in each opened slot,
reading every column once; the other makes Metropolis swaps on these tables. Groups share no
stripe, so all choices are exact.

Swaps of a group are tried in matchings, seat i with seat i xor k: for k from 1 on that is
every pair of seats once, half of all seats at a time.
"""

# pyright: basic, reportGeneralTypeIssues=false, reportArgumentType=false
# pyright: reportOperatorIssue=false, reportCallIssue=false
# The language inside a kernel is Triton's, which is not typed.

from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor

WIDTH = 32
"""Rows that are summed side by side: as many neighbouring values as a warp reads at once."""

_WARPS = 4
"""Warps of a program: of 2, 4 and 8 the fastest on an H100, with 32 or 64 rows at once."""


@triton.jit
def fill_tables(
    columns, order, slots, found, rows, part,
    KEPT: tl.constexpr, WIDE: tl.constexpr, OPENED: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """Tables of the groups over a part of the rows: float64[parts, groups, opened, opened].

    `slots` are places in `order`, which holds a stripe of WIDE channels after the other.
    """
    group, piece = tl.program_id(0).to(tl.int64), tl.program_id(1).to(tl.int64)
    seats, across = tl.arange(0, OPENED), tl.arange(0, WIDTH)
    slot = tl.load(slots + group * OPENED + seats)
    start = slot // WIDE * WIDE
    place = slot - start
    held = columns + tl.load(order + slot)[:, None] * rows
    total = tl.zeros((OPENED, OPENED, WIDTH), tl.float32)
    for first in range(piece * part, tl.minimum(piece * part + part, rows), WIDTH):
        row = first + across
        inside = (row < rows)[None, :]
        floor = tl.zeros((OPENED, WIDTH), tl.float32)
        for step in tl.static_range(1, WIDE):
            channel = tl.load(order + start + (place + step) % WIDE)
            value = tl.load(columns + channel[:, None] * rows + row[None, :], inside, 0.0)
            above = tl.zeros((OPENED, WIDTH), tl.int32)
            for other in tl.static_range(1, WIDE):
                if other != step:
                    rival = tl.load(order + start + (place + other) % WIDE)
                    its = tl.load(columns + rival[:, None] * rows + row[None, :], inside, 0.0)
                    if other < step:
                        above += (its >= value).to(tl.int32)
                    else:
                        above += (its > value).to(tl.int32)
            floor = tl.where(above == KEPT - 1, value, floor)
        lifted = tl.load(held + row[None, :], inside, 0.0)
        total += tl.maximum(floor[:, None, :], lifted[None, :, :])
    table = found + (piece * tl.num_programs(0) + group) * OPENED * OPENED
    cells = seats[:, None] * OPENED + seats[None, :]
    tl.store(table + cells, tl.sum(total.to(tl.float64), axis=2))


@triton.jit
def swap(
    tables, parts, order, slots, seeds, groups, matchings, heat, OPENED: tl.constexpr
):  # fmt: skip
    """Swap who sits where in each group, `groups` of them a chain, and write that to `order`."""
    group = tl.program_id(0).to(tl.int64)
    chain = group // groups
    seats = tl.arange(0, OPENED)
    cells = seats[:, None] * OPENED + seats[None, :]
    table = tl.zeros((OPENED, OPENED), tl.float64)
    for part in range(parts):
        piece = tables + (part * tl.num_programs(0) + group) * OPENED * OPENED
        table += tl.load(piece + cells)
    own = tl.sum(tl.where(seats[:, None] == seats[None, :], table, 0.0), axis=1)
    gains = (table - own[:, None]).to(tl.float32)
    temperature = tl.load(heat)
    seed = tl.load(seeds + 2 * chain)
    drawn = ((group - chain * groups) * matchings * OPENED).to(tl.int32)
    sitting = seats
    for matching in range(matchings):
        facing = seats ^ (1 + matching % (OPENED - 1))
        faced = facing[:, None] == seats[None, :]
        theirs = tl.sum(tl.where(faced, sitting[None, :], 0), axis=1)
        moved = tl.sum(tl.where(theirs[:, None] == seats[None, :], gains, 0.0), axis=1)
        change = moved - tl.sum(tl.where(sitting[:, None] == seats[None, :], gains, 0.0), axis=1)
        gain = change + tl.sum(tl.where(faced, change[None, :], 0.0), axis=1)
        luck = tl.rand(seed, drawn + matching * OPENED + tl.minimum(seats, facing))
        chance = tl.exp(tl.minimum(gain, 0.0) / temperature)
        sitting = tl.where(luck < chance, theirs, sitting)
    mine = tl.load(slots + group * OPENED + seats)
    channel = tl.load(order + tl.load(slots + group * OPENED + sitting))
    # All of a group are read before any is written.
    tl.debug_barrier()
    tl.store(order + mine, channel)


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """The tensors that all rounds of a batch work on.

    Attributes:
        held: int64[chains, stripes, m], the channels of each stripe.
        slots: int64[rounds, chains, groups, opened], where in `held` each round opens.
        seeds: int64[rounds, chains, 2], of the luck of its swaps. Pairs, since what a kernel
            is given has to begin at a whole 16 bytes; the second of them is not read.
        heat: float32[1], the temperature.
        tables: float64[parts, chains * groups, opened, opened], over parts of the rows.
    """

    held: Tensor
    slots: Tensor
    seeds: Tensor
    heat: Tensor
    tables: Tensor


def launch(columns: Tensor, places: Places, at: int, n: int, matchings: int) -> None:
    """Open the slots of a round, and swap their channels.

    Args:
        columns: float32[channels, rows]
        places: what the round works on.
        at: which of its rounds.
        n: how many channels of a stripe survive.
        matchings: how often every seat is tried.
    """
    parts, groups, opened, _ = places.tables.shape
    rows, slots = columns.shape[1], places.slots[at]
    part = -(-rows // (parts * WIDTH)) * WIDTH
    with torch.cuda.device_of(columns):
        fill_tables[groups, parts](
            columns, places.held, slots, places.tables, rows, part,
            KEPT=n, WIDE=places.held.shape[2], OPENED=opened, WIDTH=WIDTH, num_warps=_WARPS,
        )  # fmt: skip
        swap[groups,](
            places.tables, parts, places.held, slots, places.seeds[at], slots.shape[1], matchings,
            places.heat, OPENED=opened, num_warps=1,
        )  # fmt: skip
