"""Work in other threads, whose outcome the page's own thread collects in batches.

A job never touches state. It posts what it has to say into a deque; `drain` hands the
messages to the page's thread, in order. Starting a job of some kind makes an unfinished
older one of the same kind stale: whatever that still posts is dropped. Patient jobs give way
to all others, and end as soon as they are stale.
"""

import itertools
import logging
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from permviz.app.quiet import wait_for_quiet
from permviz.errors import PermvizError
from permviz.session.threads import give_way

_LOG = logging.getLogger(__name__)
_WORKERS = 4

Report = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Advanced:
    """A job got further.

    Attributes:
        kind: of the job.
        text: what it is doing.
        fraction: how much is done, 0 to 1; negative if unknown.
    """

    kind: str
    text: str
    fraction: float


@dataclass(frozen=True, slots=True)
class Succeeded:
    """A job returned.

    Attributes:
        kind: of the job.
        value: what it returned.
    """

    kind: str
    value: Any


@dataclass(frozen=True, slots=True)
class Failed:
    """A job raised.

    Attributes:
        kind: of the job.
        message: one or two sentences for the user.
    """

    kind: str
    message: str


Message = Advanced | Succeeded | Failed


class _StaleError(Exception):
    """Nobody waits for the job any more."""


class Inbox:
    """Runs jobs on a few threads and keeps their messages until they are drained."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="permviz-page")
        self._patient = ThreadPoolExecutor(
            1, thread_name_prefix="permviz-patient", initializer=give_way
        )
        self._messages: deque[tuple[int, Message]] = deque()
        self._tickets = itertools.count()
        self._current: dict[str, int] = {}

    def start(
        self, kind: str, text: str, work: Callable[[Report], Any], *, patient: bool = False
    ) -> None:
        """Run `work(report)` in another thread, in place of any older job of its kind.

        Args:
            kind: of the job.
            text: what it is doing.
            work: the job; it is given what it reports its progress to.
            patient: run patient jobs one by one, and let the system prefer all other threads;
                they wait in a report while somebody acts, and it ends them once they are stale.
        """
        ticket = self._current[kind] = next(self._tickets)
        self._messages.append((ticket, Advanced(kind, text, -1.0)))

        def report(text: str, fraction: float) -> None:
            if patient:
                wait_for_quiet()
                if self._current.get(kind) != ticket:
                    raise _StaleError
            self._messages.append((ticket, Advanced(kind, text, fraction)))

        pool = self._patient if patient else self._pool
        pool.submit(self._run, ticket, kind, partial(work, report))

    def forget(self, kind: str) -> None:
        """Drop whatever an unfinished job of this kind still has to say."""
        self._current.pop(kind, None)

    def busy(self, kind: str) -> bool:
        """Whether a job of this kind has yet to be heard out."""
        return kind in self._current

    def drain(self) -> Iterator[Message]:
        """Take the messages of jobs that matter, oldest first.

        Each is judged when its turn comes: what the one before it has done may have made it stale.
        """
        # What is posted meanwhile waits for the next call.
        for _ in range(len(self._messages)):
            ticket, message = self._messages.popleft()
            if self._current.get(message.kind) != ticket:
                continue
            if not isinstance(message, Advanced):
                del self._current[message.kind]
            yield message

    def close(self) -> None:
        """Let running jobs end unheard and start no further ones."""
        self._current.clear()
        for pool in (self._pool, self._patient):
            pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, ticket: int, kind: str, work: Callable[[], Any]) -> None:
        try:
            message: Message = Succeeded(kind, work())
        except _StaleError:
            return
        except PermvizError as problem:
            message = Failed(kind, str(problem))
        except Exception as problem:  # noqa: BLE001 - a thread must say how it ended
            _LOG.exception("The job %r failed", kind)
            message = Failed(
                kind,
                f"Something unexpected went wrong ({type(problem).__name__}: {problem}); "
                "nothing was lost, and the server's log has the details.",
            )
        self._messages.append((ticket, message))
