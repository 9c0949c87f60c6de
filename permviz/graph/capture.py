"""The forward pass of a model as a graph of operations, parameters by their names.

The graph is read before it is decomposed, so that convolutions, linear layers and norms
are still whole. The model is not changed: it is captured in evaluation mode, and every
module gets its own training flag back.
"""

import copy
import inspect
import os
import sysconfig
import traceback
import warnings
from collections import OrderedDict
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, fx, nn
from torch._subclasses.fake_tensor import FakeTensor
from torch.export.graph_signature import InputKind

from permviz.errors import CaptureError
from permviz.graph.calling import PREFIX, Called, Inputs
from permviz.graph.exporting import exported
from permviz.graph.nested import leaves, mapped
from permviz.graph.selection import Counted

LIBRARIES = tuple(f"{Path(file).parent}{os.sep}" for file in (torch.__file__, __file__))
STANDARD = f"{sysconfig.get_path('stdlib')}{os.sep}"


@dataclass(frozen=True, slots=True)
class Program:
    """A captured forward pass.

    Attributes:
        graph: its operations in order of execution.
        tensors: canonical name of the parameter or buffer that a placeholder stands for.
        constants: tensors that are neither parameters nor buffers, by placeholder.
        overlapping: names of parameters and buffers that share memory in part.
        outputs: names of the outputs that count, which are all that the graph returns.
        left_out: names of the outputs that do not count.
    """

    graph: fx.Graph = field(repr=False)
    tensors: Mapping[str, str]
    constants: Mapping[str, Tensor] = field(repr=False)
    overlapping: frozenset[str] = frozenset()
    outputs: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def capture(model: nn.Module, inputs: Inputs) -> Program:
    """Capture what the model does with these inputs.

    Raises:
        CaptureError: the forward pass fails or cannot be captured; says why and where.
    """
    _check_inputs(inputs)
    found: list[Counted] = []
    captured = _captured(model, inputs, found)
    if not found[-1].tensors:
        raise CaptureError(
            f"{type(model).__name__} returns no tensor that counts, so nothing could be compared; "
            "give another forward pass with forward=, or other outputs with outputs=."
        )
    canonical = canonical_names(model)
    tensors: dict[str, str] = {}
    constants: dict[str, Tensor] = {}
    for spec in captured.graph_signature.input_specs:
        name, target = spec.arg.name, spec.target
        if spec.kind in (InputKind.PARAMETER, InputKind.BUFFER):
            tensors[name] = canonical[str(target).removeprefix(PREFIX)]
        elif spec.kind == InputKind.CONSTANT_TENSOR:
            constants[name] = cast("Tensor", captured.constants[str(target)])
    return Program(
        graph=captured.graph,
        tensors=tensors,
        constants=constants,
        overlapping=_overlapping(model),
        outputs=found[-1].names,
        left_out=found[-1].left_out,
    )


def _check_inputs(inputs: Inputs) -> None:
    """Refuse what no comparison could be made of.

    Raises:
        CaptureError: a tensor is not dense, or none of them holds anything.
    """
    given = [*leaves((inputs.args, dict(inputs.kwargs)), Tensor)]
    odd = next((tensor for tensor in given if tensor.layout != torch.strided), None)
    if odd is not None or any(tensor.is_nested for tensor in given):
        what = "nested" if odd is None else str(odd.layout).removeprefix("torch.")
        raise CaptureError(
            f"An example input is a {what} tensor, which the analysis cannot follow; give a dense "
            "one, or a forward= that makes it."
        )
    if given and all(tensor.numel() == 0 for tensor in given):
        raise CaptureError(
            f"The example inputs are empty (shape {tuple(given[0].shape)}), so they show nothing "
            "of the model; give at least one row."
        )


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
def evaluating(model: nn.Module, seed: int = 0) -> Generator[None]:
    """Evaluation mode without gradients, seeded; all attributes and random state come back."""
    before = [*_attributes(model)]
    try:
        model.eval()
        with torch.no_grad(), torch.random.fork_rng(devices=_devices()):  # pyright: ignore[reportUnknownMemberType] - torch leaves it untyped
            torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType] - the same
            yield
    finally:
        for held, content in before:
            _restore(held, content)


def _attributes(model: nn.Module) -> Iterator[tuple[Any, Any]]:
    """Every container that a forward pass may write to, with a copy of its content."""
    for module in model.modules():
        yield vars(module), dict(vars(module))
        for value in vars(module).values():
            # Caches by device or size, for example; parameters and buffers are dicts too.
            if type(value) in (dict, list, set, OrderedDict):
                yield value, copy.copy(value)


