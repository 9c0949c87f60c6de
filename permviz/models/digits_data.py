"""The digits of the demo: 4,000 images to train on and 1,000 to test on, shipped here."""

import hashlib
import io
from dataclasses import dataclass, field, fields
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from permviz.errors import SourceError

FOLDER = Path(__file__).parent / "data"
DATA_FILE = FOLDER / "digits.npz"
WEIGHTS_FILE = FOLDER / "digits.safetensors"
#: Of the arrays, not of the file: compressors differ from version to version.
CONTENT_SHA256 = "15563027540c8a4eafeebf3a3606036e3cd242c6108f7ee5ce6c153a5c8ab411"

# Mean and deviation of the grey values of MNIST, the usual normalisation.
_MEAN, _DEVIATION = 0.1307, 0.3081

Images = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class DigitsData:
    """Handwritten digits with their labels, in a fixed stratified split.

    Attributes:
        train_images: uint8[4000, 28, 28], 0 is background.
        train_labels: uint8[4000], the digit.
        test_images: uint8[1000, 28, 28].
        test_labels: uint8[1000].
    """

    train_images: Images = field(repr=False)
    train_labels: Images = field(repr=False)
    test_images: Images = field(repr=False)
    test_labels: Images = field(repr=False)

    def __post_init__(self) -> None:
        for item in fields(self):
            array: Images = np.array(getattr(self, item.name), dtype=np.uint8)
            array.setflags(write=False)
            object.__setattr__(self, item.name, array)

    def digest(self) -> str:
        """SHA-256 of the four arrays in the order of the attributes."""
        seen = hashlib.sha256()
        for item in fields(self):
            seen.update(getattr(self, item.name).tobytes())
        return seen.hexdigest()


def load_digits(file: Path = DATA_FILE) -> DigitsData:
    """Read the digits that ship with the package.

    Raises:
        SourceError: the file is missing, unreadable or not the one that was shipped.
    """
    try:
        with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as arrays:
            data = DigitsData(**{item.name: arrays[item.name] for item in fields(DigitsData)})
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as problem:
        raise SourceError(
            f"The digits of the demo cannot be read from {file} "
            f"({type(problem).__name__}: {problem}); install permviz again."
        ) from problem
    if data.digest() != CONTENT_SHA256:
        raise SourceError(
            f"The digits in {file} are not the ones that permviz ships; install permviz again."
        )
    return data


def as_input(images: Images) -> Tensor:
    """Turn `uint8[n, 28, 28]` into normalised `float32[n, 1, 28, 28]`."""
    scaled = torch.from_numpy(images.astype(np.float32)) / 255.0
    return ((scaled - _MEAN) / _DEVIATION).unsqueeze(1)


def as_labels(labels: Images) -> Tensor:
    """Turn `uint8[n]` into `int64[n]`."""
    return torch.from_numpy(labels.astype(np.int64))
