"""Reading weights from files that nobody vouches for.

A file is data: nothing in it is ever executed, and whatever is wrong with it is said in one
sentence. `read_state` gives tensors by name, `fit_state` puts them into a network.
"""

import io
import pickle
import re
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import shorten

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from permviz.errors import SourceError

#: Larger files are refused before they are read, in bytes.
MAX_BYTES = 2 << 30
_WRAPPERS = ("state_dict", "model_state_dict", "model")
_PREFIXES = ("module.", "_orig_mod.")
_GLOBAL = re.compile(r"GLOBAL ([\w.]+)")

State = dict[str, Tensor]


def read_state(file: Path | bytes, filename: str) -> State:
    """Read the tensors of a ``.safetensors``, ``.pt`` or ``.pth`` file by name.

    Wrappers such as ``{"state_dict": ...}`` and prefixes that wrapping modules leave are
    removed.

    Args:
        file: the file, or its content.
        filename: how errors call it; its ending tells the format.

    Raises:
        SourceError: the file is missing, too large, damaged, of another format, or holds
            anything but tensors by name.
    """
    readers: dict[str, Callable[[bytes, str], object]] = {
        ".safetensors": _read_safetensors,
        ".pt": _read_torch,
        ".pth": _read_torch,
    }
    ending = Path(filename).suffix.lower()
    if ending not in readers:
        raise SourceError(
            f"{filename} ends in {ending or 'nothing'!r}; "
            "weights are read from .safetensors, .pt or .pth files."
        )
    content = file if isinstance(file, bytes) else _content(file, filename)
    if not content:
        raise SourceError(f"{filename} is empty; save the weights again.")
    return _unprefixed(_tensors(_unwrapped(readers[ending](content, filename)), filename))


def fit_state(network: nn.Module, state: Mapping[str, Tensor], filename: str, name: str) -> None:
    """Put weights into a network that they fit exactly.

    Counters of batch norm, which old files lack, start at zero. Double precision weights make
    the network double; other floating types become float32.

    Raises:
        SourceError: names, shapes or types do not match, or a weight is NaN or infinite.
    """
    wanted = network.state_dict()
    _check_names(wanted, state, filename, name)
    for tensor, value in state.items():
        _check_tensor(tensor, value, wanted[tensor], f"{filename} does not fit {name}: ")
    if any(value.dtype == torch.float64 for value in state.values()):
        network.double()
    # Updated in place, for it also carries the versions that some networks ask for.
    wanted.update(state)
    network.load_state_dict(wanted)


def _content(file: Path, filename: str) -> bytes:
    try:
        size = file.stat().st_size
        if size <= MAX_BYTES:
            return file.read_bytes()
    except OSError as problem:
        raise SourceError(
            f"{filename} cannot be read ({problem.strerror}); check the path and its permissions."
        ) from problem
    raise SourceError(
        f"{filename} has {size / 2**30:.1f} GiB; files up to {MAX_BYTES / 2**30:.0f} GiB are "
        "read, so save the weights alone."
    )


def _read_safetensors(content: bytes, filename: str) -> object:
    try:
        return safetensors.torch.load(content)
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as problem:
        raise SourceError(
            f"{filename} is not a whole safetensors file ({_first_line(problem)}); "
            "it is damaged or cut off, so copy or save it again."
        ) from problem


def _read_torch(content: bytes, filename: str) -> object:
    _check_archive(content, filename)
    try:
        with warnings.catch_warnings():
            # About pickles that torch did not write; the error says more.
            warnings.simplefilter("ignore")
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as problem:
        found = _GLOBAL.search(str(problem))
        if found is None:
            # torch's own sentence is about its options, not about the file.
            raise SourceError(
                f"{filename} is not a PyTorch checkpoint of weights alone: it is damaged, or was "
                "not written by torch.save, and nothing in it was run; save model.state_dict() "
                "with torch.save, or as safetensors."
            ) from problem
        raise SourceError(
            f"{filename} holds Python objects ({found[1]}) beside weights, and loading them could "
            "run code, so nothing was loaded; save model.state_dict() alone, or safetensors."
        ) from problem
    # What a hostile or damaged file makes the reader raise is anyone's guess.
    except Exception as problem:
        raise _damaged(filename, problem) from problem


