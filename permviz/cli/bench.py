"""`permviz bench`: strategies on random matrices, beside each other."""

from dataclasses import dataclass

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
from permviz.core.pattern import NMPattern
from permviz.errors import StrategyError
from permviz.search.benchmark import Measured, Setting, Trial, check, measure
from permviz.search.matrices import random_matrices


@dataclass(frozen=True, slots=True)
class Request:
    """What `permviz bench` was asked for.

    Attributes:
        rows: of each matrix.
        channels: of each matrix.
        seeds: how many matrices.
        strategies: comma-separated texts.
        budgets: comma-separated seconds; empty lets the strategies converge.
        distribution: of the scores.
        pattern: N:M.
        device: where to search.
        form: table, csv or json.
    """

    rows: int
    channels: int
    seeds: int
    strategies: str
    budgets: str
    distribution: str
    pattern: str
    device: str
    form: str


def run(request: Request) -> int:
    """Measure and print; return the exit code."""
    check_output(request.form, None)
    setting = Setting(NMPattern.parse(request.pattern), request.device)
    matrices = random_matrices(request.distribution, request.rows, request.channels, request.seeds)
    trials = _trials(request)
    check(trials, setting)
    with counting(len(trials) * request.seeds) as count:
        rows, whole = gathered(measure(trial, matrices, setting, (), count) for trial in trials)
    about = {
        "title": f"{request.seeds} matrices, {matrices.label}, {setting.pattern}",
        "machine": machine(request.device),
    }
    write([_record(row) for row in rows], request.form, None, about)
    return 0 if whole else INTERRUPTED


def _trials(request: Request) -> list[Trial]:
    strategies, budgets = texts(request.strategies), _budgets(request.budgets)
    if not strategies:
        raise StrategyError("No strategy was named; write for example --strategies auto,osg.")
    return [Trial(text, (text,), budget) for text in strategies for budget in budgets]


def _budgets(option: str) -> tuple[float | None, ...]:
    listed = [part.strip() for part in option.split(",") if part.strip()]
    try:
        return tuple(float(part) for part in listed) or (None,)
    except ValueError as problem:
        raise StrategyError(
            f"The budgets {option!r} are not numbers; write seconds such as --budgets 0.1,1."
        ) from problem


def _record(row: Measured) -> Record:
    return {
        "strategy": row.trial.label,
        "budget": row.trial.budget,
        "runs": len(row.efficacies),
        "efficacy": row.efficacy,
        "efficacy deviation": row.deviation,
        "seconds": row.mean_seconds,
        "seconds deviation": row.seconds_deviation,
        "not run because": row.remark or None,
    }