def _restore(held: Any, content: Any) -> None:
    """Give a container its content back."""
    # Never emptied, not for a moment: another thread may be running the model.
    if isinstance(content, list):
        held[:] = content
    elif isinstance(content, set):
        held.intersection_update(cast("set[Any]", content))
        held.update(cast("set[Any]", content))
    else:
        for name in held.keys() - content.keys():
            del held[name]
        held.update(content)


def source_line(stack: str) -> str:
    """The line of the model's own source in a stack trace, as ``file:line``."""
    found = ""
    for line in stack.splitlines():
        if line.strip().startswith('File "'):
            file, number = line.strip()[6:].split('", line ', 1)
            if not _of_a_library(file):
                found = f"{file}:{number.split(',')[0]}"
    return found


def _of_a_library(file: str) -> bool:
    """Whether it is a file of torch, of this package or of Python itself."""
    standard = file.startswith(STANDARD) and "site-packages" not in file
    return standard or file.startswith((*LIBRARIES, "<"))


def _captured(
    model: nn.Module, inputs: Inputs, found: list[Counted]
) -> torch.export.ExportedProgram:
    """Capture the model itself, or else what torch.fx can trace of its source."""
    try:
        return _export(model, inputs, found)
    except CaptureError:
        raise
    except Exception as problem:
        traced = None if inputs.forward is not None else _traced(model, inputs)
        if traced is not None:
            with suppress(Exception):
                return _export(traced, inputs, found)
        raise CaptureError(sentence(model, problem)) from problem


def _export(model: nn.Module, inputs: Inputs, found: list[Counted]) -> torch.export.ExportedProgram:
    with evaluating(model):
        called = Called(model, inputs, found.append)
        return exported(called, inputs.args, inputs.kwargs)


def _traced(model: nn.Module, inputs: Inputs) -> nn.Module | None:
    """The model as torch.fx reads it from its source; None if it cannot.

    What the example inputs leave to defaults is fixed to them.
    """
    try:
        signature = inspect.signature(model.forward)
        given = signature.bind(*inputs.args, **inputs.kwargs).arguments
        fixed = {
            name: item.default for name, item in signature.parameters.items() if name not in given
        }
        with evaluating(model), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            traced = fx.symbolic_trace(model, concrete_args=fixed)
            # What no output depends on, such as a log of statistics, need not be captured.
            traced.graph.eliminate_dead_code()
            traced.recompile()
            return traced.eval()
    except Exception:  # noqa: BLE001 - whatever it trips over, there is no second capture then
        return None


def _devices() -> list[int]:
    """The other devices whose random state a seed changes."""
    return list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []


def has_memory(tensor: Tensor) -> bool:
    """Whether the tensor holds elements, as those on the meta device and fake ones do not."""
    return tensor.device.type != "meta" and not isinstance(tensor, FakeTensor)


def without_memory(model: nn.Module, inputs: Inputs) -> Inputs:
    """The inputs as a model on the meta device takes them; as they are for any other model."""
    devices = {tensor.device.type for _, tensor in named_tensors(model)}
    if devices != {"meta"}:
        return inputs
    args, kwargs = mapped((inputs.args, dict(inputs.kwargs)), Tensor, _to_meta)
    return replace(inputs, args=args, kwargs=kwargs)


def _to_meta(tensor: Tensor) -> Tensor:
    return tensor.to("meta")


def _identity(tensor: Tensor) -> tuple[Any, ...]:
    if not has_memory(tensor) or tensor.numel() == 0:
        return ("object", id(tensor))
    return (tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor.dtype)


def _overlapping(model: nn.Module) -> frozenset[str]:
    """Canonical names of tensors whose memory another tensor holds in another layout."""
    owners: dict[int, set[str]] = {}
    canonical = canonical_names(model)
    for name, tensor in named_tensors(model):
        if has_memory(tensor) and tensor.numel() > 0:
            owners.setdefault(tensor.untyped_storage().data_ptr(), set()).add(canonical[name])
    return frozenset(name for names in owners.values() if len(names) > 1 for name in names)


def sentence(model: nn.Module, problem: BaseException) -> str:
    """What went wrong in a forward pass, where, and what to do."""
    said = next((line.strip() for line in str(problem).splitlines() if line.strip()), "")
    what = f"{type(problem).__name__}: {said}" if said else type(problem).__name__
    where = source_line("".join(traceback.format_tb(problem.__traceback__)))
    at = f" at {where}" if where else ""
    advice = "check the example inputs, or leave the model as it is"
    if isinstance(model, torch.jit.ScriptModule):
        advice = "pass the nn.Module that the TorchScript was made of"
    elif "DataDependent" in what:
        advice = (
            "there it branches, loops or sizes by values of its data, which no capture can follow: "
            "give a forward= that does not, or leave the model as it is"
        )
    return (
        f"The forward pass of {type(model).__name__} could not be captured{at} "
        f"({what.rstrip('.')}); {advice}."
    )
