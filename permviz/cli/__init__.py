"""The command line: `permviz explore | search | analyze | verify | report | bench | reproduce`.

An error of permviz is one sentence on stderr and exit code 2, as are errors of usage;
Ctrl-C is exit code 130 unless there was something to keep.
"""

import os
import sys
from collections.abc import Sequence

from permviz.cli.commands import app
from permviz.errors import PermvizError

__all__ = ["main"]

_FAILED = 2


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    # Torch's threads spin while they wait for each other: beside a search, or anything else
    # that uses the cores, a check of the output then takes four times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        app(args=arguments, prog_name="permviz")
    except PermvizError as problem:
        # On one line, however it was composed, so that scripts can read it.
        print(" ".join(str(problem).split()), file=sys.stderr)  # noqa: T201 # the CLI's output
        sys.exit(_FAILED)
