"""The whole analysis of a model, wired together: capture, labels, channels, groups, proof."""

from collections.abc import Callable

from torch import nn

from permviz.errors import CaptureError
from permviz.graph.calling import Forward, Inputs
from permviz.graph.capture import capture, has_memory, named_tensors, without_memory
from permviz.graph.components import Components, solve
from permviz.graph.fingerprint import fingerprint
from permviz.graph.groups import Grouping, gather
from permviz.graph.heads import told_apart
from permviz.graph.layers import frozen_axes, layers
from permviz.graph.ledger import Ledger
from permviz.graph.propagate import propagate
from permviz.graph.repeatable import demand_repeatable
from permviz.graph.selection import Choice
from permviz.graph.trial import Outcome, tried
from permviz.graph.types import ChannelGraph
from permviz.graph.wrappers import bare

Progress = Callable[[str, float], None]


def analyze(
    model: nn.Module,
    example_inputs: object,
    *,
    forward: Forward | None = None,
    outputs: Choice = None,
    verify: bool = True,
    on_progress: Progress | None = None,
) -> ChannelGraph:
    """Find out which channels of a model may move together, and why the rest may not.

    The model is never changed. What the analysis cannot vouch for is frozen; with `verify`
    every group is also tried out, and one that changes the output is frozen too. A compiled
    or distributed model is analysed inside its wrapper. A model without memory (on the meta
    device, or of fake tensors) is analysed without being tried out.

    Args:
        model: any module; analysed in evaluation mode.
        example_inputs: a tensor, a tuple (positional) or a dict (keyword) of inputs.
        forward: runs the model instead of its own forward, called with the model and then
            the inputs: for models whose own forward cannot be captured.
        outputs: which outputs must not change: names, places, or a function of the whole
            output. By default all, but for the inner states that Hugging Face models
            return beside their logits.
        verify: permute every group at random and compare the outputs.
        on_progress: called with what is being done and the fraction done, 0 to 1.

    Raises:
        CaptureError: the forward pass fails, cannot be captured, or is not deterministic.
    """
    if not isinstance(model, nn.Module):  # pyright: ignore[reportUnnecessaryIsInstance] - of a user
        raise CaptureError(
            f"A {type(model).__name__} is no torch.nn.Module; pass the module, and a function that "
            "runs it with forward=."
        )
    tell = on_progress or _silent
    model, inputs = bare(model), Inputs.of(example_inputs, forward, outputs)
    inputs = without_memory(model, inputs)
    tell("Capturing the forward pass", 0.0)
    program = capture(model, inputs)
    ledger = propagate(program, lambda part: tell("Following the channels", 0.4 + 0.1 * part))
    ledger, components, grouping = _grouped(ledger)
    unverified = _unverified(model, verify=verify)
    outcome = Outcome({})
    if not unverified:
        tell("Verifying the channel groups", 0.5)
        demand_repeatable(model, inputs, program)
        outcome = tried(
            model, inputs, grouping.groups, lambda part: tell("Verifying", 0.5 + 0.5 * part)
        )
    groups = tuple(group for group in grouping.groups if group.name not in outcome.failed)
    frozen = frozen_axes(components, grouping, outcome.failed)
    tell("Analysed", 1.0)
    return ChannelGraph(
        model=model,
        example_inputs=inputs,
        groups=groups,
        layers=layers(ledger, groups, frozen),
        frozen=frozen,
        fingerprint=fingerprint(model),
        outputs=program.outputs,
        left_out=program.left_out,
        verification=outcome.report,
        controls=outcome.controls,
        unverified=unverified,
    )


def _grouped(collected: Ledger) -> tuple[Ledger, Components, Grouping]:
    """Solve what was collected, once more where heads are told apart."""
    components = solve(collected)
    ledger = told_apart(collected, components)
    if ledger is not collected:
        components = solve(ledger)
    return ledger, components, gather(ledger, components)


def _unverified(model: nn.Module, *, verify: bool) -> str:
    """Why the groups are not tried out; empty if they are."""
    if not verify:
        return "It was asked for no verification."
    if all(has_memory(tensor) for _, tensor in named_tensors(model)):
        return ""
    return "The model has no weights in memory, so its output could not be compared."


def _silent(message: str, fraction: float) -> None:
    """Report nothing."""
