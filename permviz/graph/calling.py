"""How a model is called: its arguments, the function that runs it, the outputs that count."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from torch import Tensor, nn

from permviz.errors import CaptureError
from permviz.graph.nested import members
from permviz.graph.selection import Choice, Counted, counted

#: Runs a model in a way of its own: called with the model and then the example inputs.
Forward = Callable[..., Any]
PREFIX = "model."


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a model is called with, and what of its answer counts.

    Attributes:
        args: positional arguments.
        kwargs: keyword arguments.
        forward: what runs the model instead of its own forward; None for that.
        outputs: which outputs count; None for the default.
    """

    args: tuple[Any, ...] = field(repr=False)
    kwargs: Mapping[str, Any] = field(repr=False)
    forward: Forward | None = None
    outputs: Choice = None

    @classmethod
    def of(
        cls, example_inputs: object, forward: Forward | None = None, outputs: Choice = None
    ) -> "Inputs":
        """Read a tensor, a tuple (positional) or a dict (keyword) of inputs.

        Inputs that were read before, such as those of a `ChannelGraph`, keep their forward
        function and outputs where none are given.

        Raises:
            CaptureError: anything else.
        """
        if isinstance(example_inputs, Inputs):
            return replace(
                example_inputs,
                forward=forward or example_inputs.forward,
                outputs=example_inputs.outputs if outputs is None else outputs,
            )
        args, kwargs = _arguments(example_inputs)
        return cls(args, kwargs, forward, outputs)


class Called(nn.Module):
    """A model called in one way: a module that returns the tensors that count, in a tuple.

    The model's tensors have their names behind `PREFIX`.
    """

    def __init__(
        self, model: nn.Module, inputs: Inputs, note: Callable[[Counted], None] | None = None
    ) -> None:
        super().__init__()
        self.model = model
        self._forward, self._outputs, self._note = inputs.forward, inputs.outputs, note
        self.training = model.training

    def forward(self, *args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
        """Run the model and pick."""
        if self._forward is None:
            output = self.model(*args, **kwargs)
        else:
            output = self._forward(self.model, *args, **kwargs)
        found = counted(output, self._outputs)
        if self._note is not None:
            self._note(found)
        return found.tensors


def _arguments(example_inputs: object) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if isinstance(example_inputs, Tensor):
        return (example_inputs,), {}
    listed = members(example_inputs)
    if listed is not None:
        return tuple(listed), {}
    if isinstance(example_inputs, Mapping):
        named = cast("Mapping[Any, Any]", example_inputs)
        return (), {str(name): value for name, value in named.items()}
    raise CaptureError(
        f"Example inputs of type {type(example_inputs).__name__} cannot be passed to a "
        "model; give a tensor, a tuple of positional or a dict of keyword arguments."
    )
