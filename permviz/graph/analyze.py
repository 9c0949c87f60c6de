"""The whole analysis of a model, wired together: capture, labels, channels, groups, proof."""

from collections.abc import Callable

from torch import nn

from permviz.graph.capture import Inputs, capture
from permviz.graph.components import solve
from permviz.graph.fingerprint import fingerprint
from permviz.graph.groups import gather
from permviz.graph.labels import Cause
from permviz.graph.layers import frozen_axes, layers
from permviz.graph.propagate import propagate
from permviz.graph.trial import failing_groups
from permviz.graph.types import ChannelGraph

Progress = Callable[[str, float], None]


def analyze(
    model: nn.Module,
    example_inputs: object,
    *,
    verify: bool = True,
    on_progress: Progress | None = None,
) -> ChannelGraph:
    """Find out which channels of a model may move together, and why the rest may not.

    The model is never changed. What the analysis cannot vouch for is frozen; with `verify`
    every group is also tried out, and one that changes the output is frozen too.

    Args:
        model: any module; analysed in evaluation mode.
        example_inputs: a tensor, a tuple (positional) or a dict (keyword) of inputs.
        verify: permute every group at random and compare the outputs.
        on_progress: called with what is being done and the fraction done, 0 to 1.

    Raises:
        CaptureError: the forward pass fails or cannot be captured.
    """
    tell = on_progress or _silent
    inputs = Inputs.of(example_inputs)
    tell("Capturing the forward pass", 0.0)
    program = capture(model, inputs)
    ledger = propagate(program, lambda part: tell("Following the channels", 0.4 + 0.1 * part))
    components = solve(ledger)
    grouping = gather(ledger, components)
    dropped: dict[str, Cause] = {}
    if verify:
        tell("Verifying the channel groups", 0.5)
        dropped = failing_groups(
            model, inputs, grouping.groups, lambda part: tell("Verifying", 0.5 + 0.5 * part)
        )
    groups = tuple(group for group in grouping.groups if group.name not in dropped)
    frozen = frozen_axes(components, grouping, dropped)
    tell("Analysed", 1.0)
    return ChannelGraph(
        model=model,
        example_inputs=example_inputs,
        groups=groups,
        layers=layers(ledger, groups, frozen),
        frozen=frozen,
        fingerprint=fingerprint(model),
    )


def _silent(message: str, fraction: float) -> None:
    """Report nothing."""
