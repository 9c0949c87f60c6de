"""How much a model itself makes of rounding: the yardstick for differences of an output.

Another order of channels adds the same numbers in another order, so that sums differ by
rounding. Most models pass that on as it is. Some amplify it, and some jump: a mixture of
experts whose router nearly ties sends a token elsewhere, an `argmax` or a quantiser steps.
Moving every weight by some rounding steps shows it without any permutation.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from permviz.graph.capture import canonical_names, named_tensors

# Rounding steps, and draws of each; sums of many terms round more than once.
STEPS = (1, 2, 4, 8)
DRAWS = 2
SEED = 20_211


def shaken(model: nn.Module, steps: int = 1, draw: int = 0) -> dict[str, Tensor]:
    """Every floating weight moved by some rounding steps of its type, up or down at random."""
    generator = torch.Generator().manual_seed(SEED + draw)
    tensors = dict(named_tensors(model))
    changed: dict[str, Tensor] = {}
    for name in dict.fromkeys(canonical_names(model).values()):
        tensor = tensors[name].detach()
        if tensor.is_floating_point():
            signs = torch.randint(2, tensor.shape, generator=generator).to(tensor) * 2 - 1
            changed[name] = tensor * (1 + steps * torch.finfo(tensor.dtype).eps * signs)
    return changed


def shakings(model: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Ever larger moves by rounding, two draws of each size."""
    for number, steps in enumerate(STEPS):
        for draw in range(DRAWS):
            yield shaken(model, steps, DRAWS * number + draw)
