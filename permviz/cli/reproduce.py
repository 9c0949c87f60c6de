"""`permviz reproduce`: the paper's tables beside what this machine finds."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from permviz.cli import covering
from permviz.cli.measuring import (
    INTERRUPTED,
    Record,
    check_output,
    counting,
    gathered,
    machine,
    texts,
    write,
)
from permviz.core.score import Scores
from permviz.errors import PermvizError
from permviz.models.importance import weight_scores
from permviz.models.sources import load_model
from permviz.search import curves, experiments, published
from permviz.search.benchmark import Measured, OnRun, Setting, Trial, check
from permviz.search.experiments import Experiment, measured

_TABLE_10_BUDGET = 5.0
_PATIENCE = 6.0
"""Times the budget of a row, for each search of the least sparsity."""


@dataclass(frozen=True, slots=True)
class Request:
    """What `permviz reproduce` was asked for.

    Attributes:
        name: which table.
        seeds: how many matrices or repeated searches; None for the paper's number.
        budget: seconds for our strategies; None for what the table is usually run with.
        strategies: comma-separated texts; empty for the paper's and ours.
        device: where to search.
        form: table, csv or json.
        out: file to write instead of printing.
        networks: comma-separated names, for coverage; empty for all.
    """

    name: str
    seeds: int | None
    budget: float | None
    strategies: str
    device: str
    form: str
    out: Path | None
    networks: str = ""

    @property
    def seconds(self) -> float:
        """Seconds for each search of our strategies."""
        if self.budget is not None:
            return self.budget
        return _TABLE_10_BUDGET if self.name == "table10" else 1.0


def run(request: Request) -> int:
    """Measure and print; return the exit code."""
    check_output(request.form, request.out)
    if request.name == _COVERAGE:
        return covering.run(request.networks, request.form, request.out)
    if request.name in _FIGURES:
        _FIGURES[request.name](request)
        return 0
    setting = Setting(device=request.device)
    experiment = _experiment(request)
    check(tuple(trial for part in experiment.parts for trial in part.trials), setting)
    with counting(experiment.runs) as count:
        rows, whole = gathered(measured(experiment, setting, count))
        remark = _least_sparsity(request, count) if request.name == "table10" and whole else ""
    about = {
        "title": experiment.title,
        "machine": machine(request.device),
        "remark": experiment.remark or remark,
    }
    write([_record(row) for row in rows], request.form, request.out, about)
    return 0 if whole else INTERRUPTED


def _experiment(request: Request) -> Experiment:
    make = _TABLES.get(request.name)
    if make is None:
        raise PermvizError(
            f"{request.name!r} cannot be reproduced; choose one of "
            f"{', '.join((*_TABLES, *_FIGURES, _COVERAGE))}."
        )
    if request.seeds is not None and request.seeds < 1:
        raise PermvizError(f"--seeds {request.seeds} is not possible; choose 1 or more.")
    more = {} if request.seeds is None else {"seeds": request.seeds}
    experiment = make(request.seconds, **more)
    chosen = texts(request.strategies)
    return experiment.only(chosen, request.seconds) if chosen else experiment


def _table10(budget: float, seeds: int = 1) -> Experiment:
    return experiments.table10(_layer(), budget, seeds)


def _least_sparsity(request: Request, count: OnRun) -> str:
    """How sparse the layer of Table 10 must be, in words; "" unless `perfect` is asked for."""
    chosen = texts(request.strategies)
    if chosen and "perfect" not in chosen:
        return ""
    seconds = _PATIENCE * request.seconds
    count("perfect, at one sparsity after another")
    (row,) = curves.figure4(_layer(), ["perfect"], seconds)
    return (
        f"Least sparsity at which perfect loses nothing within {seconds:g} s a search: "
        f"{row.percent:.1f} % ({row.searches} searches; below {row.impossible:.1f} % none can be)."
    )


def _layer() -> Scores:
    """Magnitudes of the layer of Table 10, a row an output channel."""
    layer = load_model("mobilenet_v2").model.get_submodule(published.TABLE_10_LAYER)
    weight = layer.get_parameter("weight")
    return weight_scores(published.TABLE_10_LAYER, weight).reshape(weight.shape[0], -1)


_TABLES: dict[str, Callable[..., Experiment]] = {
    "table1": experiments.table1,
    "table3": experiments.table3,
    "table9": experiments.table9,
    "table10": _table10,
}


def _figure3(request: Request) -> None:
    """One strategy's way from the default order to its best."""
    strategy, *more = texts(request.strategies) or (published.OSG2.text,)
    if more:
        raise PermvizError("Figure 3 follows one strategy; name one with --strategies.")
    check([Trial(strategy, (strategy,), request.seconds)], Setting(device=request.device))
    paper = strategy == published.OSG2.text
    with counting(1) as count:
        count(f"{strategy}, 128x64")
        steps = curves.figure3(strategy, None if paper else request.seconds, request.device)
    records: list[Record] = [
        {
            "order": step.number,
            "even efficacy": step.even,
            "efficacy": step.efficacy,
            "published": step.published,
            "published by": None if step.published is None else published.README,
        }
        for step in steps
    ]
    title = f"Figure 3: from the default order to {strategy}, 128x64 uniform, seed 1"
    about = {"title": title, "machine": machine(request.device)}
    write(records, request.form, request.out, about)


def _figure4(request: Request) -> None:
    """How sparse a layer must be for each strategy to lose nothing."""
    strategies = texts(request.strategies) or curves.FIGURE_4_STRATEGIES
    setting = Setting(device="cpu")
    check([Trial(text, (text,), request.seconds) for text in strategies], setting)
    with counting(len(strategies)) as count:
        records: list[Record] = []
        for text in strategies:
            count(f"{text}, at one sparsity after another")
            (row,) = curves.figure4(_layer(), [text], request.seconds)
            records.append(
                {
                    "strategy": row.strategy,
                    "least sparsity %": row.percent,
                    "impossible below %": row.impossible,
                    "searches": row.searches,
                }
            )
    layer = published.TABLE_10_LAYER
    about = {
        "title": f"Figure 4: MobileNetV2 {layer}, {request.seconds:g} s a search",
        "machine": machine("cpu"),
        "remark": "The paper's curve counts the layers of a ResNet-50, whose weights are not "
        "installed with permviz; this is one layer of MobileNetV2.",
    }
    write(records, request.form, request.out, about)


_COVERAGE = "coverage"
_FIGURES: dict[str, Callable[[Request], None]] = {"figure3": _figure3, "figure4": _figure4}


def _record(row: Measured) -> Record:
    figure = row.trial.published
    return {
        "matrices": row.matrices,
        "strategy": row.trial.label,
        "budget": row.trial.budget,
        "runs": len(row.efficacies),
        "efficacy": row.efficacy,
        "deviation": row.deviation,
        "seconds": row.mean_seconds,
        "optima found": row.optima,
        "published": figure.efficacy if figure else None,
        "published seconds": figure.seconds if figure else None,
        "published by": figure.source if figure else None,
        "not run because": row.remark or None,
    }
