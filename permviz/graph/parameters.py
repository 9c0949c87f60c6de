"""Labels for the parameters and buffers of a model, before anything has read them."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import fx

from permviz.graph import nodes
from permviz.graph.capture import Program
from permviz.graph.labels import Cause, Labels, Shape, Value, on_axis
from permviz.graph.ledger import Ledger

POSITIONS = Cause("Runs over positions, not over channels.")
CONVOLUTIONS = frozenset(
    {f"aten.conv{kind}{dims}d" for kind in ("", "_transpose") for dims in (1, 2, 3)}
) | {"aten._convolution"}


@dataclass(frozen=True, slots=True)
class Kernels:
    """How convolutions read parameters.

    Attributes:
        groups: groups of the convolutions whose weight a tensor is, None if it is anything
            else too.
        computed: tensors that weights of convolutions are computed from.
    """

    groups: Mapping[str, int | None]
    computed: frozenset[str]

    @classmethod
    def of(cls, program: Program) -> "Kernels":
        """Follow every parameter to the convolutions that read it."""
        static = static_nodes(program)
        sources: dict[fx.Node, frozenset[str]] = {}
        computed: set[str] = set()
        for node in program.graph.nodes:
            if node in static:
                own = program.tensors.get(node.name) if node.op == "placeholder" else None
                parts = [sources[source] for source in node.all_input_nodes]
                sources[node] = frozenset([own] if own else []).union(*parts)
            elif nodes.operation(node)[0] in CONVOLUTIONS:
                computed |= sources.get(nodes.argument(node, "weight"), frozenset())
        return cls(_convolution_groups(program), frozenset(computed))


def static_nodes(program: Program) -> frozenset[fx.Node]:
    """The nodes that depend on parameters, buffers and constants only."""
    found: set[fx.Node] = set()
    for node in program.graph.nodes:
        held = node.op == "placeholder" and node.name in {*program.tensors, *program.constants}
        called = node.op == "call_function" and all(part in found for part in node.all_input_nodes)
        if held or called or node.op == "get_attr":
            found.add(node)
    return frozenset(found)


def parameter(ledger: Ledger, tensor: str, shape: Shape, kernels: Kernels) -> Value:
    """Label every axis of a parameter or buffer.

    A tensor that convolutions read, or that their weights are computed from, has channels
    on its first two axes. If convolutions of several groups read it and nothing else does,
    the second axis has channels of its own for every row window.
    """
    facets: list[Labels] = []
    windows, groups = None, kernels.groups.get(tensor)
    read = groups is not None or tensor in kernels.computed
    for axis in range(min(2, len(shape)) if read else len(shape)):
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


def _convolution_groups(program: Program) -> dict[str, int | None]:
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
