"""The work behind the page, one method a step; every one may take seconds.

Methods run in other threads, get a `report(text, fraction)` to say how far they are, and
touch no state. Tests put another `Flow` in its place.

What needs torch is imported by the step that needs it: it takes as long as all else of a
server's first page, which does not wait for it.
"""

import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from permviz.app.garbage import set_libraries_aside
from permviz.app.inbox import Report
from permviz.app.quiet import wait_for_arrival, wait_for_quiet
from permviz.errors import SessionError
from permviz.figures.pair import OrderPair
from permviz.graph.types import ChannelGraph
from permviz.graph.verify_report import VerifyReport
from permviz.kernels import warm
from permviz.kernels.select import cores
from permviz.models.accuracy_report import AccuracyTable
from permviz.models.importance import unit
from permviz.session.comparison import Comparison, comparison
from permviz.session.replay import Replay, layer_replay
from permviz.session.report import (
    LayerRow,
    ModelTotals,
    layer_order,
    layer_rows,
    layer_scores,
    layer_weights,
    model_totals,
)
from permviz.session.session import Session
from permviz.session.settings import SearchSettings

if TYPE_CHECKING:
    from permviz.export.checking import CheckReport
    from permviz.export.report import ExportReport
    from permviz.models.sources import LoadedModel


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A model that is ready to be searched.

    Attributes:
        loaded: the model and where it came from.
        graph: its channel groups.
    """

    loaded: "LoadedModel"
    graph: ChannelGraph = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """What a session has found so far.

    Attributes:
        rows: one a layer.
        totals: of the model.
        comparison: of the strategies.
        layer: that was looked at.
        pair: the chosen layer in both orders; None if it has no scores.
    """

    rows: tuple[LayerRow, ...]
    totals: ModelTotals
    comparison: Comparison
    layer: str
    pair: OrderPair | None


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """An export that was written and checked.

    Attributes:
        opened: the model that was exported.
        report: what was written.
        archive: the same files and the page as one zip.
        page: the report on it, as HTML.
    """

    opened: Opened
    report: "ExportReport"
    archive: bytes = field(repr=False)
    page: bytes = field(repr=False)


class Flow:
    """From a model's name to an export, step by step."""

    def __init__(self) -> None:
        self._scratch: list[tempfile.TemporaryDirectory[str]] = []
        self._pair: OrderPair | None = None

    def suggestions(self) -> tuple[str, ...]:
        """Names of some networks of the libraries that are installed."""
        _let_the_first_page_through()
        from permviz.models.libraries import suggestions

        return suggestions()

    def open(self, name: str, report: Report) -> Opened:
        """Load a model by name and analyse it; a model opened before comes from memory."""
        _let_the_first_page_through()
        return _OPENED.get(name, report)

    def at_hand(self, name: str) -> Opened | None:
        """A model that was opened by its name before, or None."""
        return _OPENED.known(name)

    def open_state(
        self, architecture: str, content: bytes, filename: str, report: Report
    ) -> Opened:
        """Load a checkpoint into a known architecture and analyse it."""
        from permviz.models.sources import load_state

        report(f"reading {filename}", -1.0)
        return analyzed(load_state(architecture, content, filename), report)

    def prepare(self, opened: Opened, settings: SearchSettings) -> Session:
        """Set a search up without running it; all settings are checked here."""
        return Session(opened.graph, settings, giving_way=True)

    def warm(self, report: Report) -> None:
        """Wait for the compiled kernels."""
        if not warm.ready():
            report("loading the search kernels", -1.0)
            warm.ensure()
        set_libraries_aside()

    def warm_in_time(self, report: Report) -> None:
        """Have the compiled kernels ready for a first search, once the page has been drawn."""
        wait_for_quiet()
        self.warm(report)

    def findings(self, session: Session, layer: str, strategy: str | None) -> Findings:
        """Sum up what a session has found so far, with a look at one layer."""
        rows = layer_rows(session)
        return Findings(
            rows,
            model_totals(session, rows),
            comparison(session, rows),
            layer,
            self.pair(session, layer, strategy),
        )

    def pair(self, session: Session, layer: str, strategy: str | None) -> OrderPair | None:
        """One layer as given and as permuted; None if the pattern does not apply to it.

        Args:
            session: whose orders are shown.
            layer: name of the layer; None is returned for an unknown one.
            strategy: whose order to show; None for the best of each group.
        """
        known = {known.name: known for known in session.graph.layers}
        if layer not in known or layer in session.dense:
            return None
        asked = OrderPair(
            layer=layer,
            scores=layer_scores(session, layer),
            order=layer_order(session, layer, strategy),
            pattern=session.settings.nm,
            weights=layer_weights(session, layer),
            unit=unit(session.settings.importance),
        )
        last = self._pair
        if last is not None and last.of_same_layer(asked):
            asked = last.reordered(asked.order)
        self._pair = found = asked.prepared()
        return found

    def replay(self, session: Session, layer: str, strategy: str | None) -> Replay:
        """A layer's search, to be watched again."""
        found = layer_replay(session, layer, strategy)
        if found is None:
            raise SessionError(f"No search of {layer} has ended yet, so there is none to replay.")
        return found

    def compare(self, opened: Opened, session: Session) -> VerifyReport:
        """Compare the output of the model in its best order with the model's."""
        from permviz.graph.apply import apply
        from permviz.graph.verify import verify
        from permviz.session.plan import session_plan

        # Searches that were cancelled still tell what they have found.
        session.wait(_ENDING)
        plan = session_plan(session)
        model, inputs = opened.loaded.model, opened.loaded.example_inputs
        with _leaving_a_core():
            return verify(model, apply(model, plan), inputs)

    def accuracy(self, opened: Opened, session: Session, report: Report) -> AccuracyTable:
        """Measure the model dense, pruned, permuted and pruned, and in random orders."""
        from permviz.models.accuracy import accuracy_table
        from permviz.session.plan import session_plan

        return accuracy_table(
            opened.loaded,
            opened.graph,
            session_plan(session),
            importance=session.settings.importance,
            seed=session.settings.seed,
            on_progress=lambda what, fraction: report(f"accuracy: {what}", fraction),
        )

    def export(
        self, opened: Opened, session: Session, order: "ExportOrder", report: Report
    ) -> Packed:
        """Write an export, read it back, and pack it for download."""
        from permviz.export.archive import archive
        from permviz.export.checkpoint import Details, export
        from permviz.export.html import write_page
        from permviz.session.plan import session_plan

        report("planning", 0.0)
        directory = order.directory or self._scratch_directory(opened.loaded.name)
        with _leaving_a_core():
            written = export(
                opened.loaded.model,
                session_plan(session, order.strategy),
                directory,
                importance=session.settings.importance,
                example_inputs=opened.graph.example_inputs,
                details=Details(opened.graph, order.accuracy, session),
                on_progress=report,
            )
        report("packing", 0.95)
        page = write_page(directory).read_bytes()
        return Packed(opened, written, archive(directory).getvalue(), page)

    def verify_export(self, packed: Packed) -> "CheckReport":
        """Read an export back and compare it with the model it was made of."""
        from permviz.export.checking import check

        opened = packed.opened
        with _leaving_a_core():
            return check(packed.report.directory, opened.loaded.model, opened.graph.example_inputs)

    def close(self) -> None:
        """Remove exports that were made for download only."""
        while self._scratch:
            self._scratch.pop().cleanup()

    def _scratch_directory(self, name: str) -> Path:
        self._scratch.append(tempfile.TemporaryDirectory(prefix="permviz-"))
        return Path(self._scratch[-1].name) / f"permviz-{name}"


