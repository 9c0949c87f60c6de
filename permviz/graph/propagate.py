"""One walk through the graph: labels from operation to operation, and fail closed.

An operation without a rule, or used in a way that its rule does not vouch for, is handled
in one place, `_refuse`: whatever channels it reads keep their order, and what it returns
is unknown. The same holds for what it may have written into.
"""

import operator
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import prod
from typing import Any

import numpy as np
from torch import Tensor, fx

from permviz.graph import nodes
from permviz.graph.capture import Program
from permviz.graph.composite import definition
from permviz.graph.constants import VARYING, folded, known
from permviz.graph.labels import Cause, Value, opaque
from permviz.graph.ledger import Call, Ledger
from permviz.graph.memory import Memory
from permviz.graph.nested import leaves, mapped, members
from permviz.graph.parameters import Kernels, parameter, static_nodes
from permviz.graph.rules import UnsupportedError, find_rule
from permviz.graph.writes import carried

INPUT = Cause("Bound to the model input, whose order is given.")
OUTPUT = Cause("Bound to the model output, whose order must stay.")
OVERLAPPING = Cause("Shares its memory with another parameter in another layout.")
JOINING = frozenset({"aten.cat", "aten.concat", "aten.concatenate"})
# Regions with their own autocast or gradient setting; neither changes what is computed.
NESTED = frozenset({"wrap_with_autocast", "wrap_with_set_grad_enabled"})


def propagate(program: Program, on_progress: Callable[[float], None] | None = None) -> Ledger:
    """Find all ties, marks and frozen channels of a captured model."""
    walk = _Walk(program, Kernels.of(program), static_nodes(program))
    listed = list(program.graph.nodes)
    for done, node in enumerate(listed):
        walk.visit(node)
        if on_progress is not None and done % 64 == 0:
            on_progress(done / len(listed))
    ledger = walk.ledger
    # A head that is tied to an embedding is not pruned: each of its weights is also a word.
    ledger.layers = [layer for layer in ledger.layers if layer.tensor not in ledger.tables]
    return ledger


