"""Torch: the arithmetic of stripes, many at a time, and the table K without a compiler.

Sums over rows go in blocks of `ROWS` into float32 and from block to block into `total`,
or small gains would drown in the rounding of sums over 10^5 rows. Whatever is laid out
between is cut into pieces of at most `room` elements; the pieces do not change a value.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

ROWS = 2048
"""Rows that are summed in float32: torch adds pairwise, which keeps its error small."""


def spans(total: int, size: int) -> Iterator[slice]:
    """Cut `total` items into pieces of at most `size`, and of at least one."""
    step = max(1, size)
    return (slice(start, min(start + step, total)) for start in range(0, total, step))


def total(device: torch.device) -> torch.dtype:
    """What sums add up in: float64, or float32 on Apple's GPUs, which have nothing wider."""
    return torch.float32 if device.type == "mps" else torch.float64


def stripe_values(columns: Tensor, stripes: Tensor, n: int, room: int) -> Tensor:
    """Retained score of each stripe.

    Args:
        columns: float32[channels, rows]
        stripes: int64[stripes, m]
        n: how many channels of a stripe survive.
        room: elements that may be laid out at a time.

    Returns:
        float64[stripes]
    """
    found = torch.zeros(len(stripes), dtype=total(columns.device), device=columns.device)
    width = min(ROWS, columns.shape[1])
    for rows in spans(columns.shape[1], ROWS):
        block = columns[:, rows]
        for some in spans(len(stripes), room // (2 * stripes.shape[1] * width)):
            held = [block[channels] for channels in stripes[some].unbind(1)]
            found[some] += _top(held, n).sum(1)
    return found


def _top(values: Sequence[Tensor], n: int) -> Tensor:
    """Sum of the n largest of some tensors, element by element."""
    ranked = list(values)
    for place in range(n):
        for other in range(len(ranked) - 1, place, -1):
            above, below = ranked[other - 1], ranked[other]
            ranked[other - 1] = torch.maximum(above, below)
            if place + 1 < n:
                ranked[other] = torch.minimum(above, below)
    return torch.stack(ranked[:n]).sum(0) if n > 1 else ranked[0]


def floors(columns: Tensor, stripes: Tensor, n: int, room: int) -> Tensor:
    """The n-th largest of the others, for each slot and row: float32[slots, rows].

    Where the slot's own channel is among the n largest of its stripe, the next one takes
    the n-th place; where it is not, the n-th stays.
    """
    m, rows = stripes.shape[1], columns.shape[1]
    found = torch.empty((len(stripes), m, rows), dtype=columns.dtype, device=columns.device)
    for some in spans(len(stripes), room // (2 * m * rows)):
        held = columns[stripes[some]]
        ranked = held.topk(n + 1, dim=1).values
        last, following = ranked[:, n - 1 : n], ranked[:, n:]
        found[some] = torch.where(held >= last, following, last)
    return found.flatten(0, 1)


def slot_values(floors: Tensor, columns: Tensor, room: int) -> Tensor:
    """K[i, x], the sum over rows of max(floors[i], columns[x]): float64[slots, channels]."""
    shape = (len(floors), len(columns))
    found = torch.zeros(shape, dtype=total(columns.device), device=columns.device)
    width = min(ROWS, columns.shape[1])
    across = min(len(columns), max(1, room // width))
    for rows in spans(columns.shape[1], ROWS):
        for right in spans(len(columns), across):
            for down in spans(len(floors), room // (across * width)):
                tile = torch.maximum(floors[down, None, rows], columns[None, right, rows])
                found[down, right] += tile.sum(2)
    return found
