"""What several strategies have found on the same layers, side by side.

A strategy orders channel groups, not layers: layers that share a group share its order, and
so does every choice between strategies. A group's winner retains most over all its readers
together, so a single layer may have another one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from permviz.core.score import efficacy_percent
from permviz.errors import SessionError
from permviz.search.result import SearchResult
from permviz.session.report import LayerRow, best_order
from permviz.session.session import Session

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ComparedLayer:
    """One layer under every strategy that has searched it.

    Attributes:
        name: of the layer.
        groups: its channel groups that were searched.
        default: retained without permutation.
        row_optimum: retained that nothing can exceed.
        retained: retained by each strategy.
    """

    name: str
    groups: tuple[str, ...]
    default: float
    row_optimum: float
    retained: Mapping[str, float]

    @property
    def room(self) -> float:
        """What could be gained at most, in units of the scores: the layer's weight in a mean."""
        return max(0.0, self.row_optimum - self.default)

    @property
    def winner(self) -> str:
        """The strategy that retains most on this layer; the first of equals."""
        return _first_of_the_best(self.retained)

    def efficacy(self, strategy: str) -> float:
        """Efficacy of one strategy on this layer, in percent."""
        return efficacy_percent(self.default, self.retained[strategy], self.row_optimum)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Strategies on layers.

    Attributes:
        strategies: texts of the strategies, in the order of the search.
        layers: those that are searched, perhaps by no strategy yet, in the order of execution.
        seconds: searching time of the searches that ended, by (group, strategy).
        best: the strategy that retains most over all readers of a group, by group.
    """

    strategies: tuple[str, ...]
    layers: tuple[ComparedLayer, ...]
    seconds: Mapping[Key, float] = field(repr=False)
    best: Mapping[str, str] = field(repr=False)

    @property
    def begun(self) -> bool:
        """Whether any strategy has searched any layer."""
        return any(layer.retained for layer in self.layers)

    def sharing(self, layer: str) -> tuple[str, ...]:
        """Other layers that share a channel group with this one, and so its order."""
        mine = next((set(one.groups) for one in self.layers if one.name == layer), set[str]())
        return tuple(
            one.name for one in self.layers if one.name != layer and mine & set(one.groups)
        )

    def group_efficacy(self, group: str) -> float:
        """Efficacy of a group's best strategy over all its readers together, in percent.

        NaN before any search of it.
        """
        best = self.best.get(group, "")
        readers = [one for one in self.layers if group in one.groups and best in one.retained]
        if not readers:
            return float("nan")
        return efficacy_percent(
            sum(one.default for one in readers),
            sum(one.retained[best] for one in readers),
            sum(one.row_optimum for one in readers),
        )

    def chosen(self, choice: Mapping[str, str]) -> dict[str, str]:
        """The strategy of every group: the chosen one, or else the best."""
        return {group: choice.get(group, best) for group, best in self.best.items()}

    def choose(self, choice: Mapping[str, str], layer: str, strategy: str) -> dict[str, str]:
        """A choice with another strategy for all groups of one layer.

        Raises:
            SessionError: the layer or the strategy is not among the compared.
        """
        one = next((one for one in self.layers if one.name == layer), None)
        if one is None or strategy not in one.retained:
            raise SessionError(
                f"{strategy!r} has not searched {layer!r}; choose one of "
                f"{', '.join(one.retained if one is not None else self.strategies)} "
                f"on one of {', '.join(known.name for known in self.layers)}."
            )
        return {**choice, **dict.fromkeys(one.groups, strategy)}


NOTHING = Comparison((), (), {}, {})
"""The comparison before any search."""


def comparison(session: Session, rows: Sequence[LayerRow]) -> Comparison:
    """Compare the strategies of a session, running or ended, on its layers.

    Args:
        session: whose searches are compared.
        rows: what `layer_rows` found for it.
    """
    results = session.results
    best = {group: _best(session, group, results) for group in session.problems}
    return Comparison(
        strategies=session.settings.strategies,
        layers=tuple(layer for row in rows if (layer := _layer(row, best)) is not None),
        seconds={key: result.seconds for key, result in results.items()},
        best={group: strategy for group, strategy in best.items() if strategy},
    )


def _best(session: Session, group: str, results: Mapping[Key, SearchResult]) -> str:
    """The best strategy of a group so far, from the results where all are there."""
    texts = session.settings.strategies
    if all((group, text) in results for text in texts):
        return _first_of_the_best({text: results[group, text].retained for text in texts})
    found = best_order(session, group)
    return "" if found is None else found[0]


def _layer(row: LayerRow, searched: Mapping[str, object]) -> ComparedLayer | None:
    groups = tuple(group for group in row.groups if group in searched)
    if not groups or row.status == "dense":
        return None
    return ComparedLayer(row.name, groups, row.default, row.row_optimum, dict(row.by_strategy))


def _first_of_the_best(retained: Mapping[str, float]) -> str:
    """The first strategy that nothing beats by more than rounding; empty without any."""
    most = max(retained.values(), default=0.0)
    return next((name for name, kept in retained.items() if kept >= most * (1 - 1e-9)), "")


def compared(results: Mapping[str, Sequence[SearchResult]]) -> Comparison:
    """Compare searches of single matrices; each matrix is a layer with a group of its own.

    Args:
        results: by the matrix's name, the results of its strategies; of several results of
            one strategy, say with other seeds, the best one counts.

    Raises:
        SessionError: the results of a matrix are not about the same scores.
    """
    by_label = {name: _by_label(name, found) for name, found in results.items() if found}
    layers = tuple(_matrix(name, found) for name, found in by_label.items())
    return Comparison(
        strategies=tuple(dict.fromkeys(label for found in by_label.values() for label in found)),
        layers=layers,
        seconds={
            (name, label): one.seconds
            for name, found in by_label.items()
            for label, one in found.items()
        },
        best={layer.name: layer.winner for layer in layers},
    )


def _by_label(name: str, found: Sequence[SearchResult]) -> dict[str, SearchResult]:
    """The best result of each strategy, all of them about one matrix."""
    first = found[0]
    best: dict[str, SearchResult] = {}
    for one in found:
        if (one.baseline, one.row_optimum) != (first.baseline, first.row_optimum):
            raise SessionError(
                f"{first.label} and {one.label} did not search the same scores of {name!r}; "
                "compare searches of one matrix, with one pattern."
            )
        if one.label not in best or one.retained > best[one.label].retained:
            best[one.label] = one
    return best


def _matrix(name: str, found: Mapping[str, SearchResult]) -> ComparedLayer:
    first = next(iter(found.values()))
    retained = {label: one.retained for label, one in found.items()}
    return ComparedLayer(name, (name,), first.baseline, first.row_optimum, retained)
