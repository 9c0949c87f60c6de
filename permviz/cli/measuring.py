"""What `permviz bench` and `permviz reproduce` share: options, progress and printed rows."""

import csv
import io
import json
import os
import platform
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from permviz.cli.console import progress_bar, remarks, results
from permviz.errors import PermvizError
from permviz.kernels import warm
from permviz.kernels.select import cores, resolved
from permviz.search.benchmark import Measured, OnRun

FORMATS = ("table", "csv", "json")
INTERRUPTED = 130
Record = dict[str, str | float | int | None]

_OUTSIDE_BRACKETS = re.compile(r",(?![^(]*\))")


def texts(option: str) -> tuple[str, ...]:
    """The strategies in a comma-separated list; commas inside brackets are theirs.

    >>> texts("auto, osg(stripes=2, escapes=10)")
    ('auto', 'osg(stripes=2, escapes=10)')
    """
    return tuple(part.strip() for part in _OUTSIDE_BRACKETS.split(option) if part.strip())


def check_output(form: str, out: Path | None) -> None:
    """Refuse a format or file that cannot be written before anything is measured.

    Raises:
        PermvizError: the format is unknown, or the file's folder is not there.
    """
    if form not in FORMATS:
        raise PermvizError(f"There is no format {form!r}; choose one of {', '.join(FORMATS)}.")
    if out is not None and (out.is_dir() or not out.parent.is_dir()):
        raise PermvizError(f"{out} cannot be written; name a file in a folder that is there.")


def gathered(rows: Iterator[Measured]) -> tuple[list[Measured], bool]:
    """All rows, and whether they are all there: Ctrl-C keeps the complete ones."""
    done: list[Measured] = []
    try:
        for row in rows:
            done.append(row)  # noqa: PERF402 - what is done stays, wherever it stops
    except KeyboardInterrupt:
        remarks().print("Interrupted: the rows that are complete follow.", soft_wrap=True)
        return done, False
    return done, True


@contextmanager
def counting(runs: int) -> Iterator[OnRun]:
    """Show progress on stderr; tell what it gives each of so many runs before it starts."""
    with progress_bar(remarks()) as advance:
        advance("Preparing the search kernels", 0.0)
        warm.ensure()
        begun = 0

        def count(doing: str) -> None:
            nonlocal begun
            advance(doing, begun / max(runs, 1), f"{begun} of {runs} done")
            begun += 1

        yield count


def machine(device: str) -> str:
    """The machine that figures come from, in one line."""
    return (
        f"permviz {version('permviz')}, device {resolved(device)}, {cores()} cores of "
        f"{_processor()}, {platform.system()}, Python {platform.python_version()}"
    )


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    if file.exists():
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def write(records: Sequence[Record], form: str, out: Path | None, about: dict[str, str]) -> None:
    """Print records, or write them to a file, as a table, CSV or JSON.

    Raises:
        PermvizError: the file cannot be written.
    """
    if form == "table" and out is None:
        _print_table(results(), records, about)
        return
    text = _text(records, form, about)
    if out is None:
        results().print(text, end="", soft_wrap=True)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise PermvizError(f"{out} cannot be written ({problem.strerror}).") from problem
    remarks().print(f"Wrote {out}.", soft_wrap=True)


def _text(records: Sequence[Record], form: str, about: dict[str, str]) -> str:
    if form == "json":
        return json.dumps({**about, "rows": list(records)}, indent=1) + os.linesep
    output = io.StringIO()
    if form == "csv":
        writer = csv.DictWriter(output, list(records[0]) if records else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
    else:
        _print_table(Console(file=output, width=200, markup=False, highlight=False), records, about)
    return output.getvalue()


def _print_table(console: Console, records: Sequence[Record], about: dict[str, str]) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    names = list(records[0]) if records else []
    shown = [name for name in names if any(record[name] is not None for record in records)]
    for name in shown:
        words = all(isinstance(record[name], str | None) for record in records)
        table.add_column(name, justify="left" if words else "right", overflow="fold")
    for record in records:
        table.add_row(*(_cell(name, record[name]) for name in shown))
    title, *rest = about.values()
    console.print(title, soft_wrap=True)
    console.print(table)
    for line in filter(None, rest):
        console.print(line, soft_wrap=True)


def _cell(name: str, value: str | float | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3g}" if "seconds" in name or name == "budget" else f"{value:.2f}"
    return str(value)