@dataclass(frozen=True, slots=True)
class ExportOrder:
    """What an export should be.

    Attributes:
        strategy: whose orders, for all groups or by group; None for the best of each group.
        directory: on the server; None for a temporary one.
        accuracy: to be told in the report, if it was measured.
    """

    strategy: Mapping[str, str] | str | None
    directory: Path | None
    accuracy: AccuracyTable | None


def _let_the_first_page_through() -> None:
    """Put the import of torch off until the page is there that asks for it.

    It holds the interpreter's lock for a second or two.
    """
    if "torch" not in sys.modules:
        wait_for_arrival()


_ENDING = 2.0
"""Seconds, more than enough for cancelled searches to end."""

_MOST = 6
"""How many opened models are kept in memory."""


class _OpenedModels:
    """Models opened by name, shared by all pages: nothing ever changes them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._opened: dict[str, Opened] = {}
        self._given: dict[str, LoadedModel] = {}

    def give(self, loaded: "LoadedModel") -> None:
        self._given[loaded.name] = loaded

    def known(self, name: str) -> Opened | None:
        return self._opened.get(name)

    def get(self, name: str, report: Report) -> Opened:
        from permviz.models.sources import load_model

        if name not in self._opened:
            report(f"loading {name}", -1.0)
        with self._lock:
            found = self._opened.get(name)
            if found is None:
                loaded = self._given.get(name) or load_model(name)
                found = self._opened[name] = analyzed(loaded, report)
                # Names come from visitors, and a server has only so much memory.
                while len(self._opened) > _MOST:
                    del self._opened[next(iter(self._opened))]
            return found


_OPENED = _OpenedModels()


def remember(loaded: "LoadedModel") -> None:
    """Let every page of this server open a model that is in memory, by its name."""
    _OPENED.give(loaded)


def analyzed(loaded: "LoadedModel", report: Report) -> Opened:
    """Find out how the channels of a loaded model are coupled."""
    from permviz.graph.analyze import analyze

    with _leaving_a_core():
        return Opened(loaded, analyze(loaded.model, loaded.example_inputs, on_progress=report))


def _leaving_a_core() -> AbstractContextManager[None]:
    """Have torch leave one core to the page.

    Its threads wait for each other by spinning: with one too many, all take three times as long.
    """
    from permviz.models.threads import torch_threads

    return torch_threads(max(1, cores() - 1))
