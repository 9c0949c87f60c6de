"""Small values that the page's state holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from permviz.session.comparison import NOTHING
from permviz.session.report import LayerRow

TABS = ("Layers", "Layer", "Compare", "Graph", "Export")
BEST = "best of each group"
CHOSEN = "chosen layer by layer"
STRATEGIES = ("channel_swap", "osg", "auto")
"""What a new page searches with: the paper's two, and our own."""

SUGGESTED = (
    *STRATEGIES,
    "channel_swap(escapes=100)",
    "osg(escapes=100)",
    "osg(stripes=3)",
    "assignment",
    "anneal",
    "random",
)
"""What is offered to choose from; anything else can be typed."""

_MOVABLE = {"permuted", "waiting", "searching"}

Level = Literal["error", "warning", "success"]


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell the user once.

    Attributes:
        level: how bad it is.
        text: one or two sentences.
        number: tells equal notices apart.
    """

    level: Level
    text: str
    number: int


@dataclass(frozen=True, slots=True)
class Task:
    """A job under way.

    Attributes:
        kind: of the job.
        text: what it is doing; empty for what is too short to mention.
        fraction: how much is done, 0 to 1; negative if unknown.
    """

    kind: str
    text: str
    fraction: float


def largest(rows: Sequence[LayerRow]) -> str:
    """Name of the layer that is looked at first: the largest of those that can move."""
    movable = [row for row in rows if row.status in _MOVABLE] or rows
    found = max(movable, key=lambda row: row.rows * row.channels, default=None)
    return "" if found is None else found.name


def nothing_found() -> dict[str, Any]:
    """Values of the state's findings before anything was found."""
    return {
        "searched": (),
        "progress": None,
        "rows": (),
        "totals": None,
        "pair": None,
        "replay": None,
        "tracks": {},
        "check": None,
        "accuracy": None,
        "shown": BEST,
        "comparison": NOTHING,
        "choice": {},
    }
