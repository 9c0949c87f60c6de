"""Parts of the explorer that stand alone in a notebook cell."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import panel as pn
from numpy.typing import NDArray

from permviz.core.pattern import NMPattern
from permviz.core.permutation import Permutation
from permviz.core.score import as_array, checked_scores
from permviz.errors import PermutationError
from permviz.figures.curves import trace_track
from permviz.figures.pair import OrderPair
from permviz.search.result import SearchResult
from permviz.session.report import layer_rows
from permviz.session.session import Session
from permviz.views.following import Following
from permviz.views.heatmaps import HeatmapPair
from permviz.views.layer import CurvesView
from permviz.views.layers import LayersView

Order = SearchResult | Permutation | Sequence[int] | NDArray[np.integer] | None


class Heatmaps(HeatmapPair):
    """Show a layer's weights as given and in another order of its input channels.

    Args:
        layer: an `OrderPair`; scores `float[rows, channels]`; a weight of a convolution
            [K, C, R, S] or linear layer, as an array or tensor; or a module that has one.
        order: the order to compare with: a result of `permviz.search`, a `Permutation`, or
            integers with `order[new] = old`; by default the channels stay.
        pattern: the N:M pattern; a result brings its own.
        title: what the layer is called.
        params: parameters of the view.

    Raises:
        ScoresError: the weights are not numbers, or not finite.
        PermutationError: the order does not fit the layer's channels.
    """

    def __init__(
        self,
        layer: Any,
        order: Order = None,
        *,
        pattern: NMPattern | str = "2:4",
        title: str = "weights",
        **params: Any,
    ) -> None:
        super().__init__(pair=_pair(layer, order, NMPattern.parse(pattern), title), **params)
        self._chosen = pn.Column(self.kind_buttons(), self._layout, sizing_mode="stretch_width")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._chosen


class Curves(CurvesView):
    """Show how searches got to their results.

    Args:
        result: a result of `permviz.search`, or several of the same scores.
        params: parameters of the view.
    """

    def __init__(self, result: SearchResult | Sequence[SearchResult], **params: Any) -> None:
        results = [result] if isinstance(result, SearchResult) else list(result)
        super().__init__(tracks={one.label: trace_track(one.trace) for one in results}, **params)


class Layers(LayersView):
    """Show the layers of a session; while it runs, the view follows it.

    Args:
        session: a `Session`, waiting, running or ended.
        params: parameters of the view.
    """

    def __init__(self, session: Session, **params: Any) -> None:
        self._session = session
        super().__init__(rows=layer_rows(session), strategies=session.settings.strategies, **params)
        self._following = Following(session, self.refresh)

    def __panel__(self) -> pn.viewable.Viewable:
        return self._following.under(super().__panel__())

    def refresh(self) -> None:
        """Show what the session has found by now."""
        self.rows = layer_rows(self._session)


def _pair(layer: Any, order: Order, pattern: NMPattern, title: str) -> OrderPair:
    if isinstance(layer, OrderPair):
        return layer
    matrix = _matrix(layer)
    if isinstance(order, SearchResult):
        pattern, order = order.pattern, order.permutation
    channels = matrix.shape[1]
    found = _permutation(order, channels)
    if len(found) != channels:
        raise PermutationError(
            f"An order of {len(found)} channels does not fit weights of shape {matrix.shape} "
            f"with {channels} input channels."
        )
    return OrderPair(title, np.abs(matrix), found.order, pattern, weights=matrix)


def _permutation(order: Any, channels: int) -> Permutation:
    if order is None:
        return Permutation.identity(channels)
    return order if isinstance(order, Permutation) else Permutation.of(order)


def _matrix(layer: Any) -> NDArray[np.floating]:
    """Weights by input channel, with their signs: float[rows, channels]."""
    weight = as_array(getattr(layer, "weight", layer))
    if weight.ndim > 2:
        # [K, C, R, S] -> [K, R, S, C] -> (K*R*S) x C
        weight = np.moveaxis(weight, 1, -1).reshape(-1, weight.shape[1])
    scores = checked_scores(np.abs(weight))
    return np.asarray(weight, dtype=scores.dtype)
