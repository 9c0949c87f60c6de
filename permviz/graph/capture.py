"""The forward pass of a model as a graph of operations, parameters by their names.

The graph is read before it is decomposed, so that convolutions, linear layers and norms
are still whole. The model is not changed: it is captured in evaluation mode, and every
module gets its own training flag back.
"""

import threading
import traceback
import warnings
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, fx, nn
from torch.export.graph_signature import InputKind

from permviz.errors import CaptureError
from permviz.graph.nested import members

LIBRARIES = (str(Path(torch.__file__).parent), str(Path(__file__).parent))


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a model is called with.

    Attributes:
        args: positional arguments.
        kwargs: keyword arguments.
    """

    args: tuple[Any, ...] = field(repr=False)
    kwargs: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, example_inputs: object) -> "Inputs":
        """Read a tensor, a tuple (positional) or a dict (keyword) of inputs.

        Raises:
            CaptureError: anything else.
        """
        if isinstance(example_inputs, Inputs):
            return example_inputs
        if isinstance(example_inputs, Tensor):
            return cls((example_inputs,), {})
        listed = members(example_inputs)
        if listed is not None:
            return cls(tuple(listed), {})
        if isinstance(example_inputs, Mapping):
            named = cast("Mapping[Any, Any]", example_inputs)
            return cls((), {str(name): value for name, value in named.items()})
        raise CaptureError(
            f"Example inputs of type {type(example_inputs).__name__} cannot be passed to a "
            "model; give a tensor, a tuple of positional or a dict of keyword arguments."
        )


# torch.export patches torch itself while it captures, so two captures at a time would break.
_EXPORTING = threading.Lock()


@dataclass(frozen=True, slots=True)
class Program:
    """A captured forward pass.

    Attributes:
        graph: its operations in order of execution.
        tensors: canonical name of the parameter or buffer that a placeholder stands for.
        constants: tensors that are neither parameters nor buffers, by placeholder.
        overlapping: names of parameters and buffers that share memory in part.
    """

    graph: fx.Graph = field(repr=False)
    tensors: Mapping[str, str]
    constants: Mapping[str, Tensor] = field(repr=False)
    overlapping: frozenset[str] = frozenset()


def capture(model: nn.Module, inputs: Inputs) -> Program:
    """Capture what the model does with these inputs.

    Raises:
        CaptureError: the forward pass fails or cannot be captured; says why and where.
    """
    try:
        exported = _export(model, inputs)
    except Exception as problem:
        raise CaptureError(_sentence(model, problem)) from problem
    canonical = canonical_names(model)
    tensors: dict[str, str] = {}
    constants: dict[str, Tensor] = {}
    for spec in exported.graph_signature.input_specs:
        name, target = spec.arg.name, spec.target
        if spec.kind in (InputKind.PARAMETER, InputKind.BUFFER):
            tensors[name] = canonical[str(target)]
        elif spec.kind == InputKind.CONSTANT_TENSOR:
            constants[name] = cast("Tensor", exported.constants[str(target)])
    return Program(exported.graph, tensors, constants, _overlapping(model))


def canonical_names(model: nn.Module) -> dict[str, str]:
    """The first name of every parameter and buffer, for each of its names."""
    first: dict[tuple[Any, ...], str] = {}
    return {
        name: first.setdefault(_identity(tensor), name) for name, tensor in named_tensors(model)
    }


def named_tensors(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Every parameter and buffer under every name, buffers that are not saved included."""
    yield from model.named_parameters(remove_duplicate=False)
    yield from model.named_buffers(remove_duplicate=False)


@contextmanager
def evaluating(model: nn.Module) -> Generator[None]:
    """Evaluation mode without gradients; training flags and random state come back."""
    flags = {module: module.training for module in model.modules()}
    try:
        model.eval()
        with torch.no_grad(), torch.random.fork_rng(devices=_devices()):  # pyright: ignore[reportUnknownMemberType] - torch leaves it untyped
            torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType] - the same
            yield
    finally:
        for module, training in flags.items():
            module.training = training


def source_line(stack: str) -> str:
    """The line of the model's own source in a stack trace, as ``file:line``."""
    found = ""
    for line in stack.splitlines():
        if line.strip().startswith('File "'):
            file, number = line.strip()[6:].split('", line ', 1)
            if not file.startswith(LIBRARIES):
                found = f"{file}:{number.split(',')[0]}"
    return found


def _export(model: nn.Module, inputs: Inputs) -> torch.export.ExportedProgram:
    with _EXPORTING, evaluating(model), warnings.catch_warnings():
        # Tracing warns about the model's own habits (tracer constants, deprecated calls);
        # whatever matters to the analysis is in the graph.
        warnings.simplefilter("ignore")
        return torch.export.export(model, inputs.args, dict(inputs.kwargs), strict=False)


def _devices() -> list[int]:
    """The other devices whose random state a seed changes."""
    return list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []


def _identity(tensor: Tensor) -> tuple[Any, ...]:
    if tensor.device.type == "meta" or tensor.numel() == 0:
        return ("object", id(tensor))
    return (tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor.dtype)


def _overlapping(model: nn.Module) -> frozenset[str]:
    """Canonical names of tensors whose memory another tensor holds in another layout."""
    owners: dict[int, set[str]] = {}
    canonical = canonical_names(model)
    for name, tensor in named_tensors(model):
        if tensor.device.type != "meta" and tensor.numel() > 0:
            owners.setdefault(tensor.untyped_storage().data_ptr(), set()).add(canonical[name])
    return frozenset(name for names in owners.values() if len(names) > 1 for name in names)


def _sentence(model: nn.Module, problem: Exception) -> str:
    said = next((line.strip() for line in str(problem).splitlines() if line.strip()), "")
    what = f"{type(problem).__name__}: {said}" if said else type(problem).__name__
    where = source_line("".join(traceback.format_tb(problem.__traceback__)))
    at = f" at {where}" if where else ""
    return (
        f"The forward pass of {type(model).__name__} could not be captured{at} "
        f"({what.rstrip('.')}); check the example inputs, or leave the model as it is."
    )
