"""What a user asks of the searches of a model."""

from dataclasses import dataclass

from permviz.core.pattern import NMPattern
from permviz.errors import ScoresError, StrategyError
from permviz.kernels.select import select
from permviz.models.importance import importance_names
from permviz.search.registry import describe, parse
from permviz.search.runner import Limits


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """Which strategies search, for which pattern, and for how long.

    Attributes:
        strategies: texts such as ``osg(stripes=2, escapes=100)``, or a single one; every one
            searches every channel group. Stored as `describe` writes them, each once.
        pattern: the N:M pattern, as text or parsed.
        seed: seed of the random numbers.
        budget: seconds for one strategy over the whole model, shared out over the groups
            by their size; None lets every search converge.
        importance: name of the importance that scores the weights.
        bound: how to bound what any order keeps, as `permviz.search` does; None leaves it at
            what the strategies prove.
        device: where to search, as `permviz.kernels.select.select` knows it: ``auto`` takes a
            GPU for wide layers where there is one.

    Raises:
        StrategyError: no strategy, an unknown one, or an impossible seed, budget, bound or
            device.
        PatternError: the pattern is not N:M.
        ScoresError: the importance is unknown.
    """

    strategies: tuple[str, ...] = ("auto",)
    pattern: NMPattern | str = "2:4"
    seed: int = 0
    budget: float | None = None
    importance: str = "magnitude"
    bound: str | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        texts = (self.strategies,) if isinstance(self.strategies, str) else self.strategies
        named = tuple(dict.fromkeys(describe(parse(text)) for text in texts))
        if not named:
            raise StrategyError("No strategy is chosen; choose at least one, for example auto.")
        Limits(self.seed, self.budget, bound=self.bound)
        select(self.device, threads=1)
        _check_importance(self.importance)
        object.__setattr__(self, "strategies", named)
        object.__setattr__(self, "pattern", NMPattern.parse(self.pattern))

    @property
    def nm(self) -> NMPattern:
        """The parsed pattern."""
        return NMPattern.parse(self.pattern)


def _check_importance(name: str) -> None:
    if name not in importance_names():
        raise ScoresError(
            f"The importance {name!r} is unknown; choose one of {', '.join(importance_names())}."
        )
