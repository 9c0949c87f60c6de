"""Views that rest while nobody looks at them."""

from collections.abc import Sequence
from functools import partial

import panel as pn
import param


class Sighted(pn.viewable.Viewer):
    """A view that redraws only while it is seen, and catches up when it comes into sight.

    Attributes:
        seen: whether the view is in sight, for example in the active tab.
    """

    seen = param.Boolean(True, allow_refs=True)

    @property
    def built(self) -> bool:
        """Whether all that it takes long to build is there, so that it catches up at once."""
        return False


def reveal(parts: Sequence[Sighted], *, seen: bool) -> None:
    """Show or hide views: built ones together, and others one after the other.

    Figures take long to build. With each built in a turn of its own, a served page answers
    its user in between. Those that are built show nothing of different times together.
    """
    ready = [part for part in parts if part.built or not seen]
    with pn.io.hold():
        for part in ready:
            part.seen = seen
    _build([part for part in parts if part not in ready])


def _build(parts: Sequence[Sighted]) -> None:
    if not parts:
        return
    first, *others = parts
    first.seen = True
    pn.state.execute(partial(_build, others), schedule=True)