def _check_archive(content: bytes, filename: str) -> None:
    """Refuse archives that unpack to more than they are; torch.save never compresses."""
    try:
        if not zipfile.is_zipfile(io.BytesIO(content)):
            return
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError) as problem:
        raise _damaged(filename, problem) from problem
    if unpacked > len(content):
        raise SourceError(
            f"{filename} unpacks to {unpacked} bytes from {len(content)}, which torch.save never "
            "does; save the weights again with torch.save or as safetensors."
        )


def _damaged(filename: str, problem: Exception) -> SourceError:
    return SourceError(
        f"{filename} is not a whole PyTorch checkpoint ({_first_line(problem)}); "
        "it is damaged or cut off, so copy or save it again."
    )


def _first_line(problem: Exception) -> str:
    sentence = str(problem).strip().split("\n", maxsplit=1)[0].split(". ")[0].rstrip(".")
    text = shorten(sentence, 120, placeholder=" ...")
    return f"{type(problem).__name__}: {text}" if text else type(problem).__name__


def _unwrapped(loaded: object) -> object:
    if isinstance(loaded, Mapping):
        for wrapper in _WRAPPERS:
            if isinstance(loaded.get(wrapper), Mapping):
                return loaded[wrapper]
    return loaded


def _tensors(loaded: object, filename: str) -> State:
    if not isinstance(loaded, Mapping) or not loaded:
        raise SourceError(
            f"{filename} holds {_described(loaded)}, not tensors by name; save model.state_dict()."
        )
    for name, value in loaded.items():
        if not isinstance(name, str) or not _is_plain(value):
            raise SourceError(
                f"{filename} holds {_described(value)} under {str(name)[:80]!r}, not a dense "
                "tensor; save model.state_dict() alone."
            )
    return dict(loaded)


def _described(value: object) -> str:
    if isinstance(value, Mapping) and not value:
        return "nothing"
    return f"a {type(value).__name__}"


def _is_plain(value: object) -> bool:
    return (
        isinstance(value, Tensor)
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and not value.is_quantized
    )


def _unprefixed(state: State) -> State:
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in state):
            return _unprefixed({name.removeprefix(prefix): state[name] for name in state})
    return state


def _check_names(
    wanted: Mapping[str, Tensor], state: Mapping[str, Tensor], filename: str, name: str
) -> None:
    missing = [
        tensor
        for tensor in wanted
        if tensor not in state and not tensor.endswith(".num_batches_tracked")
    ]
    extra = [tensor for tensor in state if tensor not in wanted]
    problems = [
        f"{len(tensors)} tensors {what}, such as {tensors[0][:80]!r}"
        for tensors, what in ((missing, "are missing"), (extra, "are unknown to it"))
        if tensors
    ]
    if problems:
        raise SourceError(
            f"{filename} does not fit {name}: {' and '.join(problems)}; "
            "choose the architecture that it was saved from."
        )


def _check_tensor(tensor: str, value: Tensor, wanted: Tensor, start: str) -> None:
    # Shapes first: a hostile file can declare a huge tensor that takes no memory until used.
    if value.shape != wanted.shape:
        raise SourceError(
            f"{start}{tensor!r} has shape {list(value.shape)} where {list(wanted.shape)} is "
            "expected; choose the architecture that it was saved from."
        )
    if value.is_floating_point() != wanted.is_floating_point() or value.is_complex():
        raise SourceError(
            f"{start}{tensor!r} has type {value.dtype} where {wanted.dtype} is expected; "
            "save the weights as floating point numbers."
        )
    if not value.is_floating_point():
        return
    # The eight-bit types lack the test, and doubles do not fit into float32.
    exact = value if value.dtype == torch.float64 else value.float()
    bad = int((~torch.isfinite(exact)).sum())
    if bad:
        raise SourceError(
            f"{start}{tensor!r} has {bad} NaN or infinite values; train or save the weights again."
        )
