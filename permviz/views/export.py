"""Export: whose orders, where to, and what sparse tensor cores can run of it."""

import io
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import pandas as pd
import panel as pn
import param

from permviz.core.pattern import NMPattern
from permviz.export.deployability import deployability
from permviz.export.names import FORMATS
from permviz.session.report import LayerRow
from permviz.views.menu import Menu
from permviz.views.sight import Sighted
from permviz.views.table import TABLE_CSS, TOLD_WHOLE, words


def deployability_frame(rows: Sequence[LayerRow], pattern: NMPattern | str) -> pd.DataFrame:
    """One line a layer: in which number formats it runs sparse, and what is in the way."""
    judged = [
        deployability(
            row.sides,
            pattern,
            conv_groups=row.conv_groups,
            dense_because=row.reason if row.status == "dense" else "",
        )
        for row in rows
    ]
    return pd.DataFrame(
        {
            "layer": words(row.name for row in rows),
            "runs sparse in": words(", ".join(fit.targets) or "nothing" for fit in judged),
            "what is in the way": words(" ".join(fit.reasons) for fit in judged),
        }
    )


class ExportView(Sighted):
    """Chooses, starts and hands out an export; the work is the callbacks'.

    Attributes:
        rows: LayerRow of each layer.
        pattern: the N:M pattern of the search.
        orders: texts that may be exported; a new first one is taken at once.
        packed: the latest export that was written and checked, or None.
        busy: whether one is being written.
    """

    rows = param.Parameter((), allow_refs=True)
    pattern = param.Parameter("2:4", allow_refs=True)
    orders = param.List([], allow_refs=True)
    packed = param.Parameter(None, allow_refs=True)
    busy = param.Boolean(False, allow_refs=True)

    def __init__(
        self,
        on_export: Callable[[str, str], None],
        on_verify: Callable[[], None],
        **params: Any,
    ) -> None:
        super().__init__(**params)
        self._order = Menu(label="Order to export", options=list(self.orders))
        formats = pn.widgets.CheckBoxGroup(
            label="Formats", options=list(FORMATS), value=list(FORMATS), disabled=True
        )
        self._directory = pn.widgets.TextInput(
            label="Directory on the server (optional)",
            placeholder="empty: only for download",
            sizing_mode="stretch_width",
        )
        self._export = pn.widgets.Button(label="Export and check", color="primary")
        self._export.on_click(lambda _: on_export(self._order.value, self._directory.value))
        self._verify = pn.widgets.Button(label="Verify again", disabled=True)
        self._verify.on_click(lambda _: on_verify())
        self._download = pn.widgets.FileDownload(
            callback=self._archive,
            filename="permviz.zip",
            label="Download zip",
            color="success",
            disabled=True,
        )
        self._page = pn.widgets.FileDownload(
            callback=self._report,
            filename="report.html",
            label="Download report",
            disabled=True,
        )
        self._table = pn.widgets.Tabulator(
            deployability_frame(self.rows, self.pattern),
            show_index=False,
            disabled=True,
            layout="fit_data_stretch",
            height=340,
            pagination=None,
            stylesheets=[TABLE_CSS],
            configuration=TOLD_WHOLE,
            sizing_mode="stretch_width",
        )
        self._offer()
        self._hand_out()
        self._layout = pn.Column(
            pn.Row(
                pn.Column(self._order, formats, width=300),
                pn.Column(
                    self._directory,
                    pn.Row(self._export, self._verify, self._download, self._page),
                    sizing_mode="stretch_width",
                ),
                sizing_mode="stretch_width",
            ),
            pn.pane.HTML(pn.bind(export_sentence, self.param.packed, busy=self.param.busy)),
            pn.pane.Markdown("#### What sparse tensor cores can run"),
            self._table,
            sizing_mode="stretch_width",
        )

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    @param.depends("orders", watch=True)
    def _offer(self) -> None:
        first = next(iter(self.orders), None)
        stays = first in self._order.options and self._order.value in self.orders
        chosen = self._order.value if stays else first
        self._order.param.update(options=list(self.orders), value=chosen)

    @param.depends("rows", "pattern", "seen", watch=True)
    def _judge(self) -> None:
        if not self.seen:
            return
        frame = deployability_frame(self.rows, self.pattern)
        if not frame.equals(self._table.value):
            self._table.value = frame

    @param.depends("packed", "busy", watch=True)
    def _hand_out(self) -> None:
        self._export.disabled = self.busy
        nothing = self.packed is None or self.busy
        self._verify.disabled = self._download.disabled = self._page.disabled = nothing
        if self.packed is not None:
            name = self.packed.report.directory.name
            self._download.filename, self._page.filename = f"{name}.zip", f"{name}.html"

    def _archive(self) -> io.BytesIO:
        return io.BytesIO(b"" if self.packed is None else self.packed.archive)

    def _report(self) -> io.BytesIO:
        return io.BytesIO(b"" if self.packed is None else self.packed.page)


def export_sentence(packed: Any, *, busy: bool) -> str:
    """What the latest export is, in a sentence of HTML."""
    if busy:
        return "Exporting; it is read back and checked before it counts."
    if packed is None:
        return "Nothing exported yet."
    return f"<b>Checked.</b> {escape(packed.report.message)}"
