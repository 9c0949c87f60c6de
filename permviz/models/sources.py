"""What can be loaded: the demos, and state dicts of architectures that are known by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from permviz.errors import SourceError
from permviz.models import torchvision_models
from permviz.models.checkpoint import fit_state, read_state
from permviz.models.digits import DigitsNet
from permviz.models.digits_data import WEIGHTS_FILE, DigitsData, as_input, load_digits

DIGITS = "digits"

_DIGITS_ABOUT = (
    "An inverted-residual CNN of 0.2 million weights, trained on 4,000 handwritten digits (MNIST)."
)


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A model that is ready to be analysed.

    Attributes:
        name: of the architecture.
        model: in evaluation mode, on the CPU.
        example_inputs: positional arguments of its forward function.
        data: labelled images, where its accuracy can be measured here; else None.
        about: one sentence on what it is and where its weights come from.
    """

    name: str
    model: nn.Module = field(repr=False)
    example_inputs: tuple[Tensor, ...] = field(repr=False)
    data: DigitsData | None = field(repr=False)
    about: str


def architectures() -> tuple[str, ...]:
    """Names that `load_model` and `load_state` understand, the demos first."""
    if torchvision_models.installed():
        return (DIGITS, *torchvision_models.NAMES)
    return (DIGITS, torchvision_models.MOBILENET)


def load_model(name: str = DIGITS) -> LoadedModel:
    """Load a trained model from what is on this machine.

    Raises:
        SourceError: the name is unknown, its weights are not here, or they are damaged.
    """
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
        architecture: one of `architectures()`.
        file: a ``.safetensors``, ``.pt`` or ``.pth`` file, or its content.
        filename: how errors call it, its ending tells the format; by default the file's name.

    Raises:
        SourceError: the architecture is unknown, or the file cannot be read or does not fit.
    """
    _check_name(architecture)
    shown = filename or (file.name if isinstance(file, Path) else "the upload")
    about = f"{architecture} with weights from {shown}."
    return _fitted(architecture, read_state(file, shown), shown, about)


def _check_name(name: str) -> None:
    if name not in architectures() and name not in torchvision_models.NAMES:
        raise SourceError(
            f"The architecture {name!r} is unknown; choose one of {', '.join(architectures())}."
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
