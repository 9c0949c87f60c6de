"""`permviz search`: load, analyse, search every group, show what came of it, export."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from permviz.cli.console import Advance, progress_bar, remarks, results, time_left
from permviz.cli.loading import load
from permviz.cli.outputs import choice
from permviz.cli.tables import accuracy_view, gaps_line, layer_table, totals_line
from permviz.core.plan import PermutationPlan
from permviz.export.checkpoint import Details, check_target, export
from permviz.graph.analyze import analyze
from permviz.graph.types import ChannelGraph
from permviz.kernels import warm
from permviz.models.accuracy import accuracy_table
from permviz.models.accuracy_report import AccuracyTable
from permviz.models.sources import LoadedModel
from permviz.session.plan import session_plan
from permviz.session.report import layer_rows, model_totals
from permviz.session.session import Session
from permviz.session.settings import SearchSettings
from permviz.session.store import Store

_INTERRUPTED = 130
_LOOK = 0.1  # seconds between two looks at a running search


@dataclass(frozen=True, slots=True)
class Request:
    """What `permviz search` was asked for.

    Attributes:
        model: a demo or architecture.
        state: file with weights for it; None for its own.
        outputs: comma-separated names or places of those that count; empty for the default.
        strategies: texts such as ``osg(stripes=2)``.
        pattern: N:M.
        importance: what pruning ranks by.
        budget: seconds for each strategy over the whole model.
        seed: of the random numbers.
        bound: how to bound what any order keeps; None for not at all.
        device: where to search.
        out: directory to export to.
        keep: directory where searches are kept, and taken up from.
        accuracy: whether to measure the accuracy, if there is data.
    """

    model: str
    state: Path | None
    outputs: str
    strategies: tuple[str, ...]
    pattern: str
    importance: str
    budget: float | None
    seed: int
    bound: str | None
    device: str
    out: Path | None
    keep: Path | None
    accuracy: bool


def run(request: Request) -> int:
    """Do it all; return the exit code."""
    if request.out is not None:
        check_target(request.out)  # an unusable directory is better known before the search
    settings = _settings(request)
    console = remarks()
    loaded = load(request.model, request.state)
    with progress_bar(console) as advance:
        wanted = choice(request.outputs)
        graph = analyze(loaded.model, loaded.example_inputs, outputs=wanted, on_progress=advance)
        advance("Preparing the search kernels", 1.0)
        warm.ensure()
    store = None
    if request.keep is not None:
        store = Store(request.keep, graph.fingerprint, settings)
    session = Session(graph, settings, store=store)
    try:
        whole = _searched(session, console)
        if store is not None and store.failure:
            console.print(f"Not all was kept: {store.failure}.", soft_wrap=True)
        return _concluded(request, loaded, session, whole=whole)
    finally:
        session.close()


def _settings(request: Request) -> SearchSettings:
    return SearchSettings(
        strategies=request.strategies,
        pattern=request.pattern,
        seed=request.seed,
        budget=request.budget,
        importance=request.importance,
        bound=request.bound,
        device=request.device,
    )


def _searched(session: Session, console: Console) -> bool:
    """Run the search; False if Ctrl-C ended it."""
    session.start()
    try:
        with progress_bar(console) as advance:
            while not session.wait(_LOOK):
                _show(session, advance)
    except KeyboardInterrupt:
        session.cancel()
        session.wait()
        console.print("Interrupted: the best orders found so far are used.", soft_wrap=True)
        return False
    return True


def _show(session: Session, advance: Advance) -> None:
    now = session.progress
    names = sorted({search.group for search in now.running})
    what = f"Searching {names[0]}" if names else "Searching"
    advance(what, now.fraction, f"{now.done} of {now.total}, {time_left(now.seconds_left)}")


def _concluded(request: Request, loaded: LoadedModel, session: Session, *, whole: bool) -> int:
    output = results()
    output.print(layer_table(layer_rows(session), output.width))
    output.print(totals_line(model_totals(session), session.settings.nm), soft_wrap=True)
    if request.bound is not None:
        output.print(gaps_line(session.results.values()), soft_wrap=True)
    plan = session_plan(session)
    table = None
    if whole and request.accuracy and loaded.data is not None:
        table = _accuracy(request, loaded, session.graph, plan)
        output.print(accuracy_view(table))
    if request.out is not None:
        told = _export(loaded, plan, request.out, Details(session.graph, table, session))
        output.print(told, soft_wrap=True)
        return 0
    return 0 if whole else _INTERRUPTED


def _accuracy(
    request: Request, loaded: LoadedModel, graph: ChannelGraph, plan: PermutationPlan
) -> AccuracyTable:
    with progress_bar(remarks()) as advance:
        return accuracy_table(
            loaded,
            graph,
            plan,
            importance=request.importance,
            seed=request.seed,
            on_progress=advance,
        )


def _export(loaded: LoadedModel, plan: PermutationPlan, out: Path, details: Details) -> str:
    with progress_bar(remarks()) as advance:
        report = export(
            loaded.model,
            plan,
            out,
            example_inputs=details.graph.example_inputs if details.graph else None,
            details=details,
            on_progress=advance,
        )
    return report.message
