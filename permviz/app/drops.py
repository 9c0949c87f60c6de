"""Where files are dropped, which costs a page nothing until it is opened."""

from typing import Any

import panel as pn
import param


def opening(card: pn.Card, *inside: pn.viewable.Viewable) -> pn.Card:
    """Put into a folded card what is inside when it is opened for the first time."""

    def fill(_: param.parameterized.Event) -> None:
        card.objects = list(inside)
        card.param.unwatch(watcher)

    watcher: Any = card.param.watch(fill, "collapsed")
    return card
