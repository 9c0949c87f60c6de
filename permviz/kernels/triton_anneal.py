"""Triton: block annealing of all stripes of all chains in every round, for GPUs.

A round deals the stripes of a chain out into groups, opens one random slot in each, and
swaps inside the groups; see `permviz.kernels.triton_rounds`. A temperature means what it
means to the compiled kernel, since both make Metropolis swaps on tables of the same kind.

A round takes a GPU less time than launching it takes the host. So the rounds of a batch are
recorded once for a search, as a graph that is launched as a whole: on an H100 a round of 2,048
channels and rows takes 31 microseconds like this, and 107 without.
"""

import weakref
from collections.abc import MutableMapping
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from permviz.core.pattern import NMPattern
from permviz.kernels.protocol import Rounds
from permviz.kernels.torch_anneal import Board, uniform
from permviz.kernels.triton_rounds import Places, launch

_BATCH = 32
"""Rounds whose random numbers are drawn at a time, and whose launches are recorded."""

_PROGRAMS = 528
"""Programs of a round at which a GPU is busy: four for each of some 130 processors."""

_LEAST_ROWS, _MOST_ROWS = 128, 1 << 14
"""Rows that a program takes: with more, float32 sums would drown small gains."""

_COLDEST = 1e-30
"""Stands for no heat: no loss is taken at it."""


def takes(rounds: Rounds, stripes: int, m: int) -> bool:
    """Whether the kernels are made for so many opened of so many stripes, of M channels."""
    return rounds.opened in (2, 4, 8, 16) and rounds.opened <= stripes and m <= 16


def tune(device: torch.device) -> None:
    """Compile the kernels for 2:4, as they are mostly called.

    Another pattern, or number of opened stripes, is compiled when it is first asked for.
    """
    channels, rows, opened = 2048, 1040, 16
    # As many rows as searches have: tables of one part would be compiled otherwise.
    board = Board(torch.zeros((channels, rows), device=device), NMPattern(2, 4), 0)
    held = torch.arange(channels, device=device).view(1, -1, 4)
    # A batch that is launched, one that is recorded, and a part of one.
    count = held.shape[1] // opened * (2 * _BATCH + 1)
    rounds = Rounds(opened, 8 * opened, temperature=1.0, count=count)
    anneal(board, held, rounds, np.zeros((1, 1), dtype=np.uint64))


def anneal(board: Board, held: Tensor, rounds: Rounds, states: NDArray[np.uint64]) -> None:
    """Open as many stripes of each chain as `rounds` asks for, rounded up to all, in place.

    Its arguments are those of `permviz.kernels.torch_anneal.anneal`.
    """
    desk, dice = _desk(board, held, rounds), _dice(states, held.device)
    desk.begin(held, max(rounds.temperature, _COLDEST))
    left = -(-rounds.count // (held.shape[1] // rounds.opened))
    while left > 0:
        some = min(left, _BATCH)
        desk.deal(dice)
        desk.play(some)
        left -= some
    held.copy_(desk.places.held)


def _dice(states: NDArray[np.uint64], device: torch.device) -> list[torch.Generator]:
    """Random numbers on the device, for each chain by itself."""
    seeds = (uniform(states, 1)[:, 0] * 2.0**53).astype(np.int64)
    return [torch.Generator(device).manual_seed(int(seed)) for seed in seeds]


_Desks = dict[tuple[int, ...], "_Desk"]

_desks = cast("MutableMapping[Tensor, _Desks]", WeakTensorKeyDictionary())
"""By the columns that are searched, and gone with them."""


def _desk(board: Board, held: Tensor, rounds: Rounds) -> "_Desk":
    """The desk of a search, which asks again and again for rounds that differ in heat only."""
    desks = _desks.get(board.columns, {})
    key = (*held.shape, rounds.opened, rounds.swaps, board.pattern.n)
    if key not in desks:
        desks[key] = _Desk(board, held, rounds)
        _desks[board.columns] = desks
    return desks[key]


class _Desk:
    """Where rounds work: tensors that stay in place, so that launches can be recorded.

    Attributes:
        places: those tensors.
    """

    def __init__(self, board: Board, held: Tensor, rounds: Rounds) -> None:
        chains, stripes, _ = held.shape
        opened, device = rounds.opened, held.device
        groups = stripes // opened
        parts = _parts(board.columns.shape[1], chains * groups)
        self.places = Places(
            held=held.clone(),
            slots=torch.empty((_BATCH, chains, groups, opened), dtype=torch.int64, device=device),
            seeds=torch.empty((_BATCH, chains, 2), dtype=torch.int64, device=device),
            heat=torch.empty(1, device=device),
            tables=torch.empty(
                (parts, chains * groups, opened, opened), dtype=torch.float64, device=device
            ),
        )
        # A weak reference, since the columns keep this.
        self._columns = weakref.ref(board.columns)
        self._n, self._matchings = board.pattern.n, -(-2 * rounds.swaps // opened)
        self._played = False
        self._recorded: torch.cuda.CUDAGraph | None = None

    def begin(self, held: Tensor, temperature: float) -> None:
        """Take over an order, and a temperature."""
        self.places.held.copy_(held)
        self.places.heat.fill_(temperature)

    def deal(self, dice: list[torch.Generator]) -> None:
        """Draw the slots that the rounds of a batch open, and the luck of their swaps."""
        chains, stripes, m = self.places.held.shape
        slots, size = self.places.slots, (_BATCH, 2 * stripes + 2)
        lots = torch.stack([_drawn(size, die) for die in dice], dim=1)
        opened = slots.shape[2] * slots.shape[3]
        picked = lots[..., :stripes].argsort(dim=2, stable=True)[..., :opened]
        places = (lots[..., stripes:-2] * m).to(torch.int64).gather(2, picked)
        first = torch.arange(chains, device=slots.device)[:, None] * (stripes * m)
        slots.copy_((first + picked * m + places).view(slots.shape))
        self.places.seeds.copy_((lots[..., -2:] * 2.0**31).to(torch.int64))

    def play(self, some: int) -> None:
        """Play some rounds of the batch; whole batches are recorded the second time.

        By then all is compiled and loaded, which cannot be recorded.
        """
        if some < _BATCH or not self._played or not self.places.held.is_cuda:
            self._launch(some)
            self._played |= some == _BATCH
            return
        if self._recorded is None:
            self._recorded = self._record()
        self._recorded.replay()

    def _record(self) -> torch.cuda.CUDAGraph:
        graph, device = torch.cuda.CUDAGraph(), self.places.held.device
        here, aside = torch.cuda.current_stream(device), torch.cuda.Stream(device)
        aside.wait_stream(here)
        with torch.cuda.stream(aside):
            # Other threads may go on with what they do on the device.
            graph.capture_begin(capture_error_mode="thread_local")
            self._launch(_BATCH)
            graph.capture_end()
        here.wait_stream(aside)
        return graph

    def _launch(self, some: int) -> None:
        columns = self._columns()
        assert columns is not None  # noqa: S101 - whoever plays holds them
        for at in range(some):
            launch(columns, self.places, at, self._n, self._matchings)


def _drawn(size: tuple[int, int], die: torch.Generator) -> Tensor:
    return torch.rand(size, generator=die, dtype=torch.float64, device=die.device)


def _parts(rows: int, groups: int) -> int:
    """Into how many parts rows are cut: enough to keep a GPU busy."""
    each = min(max(-(-rows * groups // _PROGRAMS), _LEAST_ROWS), _MOST_ROWS)
    return -(-rows // each)
