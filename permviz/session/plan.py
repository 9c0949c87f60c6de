"""From search results to a permutation plan."""

import platform
from collections.abc import Mapping
from importlib.metadata import version

from permviz.core.pattern import NMPattern
from permviz.core.permutation import Permutation
from permviz.core.plan import PermutationPlan, PlannedGroup
from permviz.errors import SessionError
from permviz.graph.apply import apply_moves, moves
from permviz.graph.fingerprint import fingerprint
from permviz.graph.types import ChannelGraph
from permviz.session.report import best_order
from permviz.session.session import Session, check_graph
from permviz.session.settings import SearchSettings

_PACKAGES = ("permviz", "torch", "numpy", "numba")


def plan(  # noqa: PLR0913 - a public entry point, keyword-only beyond two
    graph: ChannelGraph,
    strategy: str = "auto",
    *,
    pattern: NMPattern | str = "2:4",
    importance: str = "magnitude",
    budget: float | None = None,
    seed: int = 0,
    bound: str | None = None,
    device: str = "auto",
) -> PermutationPlan:
    """Search every channel group of an analysed model, and plan the orders found.

    Args:
        graph: what `permviz.analyze` returned.
        strategy: a strategy as text, for example ``osg(stripes=2, escapes=100)``.
        pattern: the N:M pattern.
        importance: name of the importance that scores the weights.
        budget: seconds for the whole model; None lets every search converge.
        seed: seed of the random numbers.
        bound: how to bound what any order keeps, as `permviz.search` does.
        device: where to search; ``auto`` takes a GPU for wide layers where there is one.

    Raises:
        PermvizError: as `SearchSettings` and `Session` do.
    """
    check_graph(graph)
    settings = SearchSettings((strategy,), pattern, seed, budget, importance, bound, device)
    with Session(graph, settings) as session:
        session.start()
        session.wait()
        return session_plan(session, None)


def session_plan(
    session: Session, choice: Mapping[str, str] | str | None = None
) -> PermutationPlan:
    """Plan the results of a session so far.

    Args:
        session: the session, running or ended.
        choice: a strategy for each group, one strategy for all groups, or None for the best
            of each group; groups without a result keep their order.

    Raises:
        SessionError: the choice names a group or strategy that was not searched.
    """
    _check_choice(session, choice)
    chosen: dict[str, PlannedGroup] = {}
    for name in session.problems:
        strategy = choice.get(name) if isinstance(choice, Mapping) else choice
        planned = _planned(session, name, strategy)
        if planned is not None:
            chosen[name] = planned
    provenance = {
        "importance": session.settings.importance,
        "strategies": list(session.settings.strategies),
        "budget_seconds": session.settings.budget,
        "seed": session.settings.seed,
        "bound": session.settings.bound,
        "device": session.settings.device,
    }
    return assemble(session.graph, chosen, session.settings.nm, provenance)


def assemble(
    graph: ChannelGraph,
    by_group: Mapping[str, PlannedGroup],
    pattern: NMPattern,
    provenance: Mapping[str, object],
) -> PermutationPlan:
    """Bind chosen orders to a model: tensor moves, fingerprints and versions."""
    orders: dict[str, Permutation] = {k: group.permutation for k, group in by_group.items()}
    moved = moves(graph, orders)
    versions = {name: version(name) for name in _PACKAGES}
    versions["python"] = platform.python_version()
    stacks = {"stacks": dict(graph.stacks)} if graph.stacks else {}
    return PermutationPlan(
        fingerprint=graph.fingerprint,
        result_fingerprint=fingerprint(apply_moves(graph.model, moved)),
        pattern=pattern,
        by_group=dict(by_group),
        moves=moved,
        provenance={
            **provenance,
            **stacks,
            "versions": versions,
        },
    )


def _check_choice(session: Session, choice: Mapping[str, str] | str | None) -> None:
    if choice is None:
        return
    named = {choice} if isinstance(choice, str) else set(choice.values())
    groups: set[str] = set() if isinstance(choice, str) else set(choice)
    for unknown in sorted(named - set(session.settings.strategies)):
        raise SessionError(
            f"The strategy {unknown!r} was not searched; choose one of "
            f"{', '.join(session.settings.strategies)}."
        )
    for unknown in sorted(groups - set(session.problems)):
        raise SessionError(
            f"There is no searched channel group {unknown!r}; choose one of "
            f"{', '.join(session.problems)}."
        )


def _planned(session: Session, group: str, strategy: str | None) -> PlannedGroup | None:
    """The order of one group under a strategy, or the best one; running searches count."""
    found = best_order(session, group, strategy)
    if found is None:
        return None
    name, order, retained = found
    problem = session.problems[group]
    return PlannedGroup(
        permutation=session.group_problems[group].group_order(order),
        strategy=name,
        seed=session.settings.seed,
        baseline=problem.baseline,
        retained=retained,
        row_optimum=problem.row_optimum,
    )
