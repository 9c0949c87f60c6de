"""Kernels for whatever torch runs on: everything batched into tensor operations.

The table K and block annealing come from Triton's kernels on a GPU where triton is
installed, else from torch's own operations. Assignment problems on K are solved on the host
by scipy, and greedy rounds of swaps by the compiled kernel, since both go through a table in
an order that depends on what they take.

Answers are those of `permviz.kernels.reference` within float32's rounding, and the same
for the same device, torch and seed. An array that cannot change is copied to the device
once and stays there for as long as it lives here: the columns of a block, and floors that
go straight into a table.

What has been run: all of this on torch's CPU device and on an H100, with and without
Triton, whose kernels the suite runs in Triton's interpreter. What has not: other GPUs, devices
beyond the first, out-of-memory handling, and Apple's GPUs with their float32 sums. On the
CPU the compiled kernels are 5 to 200 times faster than these, which are there for GPUs and
for checking them.

The figures and tests of the H100 are of the kernels as they are; how `auto` calls them, the
limit below which blocks stay on the host, and the desk's present form have not run there.

Where a GPU sums, the cut into parts that fit a memory limit shows in the last bits.
"""

import importlib.util
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from permviz.core.pattern import NMPattern
from permviz.errors import StrategyError
from permviz.kernels import torch_stripes
from permviz.kernels.numba_cpu import NumbaKernels
from permviz.kernels.protocol import Columns, Kernels, Places, Rounds, Stripes, Sweeps, Values
from permviz.kernels.subsets import sharings
from permviz.kernels.torch_anneal import Board, anneal
from permviz.kernels.torch_groups import best_sharings

PREFIX = "torch:"
"""Before a device's name: torch's operations alone, without Triton."""

_MEMORY = {"cpu": 8 << 20}
_MEMORY_ELSEWHERE = 256 << 20
_FLOAT = 4

_WIDE = 1 << 22
"""Scores of a block from which on a GPU searches it sooner than some cores of its host."""

_SPEED = 64
"""Rough max-adds of a GPU, by Triton, in the time of one on a core."""


@cache
def cuda_is_there() -> bool:
    """Whether torch has a CUDA device that Triton compiles for; without it a CPU is faster."""
    if not torch.cuda.is_available() or importlib.util.find_spec("triton") is None:
        return False
    try:
        _compiled(torch.device("cuda"))
    except StrategyError:
        return False
    return True


def cuda_devices() -> list[str]:
    """The CUDA devices that torch has."""
    count = torch.cuda.device_count()
    return ["cuda"] if count == 1 else [f"cuda:{index}" for index in range(count)]


@dataclass(frozen=True, slots=True)
class Compiled:
    """What Triton compiles for a GPU, in the place of torch's operations.

    Attributes:
        slot_values: the table K of floors and columns, float64[slots, channels].
        takes: whether `anneal` is made for so many opened of so many stripes, of M channels.
        anneal: block annealing, as in `permviz.kernels.torch_anneal`.
    """

    slot_values: Callable[[Tensor, Tensor], Tensor]
    takes: Callable[[Rounds, int, int], bool]
    anneal: Callable[[Board, Tensor, Rounds, NDArray[np.uint64]], None]


@cache
def on(name: str, memory: int | None = None, threads: int = 1) -> "TorchKernels":
    """The kernels on a device as torch names it, such as ``cuda:1``, ``mps`` or ``torch:cpu``.

    Args:
        name: a torch device; with ``torch:`` before it, Triton is left alone.
        memory: bytes that a call may lay out on the device beside what stays there.
        threads: of what is left to the host.

    Raises:
        StrategyError: torch does not know the device or cannot use it, or Triton cannot
            compile for it.
    """
    device = _usable(name.removeprefix(PREFIX))
    limit = memory or _MEMORY.get(device.type, _MEMORY_ELSEWHERE)
    plain = name.startswith(PREFIX) or device.type != "cuda"
    if plain or importlib.util.find_spec("triton") is None:
        return TorchKernels(device, limit)
    return TorchKernels(device, limit, _compiled(device), threads)


@cache
def _compiled(device: torch.device) -> Compiled:
    """Triton's kernels, compiled and tuned so that no search pays for it."""
    try:
        from permviz.kernels import triton_anneal, triton_table  # noqa: PLC0415 - need triton

        triton_table.tune(device)
        triton_anneal.tune(device)
    except Exception as problem:  # what a compiler raises is of any kind
        raise StrategyError(
            f"Triton cannot compile the search kernels for {device}: {problem}. "
            f'Choose "{PREFIX}{device}" to do without it, or "cpu".'
        ) from problem
    return Compiled(triton_table.slot_values, triton_anneal.takes, triton_anneal.anneal)