@dataclass(slots=True)
class _Walk:
    program: Program
    kernels: Kernels
    static: frozenset[fx.Node]
    ledger: Ledger = field(default_factory=Ledger)
    results: dict[fx.Node, Any] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)
    parameters: dict[str, Value] = field(default_factory=dict)

    def visit(self, node: fx.Node) -> None:
        if node.op == "placeholder":
            self.memory.bind(node, None)
            self.results[node] = self._placeholder(node)
        elif node.op == "output":
            self._freeze(fx.map_arg(node.args, self.results.get), OUTPUT)
        elif node.op == "get_attr":
            self.memory.bind(node, None)
            self.results[node] = _attribute(node)
        elif node.op == "call_function":
            self.memory.add(node)
            self.results[node] = self._called(node)

    def _placeholder(self, node: fx.Node) -> Value | None:
        shape = nodes.shape_of(node.meta.get("val"))
        if node.name in self.program.constants:
            return known(self.program.constants[node.name], Cause(VARYING))
        if shape is None or node.name not in self.program.tensors:
            return None if shape is None else opaque(shape, INPUT)
        tensor = self.program.tensors[node.name]
        if tensor not in self.parameters:
            self.parameters[tensor] = parameter(self.ledger, tensor, shape, self.kernels)
            if tensor in self.program.overlapping:
                self._freeze(self.parameters[tensor], OVERLAPPING)
        return self.parameters[tensor]

    def _called(self, node: fx.Node) -> Any:
        if node.target is operator.getitem:
            return self._item(node)
        op, overload = nodes.operation(node)
        if op in NESTED:
            return self._nested(node)
        named = nodes.arguments(node, self.results.__getitem__)
        shape, source = nodes.first_shape(node), nodes.source(node)
        call = Call(op, overload, named, shape, source, self.ledger, node in self.static)
        result = self._folded(node, call)
        if result is None:
            result = self._followed(node, call)
            if call.static:
                result = _derived(result, call)
        self._check_written(node, call, result)
        return result

    def _folded(self, node: fx.Node, call: Call) -> Any:
        arguments = fx.map_arg((node.args, node.kwargs), self.results.__getitem__)
        try:
            return folded(node, arguments, call.cause(VARYING))
        except (RuntimeError, TypeError, NotImplementedError):
            return None  # the operation is followed by its rule, if it has one

    def _followed(self, node: fx.Node, call: Call) -> Any:
        try:
            if find_rule(call.op, call.overload) is None:
                return _fitting(node, self._defined(node))
            return _fitting(node, _ruled(node, call))
        except (UnsupportedError, LookupError, ValueError) as problem:
            return self._refuse(node, call, problem)

    def _defined(self, node: fx.Node) -> Any:
        """Follow an operation without a rule through torch's own definition of it."""
        inside = definition(node)
        if inside is None:
            raise UnsupportedError
        if node in self.static:
            self.static |= frozenset(inside.nodes)
        results = self._inside(node, inside, node.all_input_nodes)
        return results if members(node.meta.get("val")) is not None else results[0]

    def _item(self, node: fx.Node) -> Any:
        parts, place = members(self.results[node.all_input_nodes[0]]), node.args[1]
        if parts is not None and isinstance(place, int) and place < len(parts):
            return parts[place]
        cause = Cause("Follows a result that no rule describes.", "", nodes.source(node))
        return _unknown(node.meta.get("val"), cause)

    def _nested(self, node: fx.Node) -> list[Any]:
        """Walk through a graph inside the graph, such as a region without autocast."""
        place = next(at for at, item in enumerate(node.args) if self._is_graph(item))
        inside: fx.Graph = self.results[node.args[place]].graph  # pyright: ignore[reportArgumentType] - a node, as just checked
        return self._inside(node, inside, node.args[place + 1 :])

    def _inside(self, node: fx.Node, inside: fx.Graph, given_args: Sequence[object]) -> list[Any]:
        """Walk through a graph that the node calls with these arguments."""
        outer = iter(given_args)
        results: list[fx.Node] = []
        for inner in inside.nodes:
            if inner.op == "placeholder":
                given = next(outer)
                self.memory.bind(inner, given if isinstance(given, fx.Node) else None)
                self.results[inner] = self.results[given] if isinstance(given, fx.Node) else None
            elif inner.op == "output":
                results = [*leaves(inner.args, fx.Node)]
            else:
                self.visit(inner)
        self.memory.add_parts(node, results)
        return [self.results[inner] for inner in results]

    def _is_graph(self, item: object) -> bool:
        return isinstance(item, fx.Node) and isinstance(self.results[item], fx.GraphModule)

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
            if before is None:
                continue
            if _same_labels(before, result):
                self._change(target, cause)
            elif not self._carry(node, target, call, result):
                self._freeze(result, cause)
                self._spoil(target, cause)

    def _carry(self, node: fx.Node, target: fx.Node, call: Call, result: Any) -> bool:
        """Give new labels to what was written and to all that it is a part of, if possible.

        It is not if something else that may share the memory is read later on.
        """
        held = {target: result}
        roots = self.memory.roots
        if not isinstance(result, Value) or roots[target].op == "placeholder":
            return False
        while self._awaited(target, held, node):
            whole = next(iter(target.all_input_nodes), target)
            before = self.results.get(whole)
            if whole in held or roots[whole] is not roots[target] or not isinstance(before, Value):
                return False
            written = carried(call, target, held[target], before)
            if written is None:
                return False
            held[whole] = written
            target = whole
        self.results.update(held)
        return True

    def _awaited(self, target: fx.Node, held: Container[fx.Node], writer: fx.Node) -> bool:
        """Whether anything else that may share the memory is read after the writing node."""
        return any(
            user is not writer and user not in self.results
            for other in self.memory.sharing(target)
            if other is not writer and other not in held
            for user in other.users
        )

    def _change(self, target: fx.Node, cause: Cause) -> None:
        """Forget what a write that keeps all labels changes: contents, and what is uniform.

        Whatever holds the written part among other things now varies.
        """
        sharing = [*self.memory.sharing(target)]
        sizes = [
            prod(value.shape) for node in sharing for value in leaves(self.results.get(node), Value)
        ]
        whole = prod(self.results[target].shape) == max(sizes)
        for node in sharing:
            kept = whole or node is target
            change = _without_content if kept else partial(_varying, cause=cause)
            self.results[node] = mapped(self.results.get(node), Value, change)

    def _spoil(self, target: fx.Node, cause: Cause) -> None:
        """Forget the labels of everything that may share memory with the target."""
        for node in [*self.memory.sharing(target)]:
            self._freeze(self.results.get(node), cause)
            self.results[node] = _unknown(node.meta.get("val"), cause)

    def _freeze(self, values: Any, cause: Cause) -> None:
        for value in leaves(values, Value):
            for labels in (*value.facets, *([] if value.windows is None else [value.windows])):
                self.ledger.freeze(labels, cause)


def _attribute(node: fx.Node) -> Any:
    """A nested graph, or a constant, that the graph holds by name."""
    found: object = node.graph.owning_module
    for name in str(node.target).split("."):
        found = getattr(found, name)
    return known(found, Cause(VARYING)) if isinstance(found, Tensor) else found


def _derived(result: Any, call: Call) -> Any:
    """A weight computed element by element from one tensor stands for that tensor."""
    if not isinstance(result, Value) or result.tensor or result.windows is not None:
        return result
    found = {
        value.tensor: value
        for value in call.operands()
        if value.tensor and value.shape == result.shape and value.ndim > 1
    }
    if len(found) != 1:
        return result
    (source,) = found.values()
    return replace(result, tensor=source.tensor, origin=source.origin, computed=True)


def _without_content(value: Value) -> Value:
    return replace(value, content=None)


def _varying(value: Value, cause: Cause) -> Value:
    return Value(value.shape, value.facets, (False,) * value.ndim, cause)


def _ruled(node: fx.Node, call: Call) -> Any:
    rule = find_rule(call.op, call.overload)
    if rule is None:
        raise UnsupportedError
    if "index_put" in call.op and nodes.numbers_by_mask(node):
        raise UnsupportedError("it writes where a mask says")
    # An empty tensor joined with others, such as the start of a cache, adds nothing.
    if call.op not in JOINING and any(0 in value.shape for value in call.operands()):
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
