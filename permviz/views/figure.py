"""The pane of a figure whose plot may be made before the figure has a place on the page."""

from typing import Any

import panel as pn


class Figure(pn.pane.HoloViews):
    """A pane that draws what it shows when told to, and otherwise when it is displayed.

    Drawing is four fifths of the time that it takes to display a figure, and the browser
    takes as long again; made before, the rest can wait until whoever clicked is answered.
    """

    _made: Any = None

    def make(self) -> None:
        """Draw for the page at hand; the plot is used when the pane is displayed there."""
        self._made = super()._render(pn.state.curdoc, None, None)

    @property
    def figures(self) -> list[Any]:
        """Bokeh's figures, one for each place where it is displayed."""
        return [plot.state for plot, _ in self._plots.values()]

    def _render(self, doc: Any, comm: Any, root: Any) -> Any:
        made, self._made = self._made, None
        if made is None or made.document is not doc:
            return super()._render(doc, comm, root)
        made.set_root(root)
        return made
