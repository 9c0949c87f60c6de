"""Search one matrix: the function that scripts call."""

from collections.abc import Callable, Sequence

from permviz.core.pattern import NMPattern
from permviz.core.problem import SearchProblem
from permviz.core.trace import SearchEvent
from permviz.errors import StrategyError
from permviz.kernels.select import select
from permviz.search.registry import make, parse
from permviz.search.result import SearchResult
from permviz.search.runner import Limits, run
from permviz.search.strategy import MEMORY, Strategy


def search(  # noqa: PLR0913 - the public entry point, keyword-only beyond two
    scores: object,
    strategy: str | Strategy = "auto",
    *,
    pattern: NMPattern | str = "2:4",
    seed: int = 0,
    budget: float | None = None,
    blocks: Sequence[Sequence[int]] | None = None,
    device: str = "auto",
    memory: int = MEMORY,
    bound: str | None = None,
    on_event: Callable[[SearchEvent], None] | None = None,
    **params: object,
) -> SearchResult:
    """Find an order of channels that keeps more of `scores` under an N:M pattern.

    Args:
        scores: float[rows, channels], finite and non-negative importances.
        strategy: a name (`permviz.strategies()` lists them, parameters as `params`), a
            text such as ``osg(stripes=2, escapes=100)``, or a strategy object.
        pattern: the N:M pattern.
        seed: seed of the random numbers; the same seed gives the same order unless the
            budget cuts the search short.
        budget: searching time in seconds; None lets the strategy converge. The first search
            of a process loads the kernels before that, some half a second.
        blocks: sets of channels that channels may not leave; one with all by default.
        device: where to search: ``cpu``, a torch device such as ``cuda``, ``torch:cpu`` for
            torch's operations on the CPU, or ``auto``; see `permviz.kernels.select.select`.
        memory: bytes that tables of the search may take; larger ones are taken in parts.
        bound: ``lp`` bounds what any order keeps by linear programming, once the search has
            ended or had three tenths of the budget, and proves the optimum where the bound is
            nearly met; a better order that the proof finds becomes the result. See
            `SearchResult.bound` and `SearchResult.gap`. None leaves it at what the strategy
            proves: ``exact`` and ``enumerate`` prove the optimum.
        on_event: called with every event of the search as it happens.
        **params: parameters of a strategy that is given by its name.

    Raises:
        ScoresError: the scores or blocks are unusable.
        PatternError: the pattern is not N:M.
        StrategyError: strategy, parameter, seed, budget, device, memory or bound are
            unknown or impossible.
    """
    chosen = _strategy(strategy, params)
    problem = SearchProblem.of(scores, pattern, blocks)
    limits = Limits(seed, budget, memory=memory, bound=bound)
    return run(problem, chosen, select(device), limits, on_event)


def _strategy(strategy: str | Strategy, params: dict[str, object]) -> Strategy:
    if isinstance(strategy, str):
        return make(strategy, **params) if params else parse(strategy)
    if params:
        raise StrategyError(
            f"The parameters {', '.join(params)} go with a strategy's name; "
            f"{strategy!r} has its own already."
        )
    if isinstance(strategy, type) or not hasattr(strategy, "steps"):
        raise StrategyError(
            f"A {type(strategy).__name__} is no strategy; pass a text such as "
            "osg(stripes=2, escapes=100), or a strategy object."
        )
    return strategy
