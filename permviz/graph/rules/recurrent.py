"""Recurrent layers: a hidden channel has one row in every gate and one column in the next step."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from permviz.graph.combine import combine, contract
from permviz.graph.labels import Labels, Value, positions
from permviz.graph.ledger import Call, Column
from permviz.graph.rearrange import cat, take, view
from permviz.graph.rules.elementwise import beside_axis
from permviz.graph.rules.local import untracked
from permviz.graph.rules.registry import UnsupportedError, rule


@rule("lstm.input", "gru.input", "rnn_tanh.input", "rnn_relu.input")
def recurrent(call: Call) -> list[Value]:
    """Layers of one or two directions; the last states have an axis for all of them."""
    if call.arguments["train"] and call.arguments["dropout"]:
        raise UnsupportedError(f"{call.op} drops out, so that outputs are random")
    states, x = _states(call), call.value("input")
    x = untracked(call, x, [1 if call.arguments["batch_first"] else 0])
    directions = 1 + bool(call.arguments["bidirectional"])
    ended: list[list[Value]] = []
    weights = iter(_weights(call, projected=_projected(states)))
    for layer in range(int(call.arguments["num_layers"])):
        steps: list[Value] = []
        for direction in range(directions):
            at = [_state(call, state, layer * directions + direction) for state in states]
            ended.append(_unit(call, x, next(weights), at))
            steps.append(_sequence(call, x, ended[-1][0]))
        x = cat(call, steps, 2) if directions > 1 else steps[0]
    return [x, *(_stacked(call, [*parts]) for parts in zip(*ended, strict=True))]


@rule("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell")
def cell(call: Call) -> list[Value] | Value:
    """One step of one layer."""
    read, again, *biases = (call.optional(name) for name in ("w_ih", "w_hh", "b_ih", "b_hh"))
    weights = _Weights(read, again, biases[0], biases[1], None)
    result = _unit(call, call.value("input"), weights, _states(call))
    return result if call.op == "aten.lstm_cell" else result[0]


@dataclass(frozen=True, slots=True)
class _Weights:
    """Parameters of one layer and direction; None for those that it lacks."""

    read: Value | None
    again: Value | None
    bias: Value | None
    bias_again: Value | None
    project: Value | None


def _states(call: Call) -> list[Value]:
    given = call.arguments["hx"]
    return [given] if isinstance(given, Value) else list(given)


def _projected(states: Sequence[Value]) -> bool:
    return len(states) > 1 and states[0].shape[-1] != states[1].shape[-1]


def _weights(call: Call, *, projected: bool) -> Iterator[_Weights]:
    listed: list[Value] = list(call.arguments["params"])
    biases = 2 if call.arguments["has_biases"] else 0
    size = 2 + biases + projected
    for start in range(0, len(listed), size):
        read, again, *rest = listed[start : start + size]
        bias, bias_again = rest[:biases] or (None, None)
        yield _Weights(read, again, bias, bias_again, rest[-1] if projected else None)


def _state(call: Call, state: Value, place: int) -> Value:
    return view(call, take(call, state, 0, [place]), state.shape[1:])


def _unit(call: Call, x: Value, weights: _Weights, states: Sequence[Value]) -> list[Value]:
    """States after any number of steps: float[batch, hidden] each."""
    read, again = weights.read, weights.again
    if read is None or again is None:
        raise UnsupportedError(f"{call.op} lacks weights")
    for weight in (read, again, weights.project):
        if weight is not None:
            call.ledger.note_layer(weight, call.op.removeprefix("aten.").split("_")[0])
    contract(call, x, x.ndim - 1, read, 1)
    unit = _gates(call, weights, states[-1].shape[-1])
    if weights.project is None:
        inner = outer = _beside(call, x, unit, states)
    else:
        inner = _beside(call, x, unit, states[1:])
        contract(call, inner, 1, weights.project, 1)
        outer = _beside(call, x, _rows(weights.project), states[:1])
    contract(call, outer, 1, again, 1)
    return [outer, inner][: len(states)]


def _gates(call: Call, weights: _Weights, hidden: int) -> Value:
    """One value for each hidden channel, whose rows stand in every gate."""
    parts = (weights.read, weights.again, weights.bias, weights.bias_again)
    rows = [_rows(part) for part in parts if part is not None]
    stacked = combine(call, rows, rows[0].shape)
    gates = [
        take(call, stacked, 0, range(start, start + hidden))
        for start in range(0, stacked.shape[0], hidden)
    ]
    return combine(call, gates, (hidden,))


def _rows(weight: Value) -> Value:
    facets = tuple(f.reshape(-1) for f in weight.facets if f.size == f.shape[0])
    return Value(weight.shape[:1], facets, weight.uniform[:1], weight.cause)


def _beside(call: Call, x: Value, unit: Value, states: Sequence[Value]) -> Value:
    """Hidden channels of all batch entries, those of the first step included."""
    batch = _batch(call, x)
    shape = (batch.shape[0], unit.shape[0])
    return combine(call, [batch, beside_axis(unit, 1, 2), *states], shape)


def _batch(call: Call, x: Value) -> Value:
    """What the input says about the batch axis, with a hidden axis of size 1."""
    axis = 0 if x.ndim == 2 or call.arguments["batch_first"] else 1
    facets = tuple(f.reshape(-1, 1) for f in x.facets if f.size == f.shape[axis])
    return Value((x.shape[axis], 1), facets, (x.uniform[axis], True), x.cause)


def _sequence(call: Call, x: Value, state: Value) -> Value:
    """A state of every step: positions of the input beside hidden channels."""
    time = 1 if call.arguments["batch_first"] else 0
    facets = tuple(np.expand_dims(facet, time) for facet in state.facets)
    batch, hidden = state.shape
    sizes = [batch, hidden]
    sizes.insert(time, x.shape[time])
    uniform = [*state.uniform]
    uniform.insert(time, False)
    cause = call.cause("Runs over positions, not over channels.")
    return combine(call, [Value(tuple(sizes), facets, tuple(uniform), cause)], tuple(sizes))


def _stacked(call: Call, states: Sequence[Value]) -> Value:
    """The states of all layers; each has channels of its own, so that they are not tied."""
    laid = [view(call, state, (1, *state.shape)) for state in states]
    if len(laid) == 1 or any(len(state.facets) != 1 for state in laid):
        return cat(call, laid, 0)
    facets = [state.facets[0] for state in laid]
    if len({facet.shape for facet in facets}) > 1:
        return cat(call, laid, 0)
    joined = np.concatenate(facets, 0)
    for place, facet in enumerate(facets):
        _relate_row(call, facet, joined, place)
    cause = call.cause(f"Stacked by {call.op}.")
    uniform = [all(flags) for flags in zip(*(state.uniform for state in laid), strict=True)]
    sizes = (len(laid), *laid[0].shape[1:])
    return Value(sizes, (joined,), (False, *uniform[1:]), cause)


def _relate_row(call: Call, facet: Labels, joined: Labels, place: int) -> None:
    index = positions(joined.shape)[place].reshape(-1)
    columns = [Column(facet, positions(facet.shape).reshape(-1)), Column(joined, index)]
    call.ledger.relate(columns)
