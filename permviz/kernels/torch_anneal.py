"""Torch: annealing of many stripes at once.

A round on a device matches the stripes at random into pairs and lets every pair share out
its channels again, all pairs in a few tensor operations. Pairs do not interact, so each
choice is exact. A pair takes one of all its partitions with Boltzmann's probability (a
heat bath over the tables of OSG(2)); where these are too many, it tries one random swap by
Metropolis' rule. Both leave the distribution exp(retained / temperature) of orders as it
is, as the swaps of the compiled kernel do, so a temperature means the same on both.

The greedy choice freezes within a few rounds; at temperature 0, which ends an annealing,
that is what is wanted.
"""

from dataclasses import dataclass
from functools import cache
from math import comb

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from permviz.core.pattern import NMPattern
from permviz.kernels.protocol import Rounds
from permviz.kernels.subsets import subsets
from permviz.kernels.torch_stripes import stripe_values

_MOST_SUBSETS = 1000
"""Up to here a pair's whole table is cheaper than as many swaps: M up to 6."""


@dataclass(frozen=True, slots=True, eq=False)
class Board:
    """What all rounds have in common.

    Attributes:
        columns: float32[channels, rows], on the device.
        pattern: the N:M pattern.
        room: elements that may be laid out at a time.
    """

    columns: Tensor
    pattern: NMPattern
    room: int

    def values(self, stripes: Tensor) -> Tensor:
        """Retained score of stripes: int64[..., m] to float64[...]."""
        flat = stripes.flatten(0, -2)
        return stripe_values(self.columns, flat, self.pattern.n, self.room).view(stripes.shape[:-1])


def anneal(board: Board, held: Tensor, rounds: Rounds, states: NDArray[np.uint64]) -> None:
    """Open as many stripes of each chain as `rounds` asks for, in place.

    Args:
        board: what is searched.
        held: int64[chains, stripes, m], the channels of each stripe, on the device.
        rounds: how much, and how hot.
        states: uint64[chains, 1], advanced in place.
    """
    wholly = comb(2 * board.pattern.m, board.pattern.m) <= _MOST_SUBSETS
    left = rounds.count * (rounds.opened if wholly else 2 * rounds.swaps) // 2
    while left > 0:
        pairs = _matching(states, held.shape[1], min(left, held.shape[1] // 2))
        left -= pairs.shape[1]
        rows = torch.as_tensor(pairs, device=held.device).flatten(1)
        index = rows[:, :, None].expand(-1, -1, held.shape[2])
        members = held.gather(1, index).view(-1, 2 * held.shape[2])
        chances = uniform(states, (3 if not wholly else 1) * pairs.shape[1])
        move = _reshared if wholly else _swapped
        members = move(board, members, rounds.temperature, chances.reshape(len(members), -1))
        held.scatter_(1, index, members.view(index.shape))


def _matching(states: NDArray[np.uint64], stripes: int, pairs: int) -> NDArray[np.int64]:
    """Random disjoint pairs of stripes in each chain: int64[chains, pairs, 2]."""
    shuffled = np.argsort(uniform(states, stripes), axis=1, kind="stable")
    return shuffled[:, : 2 * pairs].reshape(len(states), pairs, 2)


def _reshared(
    board: Board, members: Tensor, temperature: float, chances: NDArray[np.float64]
) -> Tensor:
    """Each pair's channels in a partition drawn by its value: int64[pairs, 2m]."""
    listed = _subsets_on(board.pattern.m, members.device)
    table = board.values(members[:, listed])
    half = len(listed) // 2
    shared = (table + table.flip(1))[:, :half]
    chosen = _heat_bath(shared, temperature, chances)
    partitions = torch.cat([listed[:half], listed.flip(0)[:half]], dim=1)
    return members.gather(1, partitions[chosen])


def _heat_bath(values: Tensor, temperature: float, chances: NDArray[np.float64]) -> Tensor:
    """Draw from each line with weights exp(value / temperature); at 0 the best: int64[lines]."""
    if temperature <= 0:
        return values.argmax(dim=1)
    best = values.amax(dim=1, keepdim=True)
    below = ((values - best) / temperature).exp().cumsum(dim=1)
    drawn = torch.as_tensor(chances).to(values) * below[:, -1:]
    return (below <= drawn).sum(dim=1).clamp(max=values.shape[1] - 1)


def _swapped(
    board: Board, members: Tensor, temperature: float, chances: NDArray[np.float64]
) -> Tensor:
    """Each pair with one random swap between its stripes, if that is accepted."""
    m = board.pattern.m
    slots = (chances[:, :2] * m).astype(np.int64) + np.array([0, m])
    index = torch.as_tensor(slots, device=members.device)
    moved = members.scatter(1, index, members.gather(1, index.flip(1)))
    both = torch.stack([members, moved]).view(2, len(members), 2, m)
    before, after = board.values(both).sum(dim=2)
    gain = after - before
    taken = gain >= 0
    if temperature > 0:
        lucky = torch.as_tensor(chances[:, 2]).to(gain) < (gain / temperature).exp()
        taken |= lucky
    return torch.where(taken[:, None], moved, members)


@cache
def _subsets_on(m: int, device: torch.device) -> Tensor:
    return torch.tensor(subsets(m), device=device)


def uniform(states: NDArray[np.uint64], count: int) -> NDArray[np.float64]:
    """The next numbers in [0, 1) of each chain: float64[chains, count].

    Drawn on the host, so that every device gets the same numbers.

    Source: SplitMix64 (Steele, Lea and Flood 2014), as in the compiled kernel.
    """
    steps = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    bits = states + steps
    states[:] = bits[:, -1:]
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53
