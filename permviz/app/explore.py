"""The explorer's content for notebooks, and for serving with a model of one's own."""

from typing import Any

from permviz.app.flow import Flow, Opened, analyzed
from permviz.app.inbox import Report
from permviz.app.page import Page, announce
from permviz.app.state import Explorer
from permviz.errors import SourceError
from permviz.models.sources import LoadedModel
from permviz.views.notebook import load


def explore(model: Any = None, example_inputs: Any = None) -> Page:
    """Open the explorer on a model, to be displayed in a notebook or served.

    Args:
        model: a `torch.nn.Module`, the name of a known model, or None for the digits demo.
        example_inputs: what a module is called with: a tensor, a tuple or a dict.

    Raises:
        SourceError: a module was given without example inputs.
    """
    load()
    if model is None or isinstance(model, str):
        state = Explorer(model=model or "digits")
    elif example_inputs is None:
        raise SourceError(
            "A module can only be analysed with inputs to call it with; "
            "pass example_inputs, for example one batch."
        )
    else:
        state = Explorer(flow=_GivenFlow(model, example_inputs), model=type(model).__name__)
    announce(state)
    state.begin()
    page = Page(state)
    page.tick()
    return page


class _GivenFlow(Flow):
    """The flow of a model that is in memory already."""

    def __init__(self, model: Any, example_inputs: Any) -> None:
        super().__init__()
        name = type(model).__name__
        about = f"{name}, as given to explore()."
        self._given = LoadedModel(name, model, example_inputs, None, about)

    def at_hand(self, name: str) -> Opened | None:
        """The given model is analysed whatever another of its name was."""
        return None if name == self._given.name else super().at_hand(name)

    def open(self, name: str, report: Report) -> Opened:
        """Analyse the given model for its own name; other names are looked up as always."""
        if name == self._given.name:
            return analyzed(self._given, report)
        return super().open(name, report)
