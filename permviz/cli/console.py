"""Where the command line writes: results on stdout, progress and remarks on stderr."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

_WIDE = 200


def results() -> Console:
    """The console for results; in a pipe nothing is folded to a terminal's width."""
    return _console(width=None if sys.stdout.isatty() else _WIDE)


def remarks() -> Console:
    """The console for progress and remarks."""
    return _console(stderr=True)


def _console(*, width: int | None = None, stderr: bool = False) -> Console:
    # Names come from models and files, so nothing in them may be read as markup.
    return Console(width=width, stderr=stderr, markup=False, highlight=False, emoji=False)


class Advance(Protocol):
    """Moves a progress bar."""

    def __call__(self, doing: str, fraction: float, note: str = "", /) -> None:
        """Show what is being done, the fraction done (0 to 1) and a note behind the bar."""
        ...


@contextmanager
def progress_bar(console: Console) -> Iterator[Advance]:
    """Show one bar while the block runs; call what it gives with text, fraction and a note."""
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %", markup=False),
        TextColumn("{task.fields[note]}", markup=False),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task("", total=1.0, note="")

        def advance(doing: str, fraction: float, note: str = "") -> None:
            bar.update(task, description=doing, completed=fraction, note=note)

        yield advance


def time_left(seconds: float | None) -> str:
    """Say a remaining time as people do: ``2 min 05 s left``; nothing if it is not known.

    >>> time_left(125.0), time_left(3.2), time_left(None)
    ('2 min 05 s left', '4 s left', '')
    """
    if seconds is None:
        return ""
    whole = int(-(-seconds // 1))
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest:02d} s left" if minutes else f"{rest} s left"
