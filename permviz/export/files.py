"""How the files of an export are written and read.

Nothing here unpickles: tensors are safetensors, everything else is JSON.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from permviz.errors import ExportError


def state_of(model: nn.Module) -> dict[str, Tensor]:
    """Every tensor of the state dict under its own key, on the CPU, none sharing memory.

    A tied tensor is stored once for each of its keys, so that `load_state_dict` finds all.

    Raises:
        ExportError: the state dict holds something that is not a plain tensor.
    """
    state: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, value in model.state_dict().items():
        if not isinstance(value, Tensor) or value.layout != torch.strided:
            raise ExportError(
                f"The state dict's {name!r} is not a dense tensor and cannot be exported; "
                "remove it from the model's state first."
            )
        tensor = value.detach().cpu().contiguous()
        memory = tensor.untyped_storage().data_ptr()
        state[name] = tensor.clone() if memory in seen else tensor
        seen.add(memory)
    return state


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors as safetensors and see them on the disk before returning."""
    path.touch()
    readers = path.stat().st_mode  # safetensors makes files that only their owner can read
    save_file(dict(tensors), path, metadata={"format": "pt"})
    path.chmod(readers)
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def write_text(path: Path, text: str) -> None:
    """Write text and see it on the disk before returning."""
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read safetensors.

    Raises:
        ExportError: missing or corrupt.
    """
    _demand(path)
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as problem:
        raise ExportError(
            f"{path.name} in {path.parent} is not readable as safetensors ({problem}); "
            "export again."
        ) from problem


def read_text(path: Path) -> str:
    """Read text.

    Raises:
        ExportError: missing, unreadable or not UTF-8.
    """
    _demand(path)
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise ExportError(f"{path} cannot be read ({problem}); export again.") from problem


def stamp(path: Path) -> dict[str, Any]:
    """Size and SHA-256 of a file."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}


def _demand(path: Path) -> None:
    if not path.is_file():
        raise ExportError(
            f"{path.parent} has no {path.name}; "
            "pass a directory that `permviz search --out` or pv.export wrote."
        )
