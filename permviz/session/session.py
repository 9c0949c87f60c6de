"""The searches of one model, running in the background.

An append-only log of events over a pool of threads. The kernels release the interpreter
lock, so threads use all cores and the page that watches stays responsive.
"""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np
from numpy.typing import NDArray

from permviz.core.permutation import Permutation
from permviz.core.problem import SearchProblem
from permviz.core.trace import Improved, SearchEvent
from permviz.errors import PermvizError, SessionError
from permviz.graph.types import ChannelGraph
from permviz.kernels.select import cores, select
from permviz.models.importance import importance
from permviz.search.control import Control
from permviz.search.registry import parse
from permviz.search.result import SearchResult
from permviz.search.runner import Limits, run
from permviz.session.board import Board, Key
from permviz.session.budget import SharedBudget
from permviz.session.events import (
    Progress,
    SearchDone,
    SearchFailed,
    SearchMoved,
    SearchQueued,
    SessionEvent,
    Status,
    StatusChanged,
)
from permviz.session.layers import LayerValues, dense_layers, nothing_searched
from permviz.session.log import EventLog, Observer
from permviz.session.problems import FullScores, GroupProblem, group_problem
from permviz.session.settings import SearchSettings
from permviz.session.store import Store, at_least
from permviz.session.threads import TURNS, search_threads


@dataclass(frozen=True, slots=True)
class _Task:
    key: Key
    problem: GroupProblem
    budget: SharedBudget | None


