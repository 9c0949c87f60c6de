"""One layer in two orders: what the heatmaps and everything below them are drawn from."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import holoviews as hv
import numpy as np
from numpy.typing import NDArray

from permviz.core.pattern import NMPattern
from permviz.core.score import Scores, mask
from permviz.figures.palette import DEFAULT, PERMUTED
from permviz.figures.shading import color_limit
from permviz.figures.tabular import Columns


@dataclass(frozen=True, eq=False)
class OrderPair:
    """A layer's scores with the order as given and the order that was found.

    Before and after travel together, so no view ever shows two different layers.

    Attributes:
        layer: name of the layer.
        scores: float[rows, channels], in the order as given.
        order: int64[channels], the found order, `order[new] = old`.
        pattern: the N:M pattern.
        weights: float[rows, channels], the weights that were scored, with their signs; by
            default the scores.
        unit: what a score is, as people write it.
    """

    layer: str
    scores: Scores = field(repr=False)
    order: NDArray[np.int64] = field(repr=False)
    pattern: NMPattern
    weights: Scores | None = field(default=None, repr=False)
    unit: str = "|w|"

    @cached_property
    def given(self) -> NDArray[np.int64]:
        """The order as given."""
        return np.arange(self.scores.shape[1])

    @property
    def signed(self) -> Scores:
        """The weights, or the scores where no weights are known."""
        return self.scores if self.weights is None else self.weights

    @cached_property
    def kept_given(self) -> NDArray[np.bool_]:
        """What the pattern keeps in the order as given: bool[rows, channels]."""
        return mask(self.scores, self.pattern)

    @cached_property
    def kept_found(self) -> NDArray[np.bool_]:
        """What it keeps in the found order, channels in the order as given."""
        kept = mask(self.scores.take(self.order, axis=1), self.pattern)
        return kept.take(np.argsort(self.order), axis=1)

    @cached_property
    def limit(self) -> float:
        """Score at the upper end of the colours."""
        return color_limit(self.scores)

    @cached_property
    def signed_limit(self) -> float:
        """Weight at the upper end of the colours that have two ends."""
        return color_limit(np.abs(self.signed))

    @cached_property
    def lost_given(self) -> NDArray[np.float64]:
        """What each channel loses in the order as given, in percent of the layer."""
        return self._lost(self.kept_given)

    @cached_property
    def lost_found(self) -> NDArray[np.float64]:
        """What each channel, as given, loses in the found order, in percent of the layer."""
        return self._lost(self.kept_found)

    @property
    def gains(self) -> NDArray[np.float64]:
        """What each channel, as given, gains by the found order, in percent of the layer.

        The sum is what the layer gains.
        """
        return self.lost_given - self.lost_found

    def _lost(self, kept: NDArray[np.bool_]) -> NDArray[np.float64]:
        # A product takes a fifth of the time of a choice by a mask without a pattern.
        pruned = (self.scores * ~kept).sum(axis=0, dtype=np.float64)
        return 100.0 * pruned / (float(self.scores.sum(dtype=np.float64)) or 1.0)

    def of_same_layer(self, other: "OrderPair") -> bool:
        """Whether nothing but the found order differs."""
        return (self.layer, self.pattern, self.unit) == (
            other.layer,
            other.pattern,
            other.unit,
        ) and all(
            mine is its or np.array_equal(mine, its)
            for mine, its in ((self.scores, other.scores), (self.signed, other.signed))
        )

    def reordered(self, order: NDArray[np.int64]) -> "OrderPair":
        """The same layer in another found order, without what is known of it computed again."""
        other = replace(self, order=order)
        # Where a frozen value keeps what it has computed once.
        vars(other).update({name: vars(self)[name] for name in _AS_GIVEN if name in vars(self)})
        return other

    def prepared(self) -> "OrderPair":
        """The same, with everything computed that takes a while on a large layer."""
        _ = self.lost_given, self.lost_found, self.limit
        return self


_AS_GIVEN = ("given", "kept_given", "limit", "signed_limit", "lost_given")
"""What does not depend on the found order."""


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

    @property
    def table(self) -> Columns:
        """One line a stripe."""
        return {
            "stripe": np.arange(self.before.size),
            "pruned_as_given_percent": self.before,
            "pruned_as_found_percent": self.after,
            "original_channels_as_found": [" ".join(map(str, one)) for one in self.channels],
        }


def stripe_info(pair: OrderPair) -> StripeInfo:
    """Compute the magnitude that each whole stripe loses, as a share of the layer's."""
    m = pair.pattern.m
    stripes = pair.order.size // m
    grouped = pair.order[: stripes * m].reshape(stripes, m)
    return StripeInfo(
        positions=(np.arange(stripes, dtype=np.float64) + 0.5) * m - 0.5,
        before=by_stripe(pair.lost_given, m),
        after=by_stripe(pair.lost_found[pair.order], m),
        channels=tuple(tuple(map(int, stripe)) for stripe in grouped),
        size=pair.order.size,
        moved=int((pair.order != pair.given).sum()),
    )


def by_stripe(channels: NDArray[np.float64], m: int) -> NDArray[np.float64]:
    """Sum over the channels of each whole stripe: float64[stripes]."""
    return channels[: channels.size // m * m].reshape(-1, m).sum(axis=1)


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
