"""What happens in a session, as frozen values for its observers."""

from dataclasses import dataclass, field
from typing import Literal

from permviz.core.trace import SearchEvent
from permviz.search.result import SearchResult

Status = Literal["ready", "running", "paused", "cancelled", "finished", "failed"]


@dataclass(frozen=True, slots=True)
class SearchQueued:
    """A search of one group by one strategy waits for a thread."""

    group: str
    strategy: str


@dataclass(frozen=True, slots=True)
class SearchMoved:
    """A search said something: it started, improved or finished."""

    group: str
    strategy: str
    event: SearchEvent


@dataclass(frozen=True, slots=True)
class SearchDone:
    """A search ended with a result."""

    group: str
    strategy: str
    result: SearchResult = field(repr=False)


@dataclass(frozen=True, slots=True)
class SearchFailed:
    """A search ended with an error; the others go on."""

    group: str
    strategy: str
    message: str


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """The session as a whole changed its state."""

    status: Status


SessionEvent = SearchQueued | SearchMoved | SearchDone | SearchFailed | StatusChanged


@dataclass(frozen=True, slots=True)
class Running:
    """A search that runs now.

    Attributes:
        group: what is searched.
        strategy: what searches.
        seconds_left: of its budget; None for a search that ends when it converges.
    """

    group: str
    strategy: str
    seconds_left: float | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a session is.

    Attributes:
        done: searches that ended.
        total: searches in all.
        fraction: of the work, 0 to 1, searches weighted by their price.
        seconds: since the start, pauses included.
        seconds_left: an estimate, None while there is nothing to base it on.
        running: the searches that run now.
    """

    done: int
    total: int
    fraction: float
    seconds: float
    seconds_left: float | None
    running: tuple[Running, ...]
