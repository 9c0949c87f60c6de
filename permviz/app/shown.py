"""Everything that a page shows, as parameters; what changes them is the state's."""

from collections.abc import Iterator
from contextlib import contextmanager

import param

from permviz.app.values import BEST, STRATEGIES, TABS, Level, Notice
from permviz.errors import PermvizError
from permviz.models.importance import importance_names
from permviz.session.comparison import NOTHING
from permviz.session.settings import SearchSettings


class Shown(param.Parameterized):
    """Choices of the user, and below them what was found."""

    model = param.String("digits", doc="Name of the model that is asked for.")
    pattern = param.String("2:4")
    importance = param.Selector(default="magnitude", objects=list(importance_names()))
    strategies = param.List(list(STRATEGIES))
    seed = param.Integer(0, bounds=(0, None))
    device = param.String("auto", doc="Where to search.")
    budget = param.Number(10.0, bounds=(0.01, None), allow_None=True, doc="Seconds a strategy.")
    layer = param.String("", doc="Name of the layer that is looked at.")
    shown = param.String(BEST, doc="Whose order is looked at: BEST or a strategy's text.")
    choice = param.Dict({}, doc="Strategy by channel group; the best where none is named.")
    tab = param.Selector(default="Layers", objects=list(TABS))

    suggestions = param.Parameter((), doc="Names of some networks of the libraries.")
    uploaded = param.Boolean(False, doc="Whether the loaded weights came from a file.")
    opened = param.Parameter(None, doc="Opened: the model that is loaded.")
    status = param.String("empty", doc="Status of the search, or empty.")
    searched = param.Parameter((), doc="Texts of the strategies in the session.")
    progress = param.Parameter(None, doc="Progress of the search.")
    rows = param.Parameter((), doc="LayerRow of each layer.")
    totals = param.Parameter(None, doc="ModelTotals.")
    comparison = param.Parameter(NOTHING, doc="Comparison of the strategies.")
    pair = param.Parameter(None, doc="OrderPair of the chosen layer.")
    replay = param.Parameter(None, doc="Replay of the chosen layer's search that is watched.")
    tracks = param.Parameter({}, doc="Track of each strategy on the chosen layer's group.")
    check = param.Parameter(None, doc="VerifyReport of the best plan.")
    accuracy = param.Parameter(None, doc="AccuracyTable of the best plan.")
    packed = param.Parameter(None, doc="Packed: the latest export.")
    tasks = param.Parameter((), doc="Task of each job under way.")
    notice = param.Parameter(None, doc="Notice to show.")

    def settings(self) -> SearchSettings:
        """What the choices of the user ask the search for."""
        return SearchSettings(
            strategies=tuple(self.strategies),
            pattern=self.pattern,
            seed=self.seed,
            budget=self.budget,
            importance=self.importance,
            device=self.device,
        )

    def tell(self, level: Level, text: str) -> None:
        """Show a notice."""
        number = 1 if self.notice is None else self.notice.number + 1
        self.notice = Notice(level, text, number)

    @contextmanager
    def notifying(self) -> Iterator[None]:
        """Turn what is raised on purpose into a notice."""
        try:
            yield
        except PermvizError as problem:
            self.tell("error", str(problem))