class Session:
    """Search every channel group of a model with every chosen strategy.

    Args:
        graph: the analysed model.
        settings: strategies, pattern, seed, budget and importance.
        executor: where searches run; by default a pool with a thread for each core, which
            the session closes itself.
        giving_way: whether that pool's threads give way to all others, and take turns with
            those of other sessions that do.
        store: where searches are kept, and taken up from; None for nowhere.

    Attributes:
        graph: the analysed model.
        settings: what is searched with.
        layers: what channel orders are worth to each layer.
        dense: why a layer is not pruned, by its name; such layers guide no search.
        group_problems: what is searched for each channel group.

    Raises:
        SessionError: the graph is none.
        ScoresError: a weight is NaN or infinite.
    """

    def __init__(
        self,
        graph: ChannelGraph,
        settings: SearchSettings,
        *,
        executor: Executor | None = None,
        giving_way: bool = False,
        store: Store | None = None,
    ) -> None:
        check_graph(graph)
        self.graph = graph
        self.settings = settings
        scores: FullScores = importance(graph, settings.importance)
        self.layers = LayerValues(graph, scores, settings.nm)
        self.dense = dense_layers(graph, settings.nm)
        pruned = {
            layer.tensor: scores[layer.tensor]
            for layer in graph.layers
            if layer.name not in self.dense
        }
        self.group_problems: Mapping[str, GroupProblem] = {
            group.name: group_problem(group, pruned, settings.nm) for group in graph.groups
        }
        self._tasks = _tasks(self.group_problems, settings)
        self._board = Board(
            {task.key: task.problem.cost for task in self._tasks},
            {task.key: task.problem.slots.size for task in self._tasks},
        )
        self._priced: dict[Key, tuple[NDArray[np.int64], float]] = {}
        self._log = EventLog()
        self._control = Control(TURNS if giving_way else None)
        self._pool = executor
        self._giving_way = giving_way
        self._store = store
        self._owned: ThreadPoolExecutor | None = None
        self._futures: list[Future[None]] = []
        self._status: Status = "ready"
        self._lock = threading.RLock()
        self._ended = threading.Event()

    @property
    def problems(self) -> dict[str, SearchProblem]:
        """The search problem of each group that has one."""
        return {k: p.problem for k, p in self.group_problems.items() if p.problem is not None}

    @property
    def skipped(self) -> dict[str, str]:
        """Groups that are not searched, with the reason."""
        return {k: p.skipped for k, p in self.group_problems.items() if p.skipped}

    @property
    def notes(self) -> dict[str, tuple[str, ...]]:
        """What a user should know about the problems, by group."""
        return {k: p.notes for k, p in self.group_problems.items() if p.notes}

    def start(self) -> None:
        """Queue every search and return at once.

        Raises:
            SessionError: started before, or there is nothing to search.
        """
        with self._lock:
            if self._status != "ready":
                raise SessionError(
                    f"This session is {self._status} already; make a new one to search again."
                )
            if not self._tasks:
                raise SessionError(nothing_searched(self.graph, self.dense, self.skipped))
            self._board.begin()
            self._set_status("running")
            for task in self._tasks:
                self._log.tell(SearchQueued(*task.key))
            if self._pool is None:
                self._owned = search_threads(giving_way=self._giving_way)
            pool = self._pool or self._owned
            assert pool is not None  # noqa: S101 - one of the two was just made
            self._futures = [pool.submit(self._search, task) for task in self._tasks]

    def pause(self) -> None:
        """Let every search wait at its next step; a session that does not run stays as it is."""
        with self._lock:
            if self._status == "running":
                self._control.pause()
                self._board.pause()
                self._set_status("paused")

    def resume(self) -> None:
        """Go on after a pause."""
        with self._lock:
            if self._status == "paused":
                self._set_status("running")
                self._board.resume()
                self._control.resume()

    def cancel(self) -> None:
        """End every search with the best it has found; the results stay."""
        with self._lock:
            if self._status not in ("running", "paused"):
                return
            self._set_status("cancelled")
            self._control.cancel()
            for future in self._futures:
                future.cancel()
            self._end_if_idle()

    def close(self) -> None:
        """Cancel what runs and give the threads back."""
        self.cancel()
        if self._owned is not None:
            self._owned.shutdown(wait=True)

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the session has ended, at most `timeout` seconds; tells whether it has."""
        return self._ended.wait(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def subscribe(self, observer: Observer) -> Callable[[], None]:
        """Call `observer` with every event from now on; returns what ends the subscription."""
        return self._log.subscribe(observer)

    @property
    def status(self) -> Status:
        """What the session does now."""
        return self._status

    @property
    def events(self) -> tuple[SessionEvent, ...]:
        """The log so far."""
        return self._log.events

    @property
    def progress(self) -> Progress:
        """How far the session is."""
        return self._board.progress

    @property
    def results(self) -> dict[Key, SearchResult]:
        """Results of the searches that ended, by group and strategy."""
        return self._board.results

    def order(self, group: str, strategy: str) -> NDArray[np.int64] | None:
        """Best order so far of one search's problem; None if it has not begun."""
        return self._board.order((group, strategy))

    def priced(self, group: str, strategy: str) -> tuple[NDArray[np.int64], float] | None:
        """That order and its retained score, which is computed once for every order."""
        order = self.order(group, strategy)
        if order is None:
            return None
        known = self._priced.get((group, strategy))
        # Orders are never changed in place.
        if known is None or known[0] is not order:
            known = order, self.problems[group].retained(order)
            self._priced[group, strategy] = known
        return known

    def best(self) -> dict[Key, Permutation]:
        """Best order so far of every search that has begun, as an order of the whole group."""
        return {
            key: self.group_problems[key[0]].group_order(order)
            for key, order in self._board.orders.items()
        }

    def _search(self, task: _Task) -> None:
        problem = task.problem.problem
        with self._lock:
            if self._control.cancelled or problem is None:
                return
            share = task.budget.take(task.problem.cost) if task.budget is not None else None
            self._board.run(task.key, share)
        limits = Limits(self.settings.seed, share, self._control, bound=self.settings.bound)
        try:
            result = self._result(task.key, problem, limits)
        except PermvizError as error:
            self._close_task(task.key, SearchFailed(*task.key, str(error)))
        except Exception as error:  # noqa: BLE001 - one broken search must not hang the others
            message = f"The search broke off: {type(error).__name__}: {error}"
            self._close_task(task.key, SearchFailed(*task.key, message))
        else:
            if task.budget is not None and share is not None:
                task.budget.give_back(max(0.0, share - result.seconds))
            self._close_task(task.key, SearchDone(*task.key, result))

    def _result(self, key: Key, problem: SearchProblem, limits: Limits) -> SearchResult:
        """What an earlier run has kept of a search, or else what searching finds."""
        kept = self._store.result(key, problem) if self._store is not None else None
        if kept is not None:
            return kept
        kernels = select(self.settings.device, threads=1)
        result = run(problem, parse(key[1]), kernels, limits, partial(self._moved, key))
        if self._store is None:
            return result
        result = at_least(result, self._store.best(key, problem), problem)
        if result.trace.finished.reason != "cancelled":
            self._store.keep(key, result)
        return result

    def _moved(self, key: Key, event: SearchEvent) -> None:
        self._board.move(key, event)
        if self._store is not None and isinstance(event, Improved):
            order = self._board.order(key)
            if order is not None:
                self._store.note(key, order, event.retained)
        self._log.tell(SearchMoved(*key, event))

    def _close_task(self, key: Key, event: SearchDone | SearchFailed) -> None:
        self._board.close(key, event.result if isinstance(event, SearchDone) else None)
        self._log.tell(event)
        with self._lock:
            self._end_if_idle()

    def _end_if_idle(self) -> None:
        if self._ended.is_set():
            return
        if self._status == "cancelled" and self._board.idle:
            self._finish("cancelled")
        elif self._status != "cancelled" and self._board.complete:
            self._finish("finished" if self._board.results else "failed")

    def _finish(self, status: Status) -> None:
        self._board.end()
        if self._owned is not None:
            self._owned.shutdown(wait=False)  # idle threads would stay as long as the session
        if status != self._status:
            self._set_status(status)
        self._ended.set()

    def _set_status(self, status: Status) -> None:
        self._status = status
        self._log.tell(StatusChanged(status))


def check_graph(graph: ChannelGraph) -> None:
    """Raise a `SessionError` for what is no graph, such as a model itself."""
    if not isinstance(graph, ChannelGraph):  # pyright: ignore[reportUnnecessaryIsInstance] - of a user
        raise SessionError(
            f"A {type(graph).__name__} is no channel graph; pass what "
            "permviz.analyze(model, example_inputs) returns."
        )


def _tasks(problems: Mapping[str, GroupProblem], settings: SearchSettings) -> tuple[_Task, ...]:
    """One task for each group and strategy, dearest first so that no thread idles at the end."""
    found = sorted(
        (p for p in problems.values() if p.problem is not None), key=lambda problem: -problem.cost
    )
    costs = [problem.cost for problem in found]
    budgets = {
        text: None if settings.budget is None else SharedBudget(settings.budget, costs, cores())
        for text in settings.strategies
    }
    return tuple(
        _Task((problem.group.name, text), problem, budgets[text])
        for problem in found
        for text in settings.strategies
    )
