"""Steps of the random networks that write into memory, scale heads or keep streams."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

MEMORY_KINDS = ["filled", "rewritten", "heads", "streams", "composed", "padded", "by_head"]


class MemorySteps:
    """What `Network` in `test_random_networks.py` can do with memory, heads and streams."""

    part: Callable[[Callable[[], nn.Module]], nn.Module]

    def filled(self, x: Tensor, y: Tensor, size: int) -> list[Tensor]:
        made = torch.zeros_like(x)
        if size == 0:
            for row in range(x.shape[2]):
                made[:, :, row] = x[:, :, row] * (row + 1)
        elif size == 1:
            made.transpose(1, 2)[:, 1:].copy_(x.transpose(1, 2)[:, 1:])
        elif size == 2:
            made[:, : x.shape[1] // 2] = x[:, : x.shape[1] // 2]
        elif x.shape == y.shape:
            made[:, :, :2] = x[:, :, :2]
            made[:, :, 2:].add_(y[:, :, 2:])
        return [made]

    def rewritten(self, x: Tensor, y: Tensor, size: int) -> list[Tensor]:
        made = torch.tanh(x)
        seen = made[:, :, 0]
        if x.shape == y.shape:
            made[..., size % 3] = y[..., 1]
        elif size:
            made.flip(1)[:, :, 1:].mul_(2)
        else:
            made.reshape(x.shape[0], -1)[:, ::2].mul_(2)
        return [made + seen[:, :, None]] if size % 2 else [made]

    def heads(self, x: Tensor, _: Tensor, size: int) -> list[Tensor]:
        count = 2 if size < 2 else 4
        if x.shape[1] % count:
            return []
        split = x.unflatten(1, (count, -1)) + 1
        scale = self.part(lambda: nn.Linear(count, 1)).weight.view(count, 1, 1, 1)
        inner = self.part(lambda: nn.Linear(split.shape[2], 1)).weight.view(-1, 1, 1)
        pooled = self.part(lambda: nn.Conv2d(x.shape[1], count, 1))(x)[:, :, None]
        scaled = split * scale + pooled.sigmoid()
        return [(scaled * inner if size % 2 else scaled).flatten(1, 2)]

    def streams(self, x: Tensor, _: Tensor, size: int) -> list[Tensor]:
        count, c = 2 + size % 2, x.shape[1]
        shares = self.part(lambda: nn.Linear(count, 1)).weight.view(count, 1, 1, 1)
        beside = x[:, None] * shares
        mixed = self.part(lambda: nn.Conv2d(count * c, count, 1))(beside.flatten(1, 2))
        return [(mixed.softmax(1)[:, :, None] * beside).sum(1)]

    def composed(self, x: Tensor, y: Tensor, size: int) -> list[Tensor]:
        if size == 0:
            return [torch.multiply(x, y) if x.shape == y.shape else torch.negative(x)]
        if size == 1:
            return [torch.vstack([x, x * 2])[x.shape[0] :]]
        if size == 2:
            return [torch.hstack([x, y])] if x.shape[1] + y.shape[1] <= 24 else []
        return [torch.fliplr(x) + torch.subtract(x, 1)]

    def padded(self, x: Tensor, _: Tensor, size: int) -> list[Tensor]:
        wide = fn.pad(x, (0, 0, 0, 0, size % 2, 1), value=1.0)
        summed = wide * wide.mean((2, 3), keepdim=True)
        return [summed[:, size % 2 : -1] / (summed[:, -1:].abs() + 1)]

    def by_head(self, x: Tensor, _: Tensor, size: int) -> list[Tensor]:
        c = x.shape[1]
        if c % 2:
            return []
        weight = self.part(lambda: nn.Linear(c // 2, 8)).weight.view(2, 4, c // 2)
        rows = x.mean((2, 3)).view(-1, 2, c // 2).transpose(0, 1)
        read = torch.bmm(rows, weight.transpose(1, 2)).transpose(0, 1).flatten(1)
        if size == 0:
            read = torch.einsum("bgi,goi->bgo", rows.transpose(0, 1), weight).flatten(1)
        return [read[:, :, None, None] + x.mean(1, keepdim=True)]
