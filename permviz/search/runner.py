"""Run one search: budget, pause, cancel, exact values and the trace.

Blocks of the problem are searched side by side, one step each in turn, every block with
random numbers of its own, so that a result depends on the seed and not on time unless a
time budget cuts it short.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from permviz.core.permutation import Permutation
from permviz.core.problem import SearchProblem
from permviz.core.trace import (
    Bounded,
    Finished,
    Improved,
    Reason,
    SearchEvent,
    SearchTrace,
    Started,
)
from permviz.errors import StrategyError
from permviz.kernels import warm
from permviz.kernels.protocol import Kernels
from permviz.search.bound import METHODS, then_bounded
from permviz.search.ceiling import Ceiling, reasons, upper_bound
from permviz.search.control import Control, Stopwatch
from permviz.search.ledger import StripeLedger
from permviz.search.registry import parameters
from permviz.search.result import SearchResult
from permviz.search.strategy import (
    MEMORY,
    AtMost,
    Block,
    BoundSteps,
    Order,
    Strategy,
    Verdict,
)
from permviz.search.turns import Turn

Observer = Callable[[SearchEvent], None]

_FREE_EVENTS = 200
_EVENT_SECONDS = 0.01
_LEAST_MEMORY = 1 << 20
_REORDERED = 2.0
"""What valuing a reordered matrix takes, in valuings of the matrix as given."""

_LEAST = 1e-9
"""Seconds of a budget that is spent before it begins."""


def run(
    problem: SearchProblem,
    strategy: Strategy,
    kernels: Kernels,
    limits: "Limits",
    on_event: Observer | None = None,
) -> SearchResult:
    """Search one problem with one strategy, and return the best order found.

    The best so far is valid at every moment: a search that is cancelled or out of budget
    returns it. Events reach `on_event` on the calling thread, in order.
    """
    if limits.budget is not None:
        # Searching time has nothing to do with what a process loads once.
        warm.load()
    with limits.control.turn() as turn:
        search = _Search(problem, strategy, kernels, limits, turn)
        for event in search.events():
            if on_event is not None:
                on_event(event)
        return search.result()


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds a search.

    Attributes:
        seed: seed of the random numbers, not negative.
        budget: searching time in seconds, pauses left out; None for no limit.
        control: pause and cancel from another thread.
        memory: bytes that the tables of the search may take, those of all blocks together;
            strategies take larger tables in parts. The scores are not counted.
        bound: how to bound what any order keeps: ``lp`` for linear programming after the
            search, or None for what the strategy proves by itself.

    Raises:
        StrategyError: a negative seed, a budget that is not a positive number, less memory
            than 1 MiB, or an unknown bound.
    """

    seed: int = 0
    budget: float | None = None
    control: Control = field(default_factory=Control)
    memory: int = MEMORY
    bound: str | None = None

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise StrategyError(f"The seed {self.seed} is negative; choose 0 or more.")
        if self.budget is not None and not 0 < self.budget < float("inf"):
            raise StrategyError(
                f"A budget of {self.budget} seconds is not possible; choose a positive number, "
                "or None for no limit."
            )
        if self.memory < _LEAST_MEMORY:
            raise StrategyError(
                f"{self.memory} bytes of memory are too few to search with; "
                f"allow at least {_LEAST_MEMORY}."
            )
        if self.bound is not None and self.bound not in METHODS:
            raise StrategyError(
                f"There is no bound {self.bound!r}; choose {' or '.join(METHODS)}, or None."
            )


class _Part:
    """One block: its proposals, and the best of them."""

    def __init__(self, slots: Order, block: Block, steps: BoundSteps, kernels: Kernels) -> None:
        self.slots = slots
        self._steps = steps
        self._begun = False
        self._scale = block.scale
        self._ledger = StripeLedger(block, kernels)
        self.verdict: Verdict | None = None
        self.ceiling = Ceiling(slots, block.scale)
        self.best: Order = np.arange(slots.size)
        self._start = self._value = self._ledger.value(self.best)

    @property
    def gain(self) -> float:
        """Retained score won so far, in units of the scores."""
        return (self._value - self._start) * self._scale

    def step(self, spent: float | None) -> Order | AtMost | None:
        """Let the strategy work until its next yield; StopIteration when it is through."""
        begun, self._begun = self._begun, True
        try:
            return self._steps.send(spent) if begun else next(self._steps)
        except StopIteration as ended:
            self.verdict = ended.value
            self.ceiling.settled |= ended.value in ("optimal", "perfect")
            raise

    def offer(self, order: Order) -> bool:
        """Keep a proposal if it is the best; tells whether it was."""
        value = self._ledger.value(order)
        if value <= self._value:
            return False
        self.best, self._value = order, value
        return True


