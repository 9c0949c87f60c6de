"""A model that answers the same question twice in different ways cannot be compared."""

import torch
from torch import fx, nn

from permviz.errors import CaptureError, VerificationError
from permviz.graph import nodes
from permviz.graph.calling import Inputs
from permviz.graph.capture import Program, sentence
from permviz.graph.outputs import relative_error, run
from permviz.graph.reference import copied


def demand_repeatable(model: nn.Module, inputs: Inputs, program: Program) -> None:
    """Demand the same outputs from two runs that differ in their random numbers only.

    A model that draws no random numbers is run once only, to see that it runs at all:
    capturing does not notice everything, such as inputs of a wrong type.

    Raises:
        CaptureError: they differ; names the operation that draws. Or the model fails.
    """
    drawing = [node for node in program.graph.nodes if _draws(node)]
    try:
        one, *others = (
            run(copied(model), inputs, seed=seed) for seed in ((0, 1) if drawing else (0,))
        )
    except VerificationError as problem:
        raise CaptureError(sentence(model, problem.__cause__ or problem)) from problem
    if not others:
        return
    other = others[0]
    change = relative_error(one.tensors, other.tensors)
    if change == 0.0:
        return
    op, source = nodes.operation(drawing[0])[0], nodes.source(drawing[0])
    at = f" at {source}" if source else ""
    raise CaptureError(
        f"{type(model).__name__} is not deterministic: two runs on the same inputs differ by "
        f"{change:.1e}, because {op}{at} draws random numbers; switch it off in evaluation "
        "(dropout that is left on, for example), or leave the model as it is."
    )


def _draws(node: fx.Node) -> bool:
    target = nodes.overload(node)
    if target is None or torch.Tag.nondeterministic_seeded not in target.tags:
        return False
    # Dropout and attention are tagged whether or not they drop anything.
    named = nodes.arguments(node, lambda source: source)
    return bool(named.get("dropout_p", named.get("train", True)))
