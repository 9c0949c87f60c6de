"""Labels for the parameters and buffers of a model, before anything has read them."""

from torch import fx

from permviz.graph import nodes
from permviz.graph.capture import Program
from permviz.graph.labels import Cause, Labels, Shape, Value, on_axis
from permviz.graph.ledger import Ledger

POSITIONS = Cause("Runs over positions, not over channels.")
CONVOLUTIONS = frozenset(
    {f"aten.conv{kind}{dims}d" for kind in ("", "_transpose") for dims in (1, 2, 3)}
)


def parameter(ledger: Ledger, tensor: str, shape: Shape, groups: int | None) -> Value:
    """Label every axis of a parameter or buffer.

    A tensor that only convolutions read has channels on its first two axes, and with
    several groups the second axis has channels of its own for every row window.
    """
    facets: list[Labels] = []
    windows = None
    for axis in range(len(shape) if groups is None else 2):
        if shape[axis] > 1 and axis == 1 and groups is not None and groups > 1:
            windows = ledger.add_axis(tensor, shape, 1, groups)
        elif shape[axis] > 1:
            facets.append(on_axis(ledger.add_axis(tensor, shape, axis), axis, len(shape)))
    return Value(
        shape=shape,
        facets=tuple(facets),
        uniform=(False,) * len(shape),
        cause=POSITIONS,
        tensor=tensor,
        windows=windows,
        origin=tuple(range(len(shape))),
    )


def convolution_groups(program: Program) -> dict[str, int | None]:
    """Groups of the convolutions whose weight a tensor is, None if it is anything else."""
    found: dict[str, set[int | None]] = {}
    for node in program.graph.nodes:
        tensor = program.tensors.get(node.name) if node.op == "placeholder" else None
        if tensor is not None:
            found.setdefault(tensor, set()).update(_groups_of(user, node) for user in node.users)
    return {
        tensor: next(iter(groups)) if len(groups) == 1 else None for tensor, groups in found.items()
    }


def _groups_of(user: fx.Node, weight: fx.Node) -> int | None:
    if nodes.operation(user)[0] not in CONVOLUTIONS:
        return None
    others = [source for name in ("input", "bias") if (source := nodes.argument(user, name))]
    is_weight = nodes.argument(user, "weight") is weight and weight not in others
    return int(nodes.argument(user, "groups")) if is_weight else None