class _Search:
    """The state of one search while it runs."""

    def __init__(
        self,
        problem: SearchProblem,
        strategy: Strategy,
        kernels: Kernels,
        limits: Limits,
        turn: Turn,
    ) -> None:
        self._problem = problem
        self._strategy = strategy
        self._limits = limits
        self._turn = turn
        # Preparing takes time too, and a budget is the time that the caller waits.
        self._watch = Stopwatch(limits.control, limits.budget)
        with ThreadPoolExecutor(1) as aside:
            started = aside.submit(_started, problem)
            self._parts = _parts(problem, strategy, kernels, limits)
        self._started, closing = started.result()
        self._budget = None if limits.budget is None else max(limits.budget - closing, _LEAST)
        self._recorded: Order = np.arange(problem.channels)
        self._improvements: list[Improved] = []
        self._bounds: list[Bounded] = []
        self._told = False
        self._iteration = 0
        self._finished: Finished | None = None

    def events(self) -> Iterator[SearchEvent]:
        """Search, telling what happens as it happens."""
        yield self._started
        pending = False
        for improved in self._steps():
            pending = pending or improved
            if pending and self._worth_an_event():
                pending = False
                yield self._improvement()
            if self._told:
                yield from self._bounded()
        if pending:
            yield self._improvement()
        yield from self._bounded()
        reason = self._verdict() or self._reason() or "converged"
        self._finished = Finished(
            Permutation(self._recorded), reason, self._iteration, self._watch.seconds()
        )
        yield self._finished

    def result(self) -> SearchResult:
        """The result of a finished search, its retained score computed afresh."""
        if self._finished is None:
            raise StrategyError("The search has not finished; run it to its end first.")
        return SearchResult(
            permutation=self._finished.permutation,
            retained=self._retained(),
            baseline=self._started.baseline,
            row_optimum=self._started.row_optimum,
            trace=SearchTrace(
                self._started, tuple(self._improvements), self._finished, tuple(self._bounds)
            ),
            bound=self._bound,
            bound_by=reasons([part.ceiling for part in self._parts]),
            strategy=self._strategy.name,
            params=parameters(self._strategy),
            pattern=self._problem.pattern,
            seed=self._limits.seed,
        )

    def _retained(self) -> float:
        if not self._improvements:
            return self._started.baseline
        return self._problem.retained(self._recorded)

    def _steps(self) -> Iterator[bool]:
        """Let each block take a step in turn; yields whether it improved."""
        active = list(self._parts)
        while active:
            for part in tuple(active):
                self._let_others()
                if self._reason() is not None:
                    return
                try:
                    found = part.step(self._spent())
                except StopIteration:
                    active.remove(part)
                    if part.verdict == "impossible":
                        return
                    continue
                self._iteration += 1
                if isinstance(found, AtMost):
                    part.ceiling.lower(found)
                    self._told = True
                    yield False
                else:
                    yield found is not None and part.offer(found)

    def _let_others(self) -> None:
        if self._limits.control.paused:
            self._turn.give()
            self._watch.wait_while_paused()
            self._turn.take()
        else:
            self._watch.leave_out(self._turn.pass_on())

    def _spent(self) -> float | None:
        budget = self._budget
        return None if budget is None else min(1.0, self._watch.seconds() / budget)

    def _reason(self) -> Reason | None:
        if self._limits.control.cancelled:
            return "cancelled"
        budget = self._budget
        return "budget" if budget is not None and self._watch.seconds() >= budget else None

    def _verdict(self) -> Verdict | None:
        """What all blocks together say: one without a perfect order settles the whole."""
        verdicts = {part.verdict for part in self._parts}
        if "impossible" in verdicts:
            return "impossible"
        if not verdicts or None in verdicts:
            return None
        return "perfect" if verdicts == {"perfect"} else "optimal"

    def _worth_an_event(self) -> bool:
        """Thin out improvements once there are many; the last is always recorded."""
        if len(self._improvements) < _FREE_EVENTS:
            return True
        return self._watch.seconds() - self._improvements[-1].seconds >= _EVENT_SECONDS

    def _improvement(self) -> Improved:
        order = self._best()
        slots = np.flatnonzero(order != self._recorded)
        retained = self._started.baseline + sum(part.gain for part in self._parts)
        event = Improved(self._iteration, self._watch.seconds(), retained, slots, order[slots])
        self._recorded = order
        self._improvements.append(event)
        return event

    @property
    def _bound(self) -> float:
        return self._bounds[-1].bound if self._bounds else self._started.row_optimum

    def _bounded(self) -> Iterator[Bounded]:
        """The bound as of now, if it is lower than before."""
        self._told = False
        ceilings = [part.ceiling for part in self._parts]
        if ceilings and not any(ceiling.told for ceiling in ceilings):
            return  # the row optimum as before, which takes long on a large problem
        bound = upper_bound(self._problem, ceilings, self._best())
        if bound < self._bound:
            self._bounds.append(Bounded(self._watch.seconds(), bound))
            yield self._bounds[-1]

    def _best(self) -> Order:
        order = self._recorded.copy()
        for part in self._parts:
            order[part.slots] = part.slots[part.best]
        return order


def _started(problem: SearchProblem) -> tuple[Started, float]:
    """What a search begins with, and the seconds in which its result is valued in the end."""
    begun = time.perf_counter()
    baseline = problem.baseline
    closing = _REORDERED * (time.perf_counter() - begun)
    return Started(baseline, problem.row_optimum), closing


def _parts(
    problem: SearchProblem, strategy: Strategy, kernels: Kernels, limits: Limits
) -> tuple[_Part, ...]:
    """One part for every block that has at least one whole stripe."""
    movable = [slots for slots in problem.movable if slots.size]
    seeds = np.random.SeedSequence(limits.seed).spawn(len(movable))
    parts: list[_Part] = []
    for slots, child in zip(movable, seeds, strict=True):
        block = Block.of(problem.taken(slots), problem.pattern, limits.memory // len(movable))
        suited = kernels.suited(block.columns)
        steps: BoundSteps = strategy.steps(block, np.random.default_rng(child), suited)
        if limits.bound is not None:
            steps = then_bounded(steps, block, suited)
        parts.append(_Part(slots, block, steps, suited))
    return tuple(parts)
