"""The view of each tab, bound to the explorer's state."""

from collections.abc import Callable
from typing import Any, TypeVar

import panel as pn
import param

from permviz.app.flow import Opened
from permviz.app.state import Explorer
from permviz.app.values import BEST, CHOSEN, TABS, Task
from permviz.graph.types import ChannelGraph
from permviz.views.compare import CompareView
from permviz.views.export import ExportView
from permviz.views.groups import GroupsView
from permviz.views.layer import LayerView
from permviz.views.layers import LayersView

_View = TypeVar("_View", bound=param.Parameterized)


def _layers(state: Explorer, *, seen: bool) -> LayersView:
    view = LayersView(rows=state.param.rows, strategies=state.param.searched, seen=seen)
    return _tied(view, state, "layer")


def _layer(state: Explorer, *, seen: bool) -> LayerView:
    view = LayerView(
        state.watch_again,
        rows=state.param.rows,
        pair=state.param.pair,
        tracks=state.param.tracks,
        orders=_orders(state),
        replay=state.param.replay,
        seen=seen,
    )
    return _tied(view, state, "layer", "shown")


def _compare(state: Explorer, *, seen: bool) -> CompareView:
    view = CompareView(comparison=state.param.comparison, seen=seen)
    return _tied(view, state, "layer", "choice")


def _groups(state: Explorer, *, seen: bool) -> GroupsView:
    graph = pn.bind(_graph, state.param.opened)
    view = GroupsView(graph=graph, comparison=state.param.comparison, seen=seen)
    return _tied(view, state, "layer")


def _export(state: Explorer, *, seen: bool) -> ExportView:
    return ExportView(
        state.export,
        state.verify_export,
        rows=state.param.rows,
        pattern=state.param.pattern,
        orders=_exports(state),
        packed=state.param.packed,
        busy=pn.bind(_exporting, state.param.tasks),
        seen=seen,
    )


def _tied(view: _View, state: Explorer, *names: str) -> _View:
    """A view whose parameters are kept equal to the state's of the same names."""
    for name in names:
        _tie(view, state, name)
    return view


def _tie(one: param.Parameterized, other: param.Parameterized, name: str) -> None:
    """Keep a parameter equal in two objects, beginning with the value of `other`."""
    one.param.update({name: getattr(other, name)})
    one.param.watch(lambda event: other.param.update({name: event.new}), name)
    other.param.watch(lambda event: one.param.update({name: event.new}), name)


def _orders(state: Explorer) -> Any:
    return pn.bind(lambda searched: [BEST, *searched], state.param.searched)


def _graph(opened: Opened | None) -> ChannelGraph | None:
    return None if opened is None else opened.graph


def _exports(state: Explorer) -> Any:
    def offered(searched: tuple[str, ...], choice: dict[str, str]) -> list[str]:
        return [*([CHOSEN] if choice else []), BEST, *searched]

    return pn.bind(offered, state.param.searched, state.param.choice)


def _exporting(tasks: tuple[Task, ...]) -> bool:
    return any(task.kind in {"export", "verify"} for task in tasks)


VIEWS: dict[str, Callable[..., pn.viewable.Viewer]] = dict(
    zip(TABS, (_layers, _layer, _compare, _groups, _export), strict=True)
)
"""What builds the view of a tab: for a state, and seen or not."""
