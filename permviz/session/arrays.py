"""A search result as plain arrays and back; what comes back is checked against its problem."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from permviz.core.permutation import Permutation
from permviz.core.problem import SearchProblem
from permviz.core.trace import Bounded, Finished, Improved, SearchTrace, Started
from permviz.errors import SessionError
from permviz.search.result import SearchResult

Arrays = Mapping[str, NDArray[Any]]
_CLOSE = 1e-6
"""Relative difference of a retained score up to which it is the same one, summed elsewhere."""


def to_arrays(result: SearchResult) -> dict[str, NDArray[Any]]:
    """Everything about a result: numbers and names as JSON, orders and moves as integers."""
    trace = result.trace
    told = {
        "retained": result.retained,
        "bound": result.bound,
        "bound_by": result.bound_by,
        "strategy": result.strategy,
        "params": dict(result.params),
        "seed": result.seed,
        "reason": trace.finished.reason,
        "iteration": trace.finished.iteration,
        "seconds": trace.finished.seconds,
        "bounds": [[bound.seconds, bound.bound] for bound in trace.bounds],
    }
    steps = trace.improvements
    nothing = np.empty(0, dtype=np.int64)
    return {
        "told": np.array(json.dumps(told)),
        "order": result.permutation.order,
        "iterations": np.array([step.iteration for step in steps], dtype=np.int64),
        "seconds": np.array([step.seconds for step in steps], dtype=np.float64),
        "retained": np.array([step.retained for step in steps], dtype=np.float64),
        "moves": np.array([step.slots.size for step in steps], dtype=np.int64),
        "slots": np.concatenate([nothing, *(step.slots for step in steps)]),
        "moved": np.concatenate([nothing, *(step.moved for step in steps)]),
    }


def from_arrays(arrays: Arrays, problem: SearchProblem) -> SearchResult:
    """Rebuild a result.

    Raises:
        SessionError: the arrays are incomplete, or are not about this problem.
    """
    try:
        return _rebuilt(arrays, problem)
    except (KeyError, ValueError, TypeError, IndexError, AttributeError) as problem_found:
        raise SessionError(f"It is damaged ({problem_found}).") from problem_found


def checked_order(order: NDArray[Any], problem: SearchProblem) -> NDArray[np.int64]:
    """An order that moves channels within the blocks of the problem only.

    Raises:
        SessionError: it does anything else.
    """
    expected = np.arange(problem.channels)
    if order.shape == expected.shape and order.dtype == expected.dtype:
        for slots in problem.movable:
            expected[slots] = np.sort(order[slots])
        if (expected == np.arange(problem.channels)).all():
            fixed = np.setdiff1d(expected, np.concatenate([expected[:0], *problem.movable]))
            if (order[fixed] == fixed).all():
                return order
    raise SessionError("Its order is not one of this problem's channels.")


def _rebuilt(arrays: Arrays, problem: SearchProblem) -> SearchResult:
    told = json.loads(str(arrays["told"]))
    order = checked_order(arrays["order"], problem)
    retained = problem.retained(order)
    if not np.isclose(retained, told["retained"], rtol=_CLOSE, atol=0.0):
        raise SessionError("Its order keeps another score than it says.")
    started = Started(problem.baseline, problem.row_optimum)
    finished = Finished(Permutation(order), told["reason"], told["iteration"], told["seconds"])
    trace = SearchTrace(
        started,
        tuple(_improvements(arrays)),
        finished,
        tuple(Bounded(*bound) for bound in told["bounds"]),
    )
    if trace.replay() != finished.permutation:
        raise SessionError("Its moves do not lead to its order.")
    return SearchResult(
        permutation=finished.permutation,
        retained=told["retained"],
        baseline=started.baseline,
        row_optimum=started.row_optimum,
        bound=told["bound"],
        bound_by=told["bound_by"],
        trace=trace,
        strategy=told["strategy"],
        params=told["params"],
        pattern=problem.pattern,
        seed=told["seed"],
    )


def _improvements(arrays: Arrays) -> Iterator[Improved]:
    stop = 0
    for number, size in enumerate(arrays["moves"].tolist()):
        start, stop = stop, stop + size
        yield Improved(
            iteration=int(arrays["iterations"][number]),
            seconds=float(arrays["seconds"][number]),
            retained=float(arrays["retained"][number]),
            slots=arrays["slots"][start:stop],
            moved=arrays["moved"][start:stop],
        )
