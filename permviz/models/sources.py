"""What can be loaded: the demos, and state dicts of architectures that are known by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from permviz.errors import SourceError
from permviz.models import libraries, torchvision_models
from permviz.models.checkpoint import fit_state, read_state
from permviz.models.digits import DigitsNet
from permviz.models.digits_data import WEIGHTS_FILE, DigitsData, as_input, load_digits
from permviz.models.names import DIGITS, TORCHVISION, architectures

_DIGITS_ABOUT = (
    "An inverted-residual CNN of 0.2 million weights, trained on 4,000 handwritten digits (MNIST)."
)


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A model that is ready to be analysed.

    Attributes:
        name: of the architecture.
        model: in evaluation mode, on the CPU.
        example_inputs: what its forward function is called with.
        data: labelled images, where its accuracy can be measured here; else None.
        about: one sentence on what it is and where its weights come from.
        trained: whether they were ever trained, or are random.
    """

    name: str
    model: nn.Module = field(repr=False)
    example_inputs: Any = field(repr=False)
    data: DigitsData | None = field(repr=False)
    about: str
    trained: bool = True


def load_model(name: str = DIGITS) -> LoadedModel:
    """Load a model from what is on this machine.

    The weights are trained ones; only those of a library's network, such as
    ``timm:resnet50d``, may be random where the machine has no others.

    Raises:
        SourceError: the name is unknown, its weights are not here, or they are damaged.
    """
    if libraries.belongs(name):
        return _of_library(name)
    _check_name(name)
    if name == DIGITS:
        state = read_state(WEIGHTS_FILE, WEIGHTS_FILE.name)
        return _fitted(name, state, WEIGHTS_FILE.name, _DIGITS_ABOUT)
    file, content = torchvision_models.weights_file(name)
    about = f"torchvision's {name}, trained on ImageNet, from {file.name}."
    return _fitted(name, read_state(content, file.name), file.name, about)


def load_state(architecture: str, file: Path | bytes, filename: str = "") -> LoadedModel:
    """Load weights from a file into an architecture; nothing in the file is executed.

    Args:
        architecture: one of `architectures()`, or the name of a library's network.
        file: a ``.safetensors``, ``.pt`` or ``.pth`` file, or its content.
        filename: how errors call it, its ending tells the format; by default the file's name.

    Raises:
        SourceError: the architecture is unknown, or the file cannot be read or does not fit.
    """
    shown = filename or (file.name if isinstance(file, Path) else "the upload")
    about = f"{architecture} with weights from {shown}."
    if libraries.belongs(architecture):
        found = libraries.find(architecture, trained=False)
        fit_state(found.network, read_state(file, shown), shown, architecture)
        return LoadedModel(architecture, found.network.eval(), found.inputs, None, about)
    _check_name(architecture)
    return _fitted(architecture, read_state(file, shown), shown, about)


def _of_library(name: str) -> LoadedModel:
    found = libraries.find(name)
    about = f"{name} with {found.weights}."
    return LoadedModel(name, found.network, found.inputs, None, about, trained=found.trained)


def _check_name(name: str) -> None:
    if name not in architectures() and name not in TORCHVISION:
        raise SourceError(
            f"The architecture {name!r} is unknown; choose one of {', '.join(architectures())}, "
            f"or name a library's, such as timm:resnet50d."
        )


def _fitted(name: str, state: Mapping[str, Tensor], filename: str, about: str) -> LoadedModel:
    network = DigitsNet() if name == DIGITS else torchvision_models.build(name, state)
    fit_state(network, state, filename, name)
    data = load_digits() if name == DIGITS else None
    inputs = _photos() if data is None else as_input(data.train_images[:8])
    dtype = next(network.parameters()).dtype
    return LoadedModel(name, network.eval(), (inputs.to(dtype),), data, about)


def _photos() -> Tensor:
    """Two small noise images; these networks pool whatever size they are given."""
    return torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
