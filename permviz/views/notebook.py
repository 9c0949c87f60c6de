"""What a notebook needs before it can show a view."""

from functools import cache

import panel as pn

EXTENSIONS = ("tabulator",)


@cache
def load() -> None:
    """Load Panel's extension once; the browser's part comes with the notebook, not the network."""
    pn.extension(*EXTENSIONS, inline=True)
