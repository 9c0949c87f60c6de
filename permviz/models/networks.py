"""Networks that the analysis is measured on, by name: what builds each, and what it is fed."""

import importlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from permviz.errors import SourceError

_INSTALL = "'permviz[coverage]'"
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
Build = Callable[[], tuple[nn.Module, object]]


@dataclass(frozen=True, slots=True)
class Network:
    """One network, built when it is asked for.

    Attributes:
        name: as people call it.
        package: that it comes from; ``permviz`` for those written here.
        build: makes it, untrained, with example inputs.
        forward: makes the forward function to capture, if its own cannot be.
    """

    name: str
    package: str
    build: Build = field(repr=False)
    forward: Callable[[nn.Module], Callable[..., Any]] | None = field(default=None, repr=False)

    @property
    def installed(self) -> bool:
        """Whether its package is there."""
        return find_spec(self.package) is not None

    def ready(self) -> tuple[nn.Module, object]:
        """The network with lively random weights, and example inputs; always the same.

        Raises:
            SourceError: its package is not installed.
        """
        if not self.installed:
            raise SourceError(f"{self.package} is not installed; run: pip install {_INSTALL}")
        with quietly():
            model, inputs = self.build()
            return enliven(model), inputs


@contextmanager
def quietly() -> Iterator[None]:
    """Build with the same random numbers every time, and leave the caller's alone."""
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        # Building warns about the libraries' own habits.
        warnings.simplefilter("ignore")
        torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType] - torch leaves it untyped
        yield


def networks() -> tuple[Network, ...]:
    """All of them: the paper's kinds first, then today's."""
    homes = ("vision", "text", "timm", "own")
    parts = [importlib.import_module(f"permviz.models.networks_{home}") for home in homes]
    return tuple(network for part in parts for network in part.NETWORKS)


def chosen(names: Sequence[str]) -> tuple[Network, ...]:
    """Those with these names, in this order; all of them for none.

    Raises:
        SourceError: a name is unknown.
    """
    known = {network.name: network for network in networks()}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SourceError(f"The network {unknown[0]!r} is unknown; choose from {', '.join(known)}.")
    return tuple(known[name] for name in names) if names else tuple(known.values())


def picture(size: int, count: int = 1) -> Tensor:
    """Noise pictures: float[count, 3, size, size]."""
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(0))


def words(count: int = 2, length: int = 8, known: int = 30) -> Tensor:
    """Rows of words, each another: int64[count, length]."""
    return torch.arange(count * length).reshape(count, length) * 7 % known


def enliven(model: nn.Module, seed: int = 0) -> nn.Module:
    """Draw anew what would hide a channel, in place; evaluation mode.

    Zero-initialised heads, identity norms and fresh statistics are the same for all channels,
    and convolutions that shrink what they read bury it under the rounding of a deep network:
    a check on either would prove nothing.
    """
    generator = torch.Generator().manual_seed(seed)
    statistics = [tensor for name, tensor in model.named_buffers() if "running_" in name]
    with torch.no_grad():
        for part in model.modules():
            if isinstance(part, CONVOLUTIONS):
                fan = part.weight[0].numel()
                part.weight.copy_(torch.randn(part.weight.shape, generator=generator))
                part.weight.mul_((2 / fan) ** 0.5)  # keeps the scale behind a ReLU
        for tensor in [*model.parameters(), *statistics]:
            if tensor.is_floating_point() and tensor.numel() > 1 and _same(tensor):
                tensor.copy_(_drawn(tensor, generator))
    return model.eval()


def _same(tensor: Tensor) -> bool:
    return bool((tensor == tensor.flatten()[0]).all())


def _drawn(tensor: Tensor, generator: torch.Generator) -> Tensor:
    """Around 1 for what scales, around 0 for what is added or multiplied by a matrix."""
    drawn = torch.rand(tensor.shape, generator=generator)
    if float(tensor.flatten()[0]) != 0.0:
        return drawn + 0.5
    fan = tensor[0].numel() if tensor.ndim > 1 else 4
    return (drawn - 0.5) * (12 / max(fan, 1)) ** 0.5
