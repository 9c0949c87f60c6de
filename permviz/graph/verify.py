"""The proof: a permuted model computes what the original computes, and a wrong one does not."""

from collections.abc import Callable

import torch
from torch import nn

from permviz.core.permutation import Permutation
from permviz.core.plan import PermutationPlan, TensorMove
from permviz.errors import VerificationError
from permviz.graph.alone import Moved, alone
from permviz.graph.calling import Forward, Inputs
from permviz.graph.capture import canonical_names, named_tensors
from permviz.graph.outputs import relative_error, run, run_wide
from permviz.graph.reference import Reference, copied, replaced
from permviz.graph.selection import Choice
from permviz.graph.types import ChannelGraph
from permviz.graph.verify_report import GroupError, OutputError, VerifyReport
from permviz.graph.wrappers import bare, in_double

__all__ = ["GroupError", "OutputError", "VerifyReport", "verify"]

Progress = Callable[[str, float], None]


def verify(  # noqa: PLR0913 - each argument is one choice of the user's, none needs another
    model: nn.Module,
    permuted: nn.Module,
    example_inputs: object,
    *,
    forward: Forward | None = None,
    outputs: Choice = None,
    plan: PermutationPlan | None = None,
    on_progress: Progress | None = None,
) -> VerifyReport:
    """Compare a permuted model with its original; neither is changed.

    The inputs are the examples with seeded noise added. As a negative control, the input
    axes of the permuted weights are moved on by one, which must change the output. With a
    graph and a plan, every group of the plan is also tried by itself, with a control of its
    own; where there are more than 32, a few at a time.

    Args:
        model: the original.
        permuted: what was made of it.
        example_inputs: a tensor, a tuple (positional) or a dict (keyword), or a
            `ChannelGraph` or its `example_inputs`, which remember the next two.
        forward: what runs the model instead of its own forward.
        outputs: which outputs count: names, places, or a function of the whole output.
        plan: that the model was permuted by; with a `ChannelGraph` as `example_inputs`, the
            report tells the errors by group.
        on_progress: called with what is being done and the fraction done, 0 to 1.

    Raises:
        VerificationError: one of the two cannot be run, they have different tensors, or the
            plan is given without a graph or with another one.
        CaptureError: the example inputs are nothing that a model can be called with.
    """
    tell = on_progress or _silent
    tell("Verifying", 0.0)
    model, permuted = bare(model), bare(permuted)
    graph = example_inputs if isinstance(example_inputs, ChannelGraph) else None
    given = example_inputs if graph is None else graph.example_inputs
    groups = () if plan is None else _planned(graph, plan)
    reference = Reference.of(model, Inputs.of(given, forward, outputs))
    native, wide = copied(permuted), in_double(copied(permuted))
    controls = _wrong_moves(model, permuted)
    found, _ = run_wide(wide, reference.wide_inputs)
    wrong, _ = run_wide(wide, reference.wide_inputs, replaced(wide, controls))
    return reference.compared(
        run(native, reference.native_inputs).tensors,
        found.tensors,
        relative_error(reference.wide_outputs.tensors, wrong.tensors),
        alone(reference, groups, lambda part: tell("Verifying by group", 0.1 + 0.9 * part)),
    )


def _planned(graph: ChannelGraph | None, plan: PermutationPlan) -> tuple[Moved, ...]:
    """The groups that a plan moves, with their orders."""
    if graph is None:
        raise VerificationError(
            "A plan alone does not say where its groups are; pass the ChannelGraph that it was "
            "made for in place of the example inputs."
        )
    known = graph.by_name
    unknown = [name for name in plan.by_group if name not in known]
    if graph.fingerprint != plan.fingerprint or unknown:
        raise VerificationError(
            "The plan was made for another model than the graph; analyze the model that was "
            "searched, or search this one."
        )
    orders = {name: planned.permutation for name, planned in plan.by_group.items()}
    return tuple(
        Moved(known[name], order) for name, order in orders.items() if not order.is_identity
    )


def _wrong_moves(model: nn.Module, permuted: nn.Module) -> list[TensorMove]:
    """Move on the input axis of every weight that was permuted, or of all if none was."""
    before, after = dict(named_tensors(model)), dict(named_tensors(permuted))
    if {name: t.shape for name, t in before.items()} != {n: t.shape for n, t in after.items()}:
        raise VerificationError(
            "The two models have different parameters or shapes; "
            "verify a model that was made from the original by permuting it."
        )
    # A tied weight moves once, under its first name.
    once = dict.fromkeys(canonical_names(model).values())
    readers = [name for name in once if before[name].ndim > 1 and before[name].shape[1] > 1]
    changed = [name for name in readers if not torch.equal(before[name], after[name])]
    return [
        TensorMove(name, 1, None, _rolled(before[name].shape[1])) for name in changed or readers
    ]


def _rolled(size: int) -> Permutation:
    return Permutation(torch.arange(size).roll(1).numpy())


def _silent(_doing: str, _fraction: float) -> None:
    pass
