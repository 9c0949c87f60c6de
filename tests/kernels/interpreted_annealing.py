"""Run Triton's annealing in its interpreter, beside the obvious kernels.

A program of its own, since Triton looks at TRITON_INTERPRET when a kernel is defined. Prints
what differs most in the tables of a round, then for each pattern what the order keeps before
and after a cold annealing, and whether it is an order still.
"""

import numpy as np
import torch

from permviz.core.pattern import NMPattern
from permviz.kernels import triton_anneal
from permviz.kernels.protocol import Rounds
from permviz.kernels.reference import ReferenceKernels
from permviz.kernels.torch_anneal import Board
from permviz.kernels.triton_rounds import Places, launch

OBVIOUS = ReferenceKernels()
ROWS = 70


def columns_of(channels, seed):
    rng = np.random.default_rng(seed)
    columns = rng.random((channels, ROWS), dtype=np.float32)
    columns[rng.random(columns.shape) < 0.3] = 0
    return columns, rng.permutation(channels)


def error(n, m, opened):
    """Largest relative difference of the tables of two groups, over two parts of the rows."""
    columns, order = columns_of(2 * opened * m, m)
    rng = np.random.default_rng(0)
    slots = (rng.permutation(2 * opened) * m + rng.integers(0, m, 2 * opened)).reshape(2, opened)
    tables = torch.empty((2, 2, opened, opened), dtype=torch.float64)
    held = torch.tensor(order.reshape(1, -1, m))
    seeds, heat = torch.zeros((1, 1, 2), dtype=torch.int64), torch.ones(1)
    places = Places(held, torch.tensor(slots)[None, None], seeds, heat, tables)
    launch(torch.tensor(columns), places, 0, n, 1)
    floors = OBVIOUS.floors(columns, order.reshape(-1, m), n)
    obvious = [OBVIOUS.slot_values(floors[group], columns[order[group]]) for group in slots]
    return float(np.abs(tables.sum(0).numpy() - np.stack(obvious)).max() / np.max(obvious))


def cold(n, m, opened, chains=2):
    """What orders keep before and after, and whether each is an order of all channels."""
    columns, order = columns_of(3 * opened * m, m + 1)
    held = torch.tensor(order).reshape(1, -1, m).repeat(chains, 1, 1)
    before = OBVIOUS.stripe_values(columns, held[0].numpy(), n).sum()
    states = np.arange(chains, dtype=np.uint64)[:, None].copy()
    board = Board(torch.tensor(columns), NMPattern(n, m), 0)
    triton_anneal.anneal(board, held, Rounds(opened, 4 * opened, 0.0, 9), states)
    whole = all(sorted(chain.flatten().tolist()) == list(range(len(order))) for chain in held)
    after = [OBVIOUS.stripe_values(columns, chain.numpy(), n).sum() for chain in held]
    return before, min(after), whole and after[0] != after[1]


SHAPES = ((2, 4, 4), (1, 4, 8), (3, 4, 4), (1, 2, 2), (2, 8, 4))
print(max(error(*shape) for shape in SHAPES))
for shape in SHAPES[::2]:
    print(*cold(*shape))
