"""The figures of a search as data, kept beside an export and drawn by its report.

They are the data that the app's figures are drawn from, so the report shows the same ones.
"""

import base64
import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from permviz.core.plan import PermutationPlan
from permviz.errors import ExportError
from permviz.figures.compare import CompareInfo, compare_info
from permviz.figures.curves import CurveInfo, CurveLine, curve_info, trace_track
from permviz.figures.frontier import FrontierInfo, frontier_info
from permviz.figures.groups import GroupLane, GroupsInfo, LayerNode, groups_info
from permviz.figures.heatmap import heatmap_info
from permviz.figures.magnitude import Bar, MagnitudeInfo, magnitude_info
from permviz.figures.pair import OrderPair
from permviz.figures.shading import color_limit
from permviz.session.comparison import comparison
from permviz.session.report import layer_rows, layer_scores
from permviz.session.session import Session

_FORMAT = "permviz.figures/1"
_SIDE = 112
_CURVES = 8


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """What the pattern keeps of a layer's weights, in both orders, on one scale.

    Attributes:
        layer: name of the layer.
        given: uint8[height, width], in the order as given; 255 stands for `limit` or more.
        found: uint8[height, width], in the exported order.
        limit: score at the upper end of the colours.
    """

    layer: str
    given: NDArray[np.uint8] = field(repr=False)
    found: NDArray[np.uint8] = field(repr=False)
    limit: float


@dataclass(frozen=True, slots=True, eq=False)
class GroupCurves:
    """How each strategy got on with one channel group.

    Attributes:
        group: name of the group.
        curves: efficacy over seconds.
    """

    group: str
    curves: CurveInfo


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """Everything that a report draws.

    Attributes:
        magnitude: pruned magnitude of each layer.
        compare: strategies by layers.
        frontier: efficacy against seconds.
        groups: which layers share channels.
        curves: of the groups that took longest.
        pictures: of every layer that is pruned.
    """

    magnitude: MagnitudeInfo
    compare: CompareInfo
    frontier: FrontierInfo
    groups: GroupsInfo
    curves: tuple[GroupCurves, ...]
    pictures: tuple[Picture, ...]

    def to_json(self) -> str:
        """Write as JSON text."""
        return json.dumps({"format": _FORMAT, "gallery": _plain(self)})

    @classmethod
    def from_json(cls, text: str) -> "Gallery":
        """Read what `to_json` wrote.

        Raises:
            ExportError: it is something else.
        """
        try:
            data = json.loads(text)
            gallery = _value(data["gallery"]) if data["format"] == _FORMAT else None
        except (LookupError, RecursionError, TypeError, ValueError) as problem:
            raise ExportError(
                f"The figures cannot be read ({type(problem).__name__}: {problem}); export again."
            ) from problem
        if not isinstance(gallery, cls):
            raise ExportError("The figures are not those of an export; export again.")
        return gallery


def session_gallery(session: Session, plan: PermutationPlan) -> Gallery:
    """Take the figures of what a session has found, with the orders that a plan chose.

    Args:
        session: running or ended.
        plan: that was made from it.
    """
    rows = layer_rows(session)
    found = comparison(session, rows)
    chosen = {name: group.strategy for name, group in plan.by_group.items()}
    return Gallery(
        magnitude=magnitude_info(rows),
        compare=compare_info(found, chosen),
        frontier=frontier_info(found),
        groups=groups_info(session.graph),
        curves=_curves(session),
        pictures=tuple(
            _picture(session, row.name, plan)
            for row in rows
            if row.name not in session.dense and row.total > 0
        ),
    )


def _curves(session: Session) -> tuple[GroupCurves, ...]:
    spent: dict[str, float] = {}
    for (group, _), result in session.results.items():
        spent[group] = spent.get(group, 0.0) + result.seconds
    longest = sorted(spent, key=lambda group: -spent[group])[:_CURVES]
    return tuple(
        GroupCurves(
            group,
            curve_info(
                {
                    text: trace_track(session.results[group, text].trace)
                    for text in session.settings.strategies
                    if (group, text) in session.results
                }
            ),
        )
        for group in longest
    )


def _picture(session: Session, layer: str, plan: PermutationPlan) -> Picture:
    scores, pattern = layer_scores(session, layer), session.settings.nm
    orders = {
        name: plan.by_group[name].permutation.order
        for name in session.layers.layer(layer).inputs
        if name in plan.by_group
    }
    pair = OrderPair(layer, scores, session.layers.order(layer, orders), pattern)
    limit = color_limit(scores)
    given, found = (
        _smaller(heatmap_info(pair, order, kind="kept", limit=limit).shade)
        for order in (pair.given, pair.order)
    )
    return Picture(layer, given, found, limit)


def _smaller(shade: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pooled by maximum to at most `_SIDE` pixels a side, as the heatmaps are."""
    for axis in (0, 1):
        step = -(-shade.shape[axis] // _SIDE)
        shade = np.maximum.reduceat(shade, np.arange(0, shade.shape[axis], step), axis=axis)
    return shade


_TYPES = {
    kind.__name__: kind
    for kind in (
        *(Gallery, Picture, GroupCurves, CurveInfo, CurveLine, CompareInfo, FrontierInfo),
        *(MagnitudeInfo, Bar, GroupsInfo, GroupLane, LayerNode),
    )
}


def _plain(value: Any) -> Any:
    """A value in what JSON has: arrays by their bytes, data classes by their name."""
    if isinstance(value, np.ndarray):
        content = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
        return {"array": content, "type": value.dtype.str, "shape": list(value.shape)}
    if dataclasses.is_dataclass(value):
        named = {part.name: getattr(value, part.name) for part in dataclasses.fields(value)}
        return {"is": type(value).__name__} | {name: _plain(part) for name, part in named.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value.item() if isinstance(value, np.generic) else value


def _value(data: Any) -> Any:
    if isinstance(data, list):
        return tuple(_value(part) for part in data)
    if not isinstance(data, dict):
        return data
    if "array" in data:
        content = np.frombuffer(base64.b64decode(data["array"], validate=True), data["type"])
        return content.reshape(data["shape"])
    kind = _TYPES[data["is"]]
    return kind(**{name: _value(part) for name, part in data.items() if name != "is"})
