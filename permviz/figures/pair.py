"""One layer in two orders: what the heatmaps and the stripe strip are drawn from."""

from dataclasses import dataclass, field

import holoviews as hv
import numpy as np
from numpy.typing import NDArray

from permviz.core.pattern import NMPattern
from permviz.core.score import Scores
from permviz.figures.palette import DEFAULT, PERMUTED


@dataclass(frozen=True, slots=True, eq=False)
class OrderPair:
    """A layer's scores with the order as given and the order that was found.

    Before and after travel together, so no view ever shows two different layers.

    Attributes:
        layer: name of the layer.
        scores: float[rows, channels], in the order as given.
        order: int64[channels], the found order, `order[new] = old`.
        pattern: the N:M pattern.
    """

    layer: str
    scores: Scores = field(repr=False)
    order: NDArray[np.int64] = field(repr=False)
    pattern: NMPattern

    @property
    def given(self) -> NDArray[np.int64]:
        """The order as given."""
        return np.arange(self.scores.shape[1])


@dataclass(frozen=True, slots=True, eq=False)
class StripeInfo:
    """What each stripe loses, in both orders.

    Attributes:
        positions: float64[stripes], the middle of each stripe, in channel positions.
        before: float64[stripes], pruned share of the layer's magnitude, in percent.
        after: float64[stripes], the same in the found order.
        channels: for each stripe the original channels that stand there in the found order.
        size: number of channels.
        moved: how many channels stand elsewhere than before.
    """

    positions: NDArray[np.float64] = field(repr=False)
    before: NDArray[np.float64] = field(repr=False)
    after: NDArray[np.float64] = field(repr=False)
    channels: tuple[tuple[int, ...], ...] = field(repr=False)
    size: int
    moved: int


def stripe_info(pair: OrderPair) -> StripeInfo:
    """Compute the magnitude that each whole stripe loses, as a share of the layer's."""
    m = pair.pattern.m
    stripes = pair.order.size // m
    grouped = pair.order[: stripes * m].reshape(stripes, m)
    return StripeInfo(
        positions=(np.arange(stripes, dtype=np.float64) + 0.5) * m - 0.5,
        before=_lost(pair, pair.given),
        after=_lost(pair, pair.order),
        channels=tuple(tuple(map(int, stripe)) for stripe in grouped),
        size=pair.order.size,
        moved=int((pair.order != pair.given).sum()),
    )


def _lost(pair: OrderPair, order: NDArray[np.int64]) -> NDArray[np.float64]:
    n, m = pair.pattern.n, pair.pattern.m
    whole = order.size // m * m
    stripes = pair.scores.take(order[:whole], axis=1).reshape(len(pair.scores), -1, m)
    smallest = np.partition(stripes, m - n - 1, axis=2)[:, :, : m - n]
    total = float(pair.scores.sum(dtype=np.float64))
    return 100.0 * smallest.sum(axis=(0, 2), dtype=np.float64) / (total or 1.0)


def stripe_plot(info: StripeInfo) -> hv.Overlay:
    """Draw what the stripes lose: the order as given in grey, the found order over it."""
    names = [", ".join(map(str, stripe)) for stripe in info.channels]
    before = hv.Scatter((info.positions, info.before), "position", "lost", label="order as given")
    after = hv.Scatter(
        (info.positions, info.after, names), "position", ["lost", "channels"], label="found order"
    )
    before.opts(color=DEFAULT, size=5, marker="circle", alpha=0.7)
    after.opts(
        color=PERMUTED,
        size=6,
        marker="diamond",
        framewise=True,
        tools=["hover"],
        hover_tooltips=[("original channels", "@channels"), ("pruned", "@lost{0.000} %")],
    )
    both = hv.Overlay([before, after])
    both.opts(
        xlabel="channel position",
        ylabel="pruned, % of layer",
        legend_position="top_right",
        legend_cols=2,
        ylim=(0, 1.25 * float(max(info.before.max(initial=0), info.after.max(initial=0))) or 1.0),
        xlim=(-0.5, info.size - 0.5),
    )
    return both
