"""Views that rest while nobody looks at them."""

from collections.abc import Callable, Sequence
from functools import partial
from weakref import WeakKeyDictionary, WeakMethod

import panel as pn
import param
from bokeh.document import Document
from bokeh.server.contexts import BokehSessionContext


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

    @property
    def waiting(self) -> bool:
        """Whether it is built, but does not have its place on the page yet."""
        return False

    def arrive(self) -> None:
        """Take the place on the page."""


Stages = Sequence[Sequence[Sighted]]
_BREATH_MILLISECONDS = 250
_ANSWER_MILLISECONDS = 25
"""What reading a click and acting on it takes."""


def reveal(stages: Stages, *, seen: bool, wanted: Callable[[], bool] = lambda: True) -> None:
    """Show or hide views: built ones together, and others stage by stage.

    Figures take long to build. With each stage built in a turn of its own, a served page
    answers its user in between, though all of them take longer in all, for a browser lays the
    whole page out anew after each. Those that are built show nothing of different times
    together.

    Args:
        stages: the views, those first that are waited for.
        seen: whether to show them.
        wanted: whether they are still to be shown, asked before each stage that is built; a
            tab may have been left in between.
    """
    with pn.io.hold():
        for part in (part for stage in stages for part in stage):
            if part.built or not seen:
                part.seen = seen
    if seen:
        _build(stages, wanted)


def prepare(stages: Stages, *, wanted: Callable[[], bool], quiet: Callable[[], bool]) -> None:
    """Build views before anybody looks at them and would have to wait, stage by stage.

    Each rests as soon as it is built: nothing is redrawn for nobody. It is built in one turn
    and gets its place in another, and both wait while somebody acts.

    Args:
        stages: the views, those first that are waited for.
        wanted: whether they are still unseen, asked before each turn.
        quiet: whether nobody waits for an answer just now, asked likewise.
    """
    if not stages or not wanted():
        return
    if quiet():
        stages = stages[_prepare_one(stages[0]) :]
    after_a_breath(partial(prepare, stages, wanted=wanted, quiet=quiet))


def _prepare_one(stage: Sequence[Sighted]) -> bool:
    """Take one of two turns, and say whether it was the last one."""
    if any(part.waiting for part in stage):
        with pn.io.hold():
            for part in stage:
                if part.waiting:
                    part.arrive()
        return True
    # What has nothing to show yet is not built by this, and not waited for.
    _show([part for part in stage if not part.built], rest=True)
    return not any(part.waiting for part in stage)


def _build(stages: Stages, wanted: Callable[[], bool]) -> None:
    left = _unbuilt(stages)
    while left and wanted():
        stage, *left = left
        _show(stage)
        # What has nothing to show yet is built as soon as it has.
        if any(part.built for part in stage):
            after_a_breath(partial(_build, left, wanted))
            return


def _unbuilt(stages: Stages) -> list[list[Sighted]]:
    parts = ([part for part in stage if not part.built] for stage in stages)
    return [stage for stage in parts if stage]


def _show(stage: Sequence[Sighted], *, rest: bool = False) -> None:
    with pn.io.hold():
        for part in stage:
            part.seen = True
            part.seen = not rest


def served() -> bool:
    """Whether a page is served, which can take its parts one after the other.

    Notebooks have documents too, but nothing that would call back later.
    """
    page = pn.state.curdoc
    return page is not None and isinstance(page.session_context, BokehSessionContext)


def connected() -> bool:
    """Whether a browser shows the page, which outlives a connection by its session's lifetime."""
    context = None if pn.state.curdoc is None else pn.state.curdoc.session_context
    session = context.session if isinstance(context, BokehSessionContext) else None
    return session is not None and session.connection_count > 0


def after_a_breath(turn: Callable[[], None]) -> None:
    """Call once the browser has drawn what it got, and served whoever clicked meanwhile.

    A next stage that is sent before makes a browser that is still drawing draw on.
    """
    _later(turn, _BREATH_MILLISECONDS)


def next_turn(turn: Callable[[], None]) -> None:
    """Call once whoever clicked meanwhile is answered."""
    _later(turn, _ANSWER_MILLISECONDS)


def in_its_turn(turn: Callable[[], None]) -> None:
    """Call a method after all that were asked for before, in a turn of its own, and only once.

    Outside of a served page, call it at once.
    """
    page = pn.state.curdoc
    if page is None or not served():
        turn()
        return
    waiting = _waiting.setdefault(page, [])
    # A page that is closed meanwhile must not be kept by what it will never come to.
    weak = WeakMethod(turn)
    if weak not in waiting:
        waiting.append(weak)
        if len(waiting) == 1:
            next_turn(partial(_take_turn, waiting))


_waiting: WeakKeyDictionary[Document, list[WeakMethod[Callable[[], None]]]] = WeakKeyDictionary()


def _take_turn(waiting: list[WeakMethod[Callable[[], None]]]) -> None:
    turn = waiting[0]()
    try:
        with pn.io.hold():
            if turn is not None:
                turn()
    finally:
        del waiting[0]
        if waiting:
            # Curves that grow meanwhile are drawn in between.
            after_a_breath(partial(_take_turn, waiting))


def _later(turn: Callable[[], None], milliseconds: int) -> None:
    page = pn.state.curdoc
    if page is None or not served():
        pn.state.execute(turn, schedule=True)
    elif pn.state.loaded:
        _set_off(page, turn, milliseconds)
    else:
        # The browser may have been sent the page and not listen to changes of it yet.
        pn.state.onload(partial(_set_off, page, turn, milliseconds))


def _set_off(page: Document, turn: Callable[[], None], milliseconds: int) -> None:
    page.add_timeout_callback(turn, milliseconds)
