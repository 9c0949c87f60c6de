"""What came of the search, above everything else."""

from typing import Any

import panel as pn
import param

from permviz.views.words import TILES_CSS, summary_html


class SummaryView(pn.viewable.Viewer):
    """Tiles with the figures of the whole model.

    Attributes:
        totals: ModelTotals, or None.
        check: VerifyReport, or None.
        accuracy: AccuracyTable, or None.
    """

    totals = param.Parameter(None, allow_refs=True)
    check = param.Parameter(None, allow_refs=True)
    accuracy = param.Parameter(None, allow_refs=True)

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        told = pn.bind(summary_html, self.param.totals, self.param.check, self.param.accuracy)
        self._layout = pn.pane.HTML(
            told, stylesheets=[TILES_CSS], sizing_mode="stretch_width", margin=(0, 0, 6, 0)
        )

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout
