"""Measure strategies: the same matrices, seeds and budget for each, and what came of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from permviz.core.pattern import NMPattern
from permviz.core.problem import SearchProblem
from permviz.core.score import Scores, efficacy_percent
from permviz.errors import StrategyError
from permviz.kernels.select import select
from permviz.search.matrices import Matrices
from permviz.search.published import Figure
from permviz.search.registry import parse
from permviz.search.run import search

_SAME = 1e-6
"""Relative difference of retained scores up to which an optimum counts as found."""


OnRun = Callable[[str], None]
"""Is told what is run next."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried on some matrices.

    Attributes:
        label: what people call it.
        chain: strategies, each searching on from where the one before ended.
        budget: seconds for each of them; None lets them converge.
        published: what was published for it, if anything was.
    """

    label: str
    chain: tuple[str, ...]
    budget: float | None = None
    published: Figure | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """What all trials have in common.

    Attributes:
        pattern: the N:M pattern.
        device: where to search.
    """

    pattern: NMPattern = field(default_factory=lambda: NMPattern(2, 4))
    device: str = "auto"


@dataclass(frozen=True, slots=True)
class Measured:
    """What one trial did, seed by seed; empty if it was not run.

    Attributes:
        matrices: label of the matrices.
        trial: what was tried.
        retained: retained score for each seed.
        efficacies: percent for each seed.
        seconds: searching time for each seed.
        optima: how many of the optima were found; None where they are not known.
        remark: why it was not run; empty if it was.
    """

    matrices: str
    trial: Trial
    retained: tuple[float, ...] = ()
    efficacies: tuple[float, ...] = ()
    seconds: tuple[float, ...] = ()
    optima: int | None = None
    remark: str = ""

    @property
    def efficacy(self) -> float | None:
        """Mean efficacy in percent; None if nothing was run."""
        return float(np.mean(self.efficacies)) if self.efficacies else None

    @property
    def deviation(self) -> float | None:
        """Deviation of the efficacies over the seeds, that of the population."""
        return float(np.std(self.efficacies)) if self.efficacies else None

    @property
    def mean_seconds(self) -> float | None:
        """Mean searching time; None if nothing was run."""
        return float(np.mean(self.seconds)) if self.seconds else None

    @property
    def seconds_deviation(self) -> float | None:
        """Deviation of the searching times over the seeds."""
        return float(np.std(self.seconds)) if self.seconds else None


def check(trials: Sequence[Trial], setting: Setting) -> None:
    """Refuse what cannot be run before anything runs.

    Raises:
        StrategyError: a strategy, budget or device is unknown or impossible.
    """
    for trial in trials:
        if trial.budget is not None and not 0 < trial.budget < float("inf"):
            raise StrategyError(
                f"A budget of {trial.budget} seconds is not possible; choose a positive number."
            )
        for text in trial.chain:
            parse(text)
    select(setting.device)


def measure(
    trial: Trial,
    matrices: Matrices,
    setting: Setting,
    optima: Sequence[float] = (),
    on_run: OnRun = lambda _doing: None,
) -> Measured:
    """Run a trial on every matrix; one that does not take such matrices says why.

    Args:
        trial: what to run.
        matrices: what to run it on.
        setting: pattern and device.
        optima: the largest retained score of each matrix, where that is known.
        on_run: called before every run.
    """
    runs: list[tuple[float, float, float]] = []
    try:
        _try_out(trial, setting)
        for seed in matrices.seeds:
            on_run(f"{trial.label}, {matrices.label}")
            runs.append(_run(trial, matrices.draw(seed), seed, setting))
    except StrategyError as problem:
        return Measured(matrices.label, trial, remark=str(problem))
    retained, efficacies, seconds = (tuple(part) for part in zip(*runs, strict=True))
    found = sum(
        value >= best * (1 - _SAME) for value, best in zip(retained, optima, strict=False)
    )  # fmt: skip
    return Measured(matrices.label, trial, retained, efficacies, seconds, found if optima else None)


def _try_out(trial: Trial, setting: Setting) -> None:
    """Search a little matrix, so that nothing is compiled or loaded while time is taken."""
    scores = np.random.default_rng(0).random((2, 4 * setting.pattern.m))
    for text in trial.chain:
        search(scores, text, pattern=setting.pattern, budget=0.05, device=setting.device)


def _run(trial: Trial, scores: Scores, seed: int, setting: Setting) -> tuple[float, float, float]:
    """Retained score, efficacy and seconds of the whole chain."""
    problem = SearchProblem.of(scores, setting.pattern)
    order, seconds = np.arange(problem.channels), 0.0
    for text in trial.chain:
        result = search(
            scores[:, order],
            text,
            pattern=setting.pattern,
            seed=seed,
            budget=trial.budget,
            device=setting.device,
        )
        order, seconds = order[result.permutation.order], seconds + result.seconds
    retained = problem.retained(order)
    efficacy = efficacy_percent(problem.baseline, retained, problem.row_optimum)
    return retained, efficacy, seconds
