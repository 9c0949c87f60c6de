"""What is chosen and what was found, as plain parameters; no Panel here.

The user's choices are ordinary parameters. Everything else is set by `drain` alone, which
the page calls every 50 ms in its own thread: it takes what the jobs and the search have
posted since and applies it as one batch, so views never see half of a change.
"""

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import param

from permviz.app.flow import ExportOrder, Findings, Flow, Opened, Packed
from permviz.app.inbox import Advanced, Failed, Inbox, Message, Report
from permviz.app.run import Run
from permviz.app.shown import Shown
from permviz.app.values import BEST, CHOSEN, Task, largest, nothing_found
from permviz.errors import SessionError
from permviz.figures.pair import OrderPair
from permviz.graph.verify_report import VerifyReport
from permviz.session.session import Session

_LOADS = ("open", "upload")
_JUDGEMENTS = ("preview", "findings", "pair", "replay", "check", "accuracy")


class Explorer(Shown):
    """State of one page.

    Args:
        flow: the work behind it.
        params: initial choices.
    """

    def __init__(self, flow: Flow | None = None, **params: Any) -> None:
        super().__init__(**params)
        self._flow = flow or Flow()
        self._inbox = Inbox()
        self._run: Run | None = None
        self._later: deque[Callable[[], None]] = deque()
        self._wanted = False

    # What the user does

    def begin(self) -> None:
        """Show `model` at once if it is in memory, else load it.

        What is known before a page is served needs to be drawn only once.
        """
        self._inbox.start("suggestions", "", lambda _: self._flow.suggestions())
        opened = self._flow.at_hand(self.model)
        if opened is None:
            self.load()
            return
        self.opened = opened
        with self.notifying():
            session = self._flow.prepare(opened, self.settings())
            self._on_prepared(session)
            self._on_findings(self._flow.findings(session, self.layer, _order(self.shown)))
            self._searching().findings_due()

    def load(self) -> None:
        """Load and analyse `model` by its name; on failure what was loaded stays."""
        name = self.model
        self._inbox.start("open", f"loading {name}", lambda report: self._flow.open(name, report))

    def load_file(self, architecture: str, content: bytes, filename: str) -> None:
        """Load a checkpoint into a known architecture; on failure what was loaded stays."""

        def work(report: Report) -> Opened:
            return self._flow.open_state(architecture, content, filename, report)

        self._inbox.start("upload", f"reading {filename}", work)

    def start(self) -> None:
        """Search the loaded model with the chosen settings, in place of any earlier search.

        While one is being loaded, that one, as soon as it is there.
        """
        if any(self._inbox.busy(kind) for kind in _LOADS):
            self._wanted = True
            waiting = Task("start", "starting once the model is loaded", -1.0)
            self.tasks = (*self._others("start"), waiting)
            return
        opened = self.opened
        with self.notifying():
            if opened is None:
                raise SessionError("No model is loaded yet; choose a model first.")
            settings = self.settings()

            def work(report: Report) -> Session:
                self._flow.warm(report)
                report("preparing the search", -1.0)
                return self._flow.prepare(opened, settings)

            self._inbox.start("start", "preparing the search", work)

    def pause(self) -> None:
        """Hold the search."""
        self._command(Session.pause)

    def resume(self) -> None:
        """Let a held search go on."""
        self._command(Session.resume)

    def cancel(self) -> None:
        """End the search with the best found so far."""
        if self._wanted or self._inbox.busy("start"):
            self._not_started()
            return
        self._command(Session.cancel)

    def export(self, choice: str, directory: str) -> None:
        """Export the orders of one strategy, the best of each group, or the chosen ones.

        Args:
            choice: text of a strategy, `BEST` or `CHOSEN`.
            directory: on the server; empty for one that exists for the download only.
        """
        with self.notifying():
            run = self._searching()
            order = ExportOrder(
                dict(self.choice) if choice == CHOSEN else _order(choice),
                Path(directory.strip()) if directory.strip() else None,
                self.accuracy if choice == BEST else None,
            )
            self._inbox.start(
                "export",
                "exporting",
                lambda report: self._flow.export(run.opened, run.session, order, report),
            )

    def watch_again(self) -> None:
        """Replay the search of the chosen layer whose order is shown."""
        with self.notifying():
            session, layer, shown = self._searching().session, self.layer, _order(self.shown)
            self._inbox.start("replay", "", lambda _: self._flow.replay(session, layer, shown))

    def verify_export(self) -> None:
        """Read the latest export back once more, against the model it was made of."""
        packed = self.packed
        if packed is not None:
            self._inbox.start("verify", "verifying", lambda _: self._flow.verify_export(packed))

    def close(self) -> None:
        """End all work of this page."""
        self._inbox.close()
        self._leave()
        self._flow.close()

    # What the page's clock does

    def drain(self) -> None:
        """Apply everything that was posted since the last call, as one batch."""
        with param.parameterized.batch_call_watchers(self):
            for message in self._inbox.drain():
                self._hear(message)
            if self._run is not None:
                self._follow(self._run)

    @param.depends("pattern", "importance", watch=True)
    def _preview(self) -> None:
        """Show what the settings mean for the model, as long as nothing was searched."""
        if self.opened is not None and self.status in {"empty", "ready"}:
            self._prepare(self.opened)

    @param.depends("layer", "shown", watch=True)
    def _look(self) -> None:
        """Show another layer or order: the heatmaps in a moment, the curves at once."""
        run, layer, shown = self._run, self.layer, self.shown
        if run is None or not self.rows:
            return
        tracks = run.tracks(self._groups(), self.strategies)
        self.param.update(tracks=tracks, replay=None)
        self._inbox.start("pair", "", lambda _: self._flow.pair(run.session, layer, _order(shown)))

    def _hear(self, message: Message) -> None:
        others = self._others(message.kind)
        if isinstance(message, Advanced):
            self.tasks = (*others, Task(message.kind, message.text, message.fraction))
            return
        self.tasks = others
        if isinstance(message, Failed):
            self._on_failed(message)
        else:
            self._handlers[message.kind](message.value)

    @property
    def _handlers(self) -> dict[str, Callable[[Any], None]]:
        return {
            "open": lambda opened: self._on_opened(opened, uploaded=False),
            "upload": lambda opened: self._on_opened(opened, uploaded=True),
            "suggestions": lambda names: setattr(self, "suggestions", names),
            "preview": self._on_prepared,
            "start": self._on_started,
            "warm": lambda _: None,
            "findings": self._on_findings,
            "pair": lambda pair: self._on_pair(pair, self.layer),
            "replay": lambda found: setattr(self, "replay", found),
            "check": self._on_checked,
            "accuracy": lambda table: setattr(self, "accuracy", table),
            "export": self._on_exported,
            "verify": lambda report: self.tell("success", " ".join(report.checks)),
        }

    def _follow(self, run: Run) -> None:
        run.collect()
        for message in run.failures():
            self.tell("warning", message)
        if not self._follow_status(run) and run.progress_due():
            self.progress = run.session.progress
        groups, strategies = self._groups(), tuple(self.strategies)
        if run.tracks_due((groups, strategies)):
            self.tracks = run.tracks(groups, strategies)
        # Each of these redraws something; one at a time keeps the page quick to answer.
        if self._later:
            self._later.popleft()()
        elif not self._inbox.busy("findings") and run.findings_due():
            layer, shown = self.layer, _order(self.shown)
            self._inbox.start(
                "findings", "", lambda _: self._flow.findings(run.session, layer, shown)
            )

    def _on_failed(self, message: Failed) -> None:
        self.tell("error", message.message)
        if message.kind in _LOADS and self._wanted:
            self._not_started()
        if message.kind == "open" and self.opened is not None:
            self.model = self.opened.loaded.name

    def _on_opened(self, opened: Opened, *, uploaded: bool) -> None:
        wanted = self._wanted
        self._not_started()
        self._drop_judgements()
        self._leave()
        name = opened.loaded.name
        self.param.update(**nothing_found(), opened=opened, uploaded=uploaded, model=name)
        self._prepare(opened)
        if wanted:
            self.start()

    def _prepare(self, opened: Opened) -> None:
        with self.notifying():
            settings = self.settings()
            self._inbox.start(
                "preview", "reading the weights", lambda _: self._flow.prepare(opened, settings)
            )

    def _on_prepared(self, session: Session) -> None:
        self._leave()
        self._run = Run(self.opened, session)
        self.param.update(
            searched=session.settings.strategies, progress=session.progress, status=session.status
        )
        self._inbox.start("warm", "", self._flow.warm_in_time)

    def _on_started(self, session: Session) -> None:
        self._drop_judgements()
        with self.notifying():
            self._on_prepared(session)
            self.param.update(check=None, accuracy=None, replay=None, shown=BEST, choice={})
            session.start()

    def _command(self, command: Callable[[Session], None]) -> None:
        """Have the search do something, and show at once that it does."""
        with self.notifying():
            run = self._searching()
            command(run.session)
            self._follow_status(run)

    def _follow_status(self, run: Run) -> bool:
        status = run.session.status
        if status == self.status:
            return False
        self.param.update(status=status, progress=run.session.progress)
        if status in {"finished", "cancelled"}:
            self._inbox.start(
                "check",
                "checking the output",
                lambda _: self._flow.compare(run.opened, run.session),
                patient=True,
            )
        return True

    def _on_findings(self, found: Findings) -> None:
        self.param.update(rows=found.rows, totals=found.totals, comparison=found.comparison)
        if self.layer not in {row.name for row in found.rows}:
            self.layer = largest(found.rows)
        self._later.append(lambda: self._on_pair(found.pair, found.layer))

    def _on_pair(self, pair: OrderPair | None, layer: str) -> None:
        if self.layer == (layer if pair is None else pair.layer):
            self.pair = pair

    def _on_checked(self, report: VerifyReport) -> None:
        self.check = report
        if not report.ok:
            self.tell("error", report.message)
        run = self._run
        if run is not None and run.opened.loaded.data is not None:
            self._inbox.start(
                "accuracy",
                "measuring the accuracy",
                lambda report: self._flow.accuracy(run.opened, run.session, report),
                patient=True,
            )

    def _on_exported(self, packed: Packed) -> None:
        self.packed = packed
        self.tell("success", packed.report.message)

    # Small questions

    def _searching(self) -> Run:
        if self._run is None:
            raise SessionError("There is no search yet; load a model and start one.")
        return self._run

    def _groups(self) -> tuple[str, ...]:
        return next((row.groups for row in self.rows if row.name == self.layer), ())

    def _others(self, kind: str) -> tuple[Task, ...]:
        return tuple(task for task in self.tasks if task.kind != kind)

    def _not_started(self) -> None:
        """Let go of a search that is to begin."""
        self._wanted = False
        self._inbox.forget("start")
        self.tasks = self._others("start")

    def _drop_judgements(self) -> None:
        """Stop listening to jobs that judge what is about to be replaced."""
        for kind in _JUDGEMENTS:
            self._inbox.forget(kind)
        self._later.clear()
        self.tasks = tuple(task for task in self.tasks if task.kind not in _JUDGEMENTS)

    def _leave(self) -> None:
        if self._run is not None:
            self._run.close()
            self._run = None


def _order(shown: str) -> str | None:
    return None if shown == BEST else shown
