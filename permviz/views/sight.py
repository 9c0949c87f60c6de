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


def reveal(parts: Sequence[Sighted], *, seen: bool) -> None:
    """Show or hide views one after the other.

    Figures take long to build. With each built in a turn of its own, a served page answers
    its user in between.
    """
    if not parts:
        return
    first, *others = parts
    first.seen = seen
    pn.state.execute(partial(reveal, others, seen=seen), schedule=True)
