"""One walk through the graph: labels from operation to operation, and fail closed.

An operation without a rule, or used in a way that its rule does not vouch for, is handled
in one place, `_refuse`: whatever channels it reads keep their order, and what it returns
is unknown. The same holds for what it may have written into.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor, fx

from permviz.graph import nodes
from permviz.graph.capture import Program
from permviz.graph.labels import Cause, Labels, Shape, Value, on_axis, opaque
from permviz.graph.ledger import Call, Ledger
from permviz.graph.nested import leaves, members
from permviz.graph.rules import UnsupportedError, find_rule
from permviz.graph.rules.identity import VARYING

INPUT = Cause("Bound to the model input, whose order is given.")
OUTPUT = Cause("Bound to the model output, whose order must stay.")
POSITIONS = Cause("Runs over positions, not over channels.")
OVERLAPPING = Cause("Shares its memory with another parameter in another layout.")
CONVOLUTIONS = frozenset({"aten.conv1d", "aten.conv2d", "aten.conv3d"})


def propagate(program: Program, on_progress: Callable[[float], None] | None = None) -> Ledger:
    """Find all ties, marks and frozen channels of a captured model."""
    walk = _Walk(program, convolution_groups(program))
    listed = list(program.graph.nodes)
    for done, node in enumerate(listed):
        walk.visit(node)
        if on_progress is not None and done % 64 == 0:
            on_progress(done / len(listed))
    return walk.ledger


@dataclass(slots=True)
class _Walk:
    program: Program
    conv_groups: Mapping[str, int | None]
    ledger: Ledger = field(default_factory=Ledger)
    results: dict[fx.Node, Any] = field(default_factory=dict)
    memory: dict[fx.Node, fx.Node] = field(default_factory=dict)
    parameters: dict[str, Value] = field(default_factory=dict)

    def visit(self, node: fx.Node) -> None:
        if node.op == "placeholder":
            self.memory[node] = node
            self.results[node] = self._placeholder(node)
        elif node.op == "output":
            self._freeze(fx.map_arg(node.args, self.results.get), OUTPUT)
        elif node.op == "call_function":
            self.memory[node] = self._memory(node)
            self.results[node] = self._called(node)
        else:
            self.results[node] = None

    def _placeholder(self, node: fx.Node) -> Value | None:
        shape = nodes.shape_of(node.meta.get("val"))
        if node.name in self.program.constants:
            return known(self.program.constants[node.name])
        if shape is None or node.name not in self.program.tensors:
            return None if shape is None else opaque(shape, INPUT)
        tensor = self.program.tensors[node.name]
        if tensor not in self.parameters:
            groups = self.conv_groups.get(tensor)
            self.parameters[tensor] = parameter(self.ledger, tensor, shape, groups)
            if tensor in self.program.overlapping:
                self._freeze(self.parameters[tensor], OVERLAPPING)
        return self.parameters[tensor]

    def _called(self, node: fx.Node) -> Any:
        if node.target is operator.getitem:
            return self._item(node)
        op, overload = nodes.operation(node)
        named = nodes.arguments(node, self.results.__getitem__)
        shape, source = nodes.first_shape(node), nodes.source(node)
        call = Call(op, overload, named, shape, source, self.ledger)
        try:
            result = _fitting(node, _ruled(call))
        except (UnsupportedError, LookupError, ValueError) as problem:
            result = self._refuse(node, call, problem)
        self._check_written(node, call, result)
        return result

    def _item(self, node: fx.Node) -> Any:
        parts, place = members(self.results[node.all_input_nodes[0]]), node.args[1]
        if parts is not None and isinstance(place, int) and place < len(parts):
            return parts[place]
        cause = Cause("Follows a result that no rule describes.", "", nodes.source(node))
        return _unknown(node.meta.get("val"), cause)

    def _refuse(self, node: fx.Node, call: Call, problem: Exception) -> Any:
        detail = f" for this use: {problem}" if str(problem) else ""
        self._freeze(call.operands(), call.cause(f"Read by {call.op}, which has no rule{detail}."))
        cause = call.cause(f"Follows {call.op}, which has no rule{detail}.")
        return _unknown(node.meta.get("val"), cause)

    def _check_written(self, node: fx.Node, call: Call, result: Any) -> None:
        """What was written in place must still have the labels that it had before."""
        cause = call.cause(f"Written into by {call.op}.")
        for target in nodes.written(node):
            before = self.results.get(target)
            if before is not None and not _same_labels(before, result):
                self._freeze(result, cause)
                self._spoil(target, cause)

    def _spoil(self, target: fx.Node, cause: Cause) -> None:
        """Forget the labels of everything that may share memory with the target."""
        sharing = [node for node, root in self.memory.items() if root is self.memory[target]]
        for node in sharing:
            self._freeze(self.results.get(node), cause)
            self.results[node] = _unknown(node.meta.get("val"), cause)

    def _freeze(self, values: Any, cause: Cause) -> None:
        for value in leaves(values, Value):
            for labels in (*value.facets, *([] if value.windows is None else [value.windows])):
                self.ledger.freeze(labels, cause)

    def _memory(self, node: fx.Node) -> fx.Node:
        sources = [source for source in node.all_input_nodes if source in self.memory]
        shared = sources and nodes.may_share_memory(node)
        return self.memory[sources[0]] if shared else node


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
    return Value(shape, tuple(facets), (False,) * len(shape), POSITIONS, tensor, windows)


def known(tensor: Tensor) -> Value:
    """A constant tensor: order counts along every axis on which it varies."""
    values = tensor.detach().cpu()
    uniform = tuple(
        values.numel() > 0 and bool((values == values.narrow(axis, 0, 1)).all())
        for axis in range(values.ndim)
    )
    return Value(tuple(values.shape), (), uniform, Cause(VARYING))


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


def _ruled(call: Call) -> Any:
    rule = find_rule(call.op, call.overload)
    if rule is None:
        raise UnsupportedError
    if any(0 in value.shape for value in call.operands()):
        raise UnsupportedError("a tensor is empty")
    return rule(call)


def _fitting(node: fx.Node, result: Any) -> Any:
    """Check a rule's result against the captured one; what the rule left out is unknown."""
    captured = node.meta.get("val")
    wanted = members(captured)
    if wanted is None:
        if captured is None:
            return None
        if not isinstance(result, Value) or result.shape != nodes.shape_of(captured):
            raise UnsupportedError("the result has another form")
        return result
    rest = Cause("Follows a result that no rule describes.", nodes.operation(node)[0])
    whole = [*result, *[_unknown(part, rest) for part in wanted[len(result) :]]]
    for part, shape in zip(whole, map(nodes.shape_of, wanted), strict=True):
        if part is not None and part.shape != shape:
            raise UnsupportedError("the results have another form")
    return whole


def _unknown(captured: Any, cause: Cause) -> Any:
    parts = members(captured)
    if parts is not None:
        return [_unknown(part, cause) for part in parts]
    shape = nodes.shape_of(captured)
    return None if shape is None else opaque(shape, cause)


def _same_labels(before: Any, after: Any) -> bool:
    if not isinstance(before, Value) or not isinstance(after, Value):
        return False
    same = before.shape == after.shape and before.uniform == after.uniform
    return (
        same
        and len(before.facets) == len(after.facets)
        and all(map(np.array_equal, before.facets, after.facets))
    )