def _usable(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as problem:
        raise StrategyError(
            f"No search kernels run on the device {name!r}: torch {torch.__version__} cannot use "
            'it here. Choose "cpu", or "auto" for the best there is.'
        ) from problem
    return device


class TorchKernels:
    """The batched kernels on one torch device.

    Attributes:
        device: where everything runs.
        memory: bytes that a call may lay out beside what stays on the device.
        threads: of what goes step by step, on the host.
        speed: rough max-adds in the time of one on a core.
    """

    def __init__(
        self,
        device: torch.device,
        memory: int,
        compiled: Compiled | None = None,
        threads: int = 1,
    ) -> None:
        self.device = device
        self.memory = memory
        self.threads = threads
        self.speed = _SPEED if compiled else 1
        self._compiled = compiled
        self._room = max(1, memory // _FLOAT)
        self._host = NumbaKernels(threads)
        self._resident: dict[int, Tensor] = {}

    def suited(self, columns: Columns) -> Kernels:
        """These for many scores; the host's cores are done with few of them sooner."""
        return self if self._compiled is None or columns.size >= _WIDE else self._host

    def stripe_values(self, columns: Columns, stripes: Stripes, n: int) -> Values:
        """Retained score of each stripe: float64[stripes]."""
        held, listed = self._put(columns), self._put(stripes)
        return _values(torch_stripes.stripe_values(held, listed, n, self._room))

    def floors(self, columns: Columns, stripes: Stripes, n: int) -> Columns:
        """n-th largest of the others, for each slot and row: float32[slots, rows], read-only."""
        found = torch_stripes.floors(self._put(columns), self._put(stripes), n, self._room)
        array: Columns = found.cpu().numpy()
        array.setflags(write=False)
        self._keep(array, found)
        return array

    def slot_values(self, floors: Columns, columns: Columns) -> Values:
        """K[i, x], the sum over rows of max(floors[i], columns[x]): float64[slots, channels].

        Lines are made and fetched in parts that fit the memory.
        """
        left, right = self._put(floors), self._put(columns)
        found = np.empty((len(floors), len(columns)))
        for some in torch_stripes.spans(len(floors), self.memory // (8 * len(columns))):
            torch.as_tensor(found[some]).copy_(self._table(left[some], right))
        return found

    def _table(self, floors: Tensor, columns: Tensor) -> Tensor:
        if self._compiled is not None:
            return self._compiled.slot_values(floors, columns)
        return torch_stripes.slot_values(floors, columns, self._room)

    def swap_round(self, values: Values, order: NDArray[np.int64], m: int) -> Stripes:
        """One round of greedy swaps, best first, where the table lies: int64[swaps, 2]."""
        return self._host.swap_round(values, order, m)

    def group_gains(
        self, columns: Columns, stripes: Stripes, groups: Stripes, n: int
    ) -> tuple[Values, Places]:
        """Best sharing of the channels of each group of stripes: gains and places."""
        m, size = stripes.shape[1], groups.shape[1]
        members = self._put(stripes[groups].reshape(len(groups), size * m))
        tables = sharings(m, size)
        gains, places = best_sharings(self._put(columns), members, tables, n, self._room)
        return _values(gains), places.cpu().numpy().astype(np.uint8)

    def anneal(
        self,
        columns: Columns,
        orders: NDArray[np.int64],
        pattern: NMPattern,
        rounds: Rounds,
        states: NDArray[np.uint64],
    ) -> None:
        """Rearrange each chain, in place, many random groups of stripes at once.

        As many stripes are opened as `rounds` asks for; see `permviz.kernels.torch_anneal`
        and `permviz.kernels.triton_anneal`.
        """
        held = self._put(orders.reshape(len(orders), -1, pattern.m))
        board = Board(self._put(columns), pattern, self._room)
        if self._compiled is not None and self._compiled.takes(rounds, *held.shape[1:]):
            self._compiled.anneal(board, held, rounds, states)
        else:
            anneal(board, held, rounds, states)
        orders[:] = held.cpu().numpy().reshape(orders.shape)

    def anneal_table(
        self,
        columns: Columns,
        orders: NDArray[np.int64],
        pattern: NMPattern,
        sweeps: Sweeps,
        states: NDArray[np.uint64],
        tables: Columns,
    ) -> None:
        """Rearrange each chain by swaps on its table, in place, on the host: one by one."""
        self._host.anneal_table(columns, orders, pattern, sweeps, states, tables)

    def _put(self, array: NDArray[np.generic]) -> Tensor:
        """The array on the device; one that cannot change is copied once."""
        resident = self._resident.get(id(array))
        if resident is not None:
            return resident
        try:
            tensor = torch.tensor(array, device=self.device)
        except torch.OutOfMemoryError as problem:
            raise StrategyError(
                f"{array.nbytes >> 20} MiB do not fit the memory of {self.device}; "
                'search with device="cpu".'
            ) from problem
        if not array.flags.writeable and array.base is None:
            self._keep(array, tensor)
        return tensor

    def _keep(self, array: NDArray[np.generic], tensor: Tensor) -> None:
        """Remember a tensor for as long as its array lives."""
        self._resident[id(array)] = tensor
        weakref.finalize(array, self._resident.pop, id(array), None).atexit = False


def _values(tensor: Tensor) -> Values:
    return tensor.cpu().numpy().astype(np.float64, copy=False)
