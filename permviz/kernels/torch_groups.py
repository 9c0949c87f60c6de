"""Torch: the best way to share the channels of groups of stripes, many groups at once.

The table of a group's subsets is a list of stripes like any other. A partition is a double
set cut in two and what remains, as `permviz.kernels.subsets.Sharings` lists them.
"""

import torch
from torch import Tensor

from permviz.kernels.subsets import Sharings
from permviz.kernels.torch_stripes import spans, stripe_values


def best_sharings(
    columns: Tensor, members: Tensor, tables: Sharings, n: int, room: int
) -> tuple[Tensor, Tensor]:
    """Best sharing of each group.

    Args:
        columns: float32[channels, rows]
        members: int64[groups, size * m], the channels of each group.
        tables: the partitions of a group.
        n: how many channels of a stripe survive.
        room: elements that may be laid out at a time.

    Returns:
        float64[groups] gains over the present sharing, and int64[groups, size * m] the
        places among the channels of the group that each new stripe takes.
    """
    listed = torch.tensor(tables.listed, device=members.device)
    each = tables.listed.size + 2 * tables.halves.size
    gains: list[Tensor] = []
    places: list[Tensor] = []
    for some in spans(len(members), room // each):
        subsets = members[some][:, listed]
        values = stripe_values(columns, subsets.flatten(0, 1), n, room).view(subsets.shape[:2])
        best, chosen = _best_partitions(values, tables)
        present = torch.tensor(tables.present, device=members.device)
        gains.append(best - values[:, present].sum(1))
        places.append(listed[chosen].flatten(1))
    return torch.cat(gains), torch.cat(places)


def _best_partitions(values: Tensor, tables: Sharings) -> tuple[Tensor, Tensor]:
    """Value of the best partition in each table, and the numbers of its subsets."""
    halves = torch.tensor(tables.halves.astype("int64"), device=values.device)
    best, cut = (values[:, halves[..., 0]] + values[:, halves[..., 1]]).max(dim=2)
    doubles = best.shape[1]
    found, double = _with_the_rest(best, values, tables).max(dim=1)
    chosen = [halves[double, cut.gather(1, double[:, None])[:, 0]]]
    if tables.alone.size:
        chosen.append(torch.tensor(tables.alone, device=values.device)[double][:, None])
    elif doubles > 1:
        other = doubles - 1 - double
        chosen.append(halves[other, cut.gather(1, other[:, None])[:, 0]])
    return found, torch.cat(chosen, dim=1)


def _with_the_rest(best: Tensor, values: Tensor, tables: Sharings) -> Tensor:
    """Best value of each double set plus that of the places it leaves."""
    doubles = best.shape[1]
    if tables.alone.size:
        return best + values[:, torch.tensor(tables.alone, device=values.device)]
    if doubles > 1:
        # Four stripes: each pair of double sets is listed twice, first by its lower half.
        return (best + best.flip(1))[:, : doubles // 2]
    return best
