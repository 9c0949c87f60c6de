"""Triton: the table K in tiles of registers, for GPUs.

Each program makes one tile. A row gives it a few floors and a few channels, and every
loaded value meets all of the other kind in registers; so memory is read once a tile.
Rows come one after the other, from copies that lie row by row, where neighbouring
threads read neighbouring values.

Importing this module needs triton. `TRITON_INTERPRET=1` in the environment, set before,
runs the kernel without a GPU; the interpreter cannot time, so the first tile is taken.
"""

# pyright: basic, reportGeneralTypeIssues=false
# The language inside a kernel is Triton's, which is not typed.

import os
from collections.abc import Callable, Sequence
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

_ROWS = 512
"""Rows that are summed in float32 before they go into float64."""

_WIDE = 1 << 20
"""Cells of a table from which on it counts as wide: tiles are tuned once for each kind."""

_INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"

TILES = [
    triton.Config(
        {"ROWS": _ROWS, "DOWN": down, "ACROSS": across, "UNROLL": unroll}, num_warps=warps
    )
    for down, across, warps in ((16, 16, 1), (32, 32, 4), (32, 64, 4), (64, 64, 4), (64, 64, 8))
    for unroll in (1, 4)
]


def _timed(call: Callable[[], None], quantiles: Sequence[float]) -> Any:
    """Quantiles of the time of a call, in milliseconds: for some twenty of them."""
    return triton.testing.do_bench(call, warmup=5, rep=20, quantiles=quantiles)


@triton.autotune(configs=TILES[:1] if _INTERPRETED else TILES, key=["wide"], do_bench=_timed)
@triton.jit
def tile(
    floors,
    columns,
    found,
    slots,
    channels,
    rows,
    wide,  # noqa: ARG001 - the tuner's key
    ROWS: tl.constexpr,
    DOWN: tl.constexpr,
    ACROSS: tl.constexpr,
    UNROLL: tl.constexpr,
):
    """Sums over rows of max(floors[row, i], columns[row, x]), for one tile of i and x."""
    down = tl.program_id(0) * DOWN + tl.arange(0, DOWN)
    right = tl.program_id(1) * ACROSS + tl.arange(0, ACROSS)
    total = tl.zeros((DOWN, ACROSS), tl.float64)
    for start in range(0, rows, ROWS):
        part = tl.zeros((DOWN, ACROSS), tl.float32)
        for _ in tl.range(start, tl.minimum(start + ROWS, rows), loop_unroll_factor=UNROLL):
            left = tl.load(floors + down, mask=down < slots, other=0.0)
            top = tl.load(columns + right, mask=right < channels, other=0.0)
            part += tl.maximum(left[:, None], top[None, :])
            # Pointers move on, since row * channels may not fit 32 bits.
            floors += slots
            columns += channels
        total += part.to(tl.float64)
    cells = down.to(tl.int64)[:, None] * channels + right[None, :]
    tl.store(found + cells, total, mask=(down < slots)[:, None] & (right < channels)[None, :])


def slot_values(floors: Tensor, columns: Tensor) -> Tensor:
    """K[i, x], the sum over rows of max(floors[i], columns[x]): float64[slots, channels]."""
    return launch(tile, floors, columns)


def launch(kernel: Any, floors: Tensor, columns: Tensor, **constants: int) -> Tensor:
    """Make all tiles of a table with a kernel, tuned or with the given constants."""
    slots, channels = len(floors), len(columns)
    found = torch.empty((slots, channels), dtype=torch.float64, device=columns.device)

    def grid(chosen: dict[str, int]) -> tuple[int, int]:
        return triton.cdiv(slots, chosen["DOWN"]), triton.cdiv(channels, chosen["ACROSS"])

    with torch.cuda.device_of(found):
        kernel[grid](
            floors.t().contiguous(),
            columns.t().contiguous(),
            found,
            slots,
            channels,
            columns.shape[1],
            int(slots * channels >= _WIDE),
            **constants,
        )
    return found


def tune(device: torch.device) -> None:
    """Compile the kernel and time its tiles, on small tables and on wide ones."""
    for size in (256, 2048):
        slot_values(*torch.zeros((2, size, 1040), device=device))
