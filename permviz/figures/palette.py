"""Colours that stay apart for colour-blind people, on light and on dark ground."""

from collections.abc import Sequence

DEFAULT = "#8c8c8c"
"""Colour of the order as given, in every figure."""

PERMUTED = "#0072b2"
"""Colour of the chosen order where no single strategy is meant."""

HEAT = "viridis"
"""Perceptually uniform map of magnitudes."""

DIVERGING = "PuOr"
"""Map of differences whose ends stay apart for colour-blind people; 0 in its pale middle."""

SHARE = "cividis"
"""Map of shares between nothing and all, which does not look like one of magnitudes."""

GAIN, LOSS = "#0072b2", "#d55e00"
"""Colours of what is gained and of what is lost."""

# Okabe and Ito's palette, the black and the yellow left out: both vanish on one ground.
_STRATEGIES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9")
_DASHES = ("solid", "dashed", "dotdash", "dotted")
_MARKERS = ("circle", "square", "triangle", "diamond", "inverted_triangle", "star", "hex")


def strategy_colors(strategies: Sequence[str]) -> dict[str, str]:
    """Give each strategy a colour by its place in the list; from the seventh on they repeat.

    >>> strategy_colors(["osg(stripes=2)"])
    {'osg(stripes=2)': '#0072b2'}
    """
    return {
        strategy: _STRATEGIES[place % len(_STRATEGIES)] for place, strategy in enumerate(strategies)
    }


def strategy_dashes(strategies: Sequence[str]) -> dict[str, str]:
    """Give each strategy a line style, so that curves differ by more than their colour."""
    return {strategy: _DASHES[place % len(_DASHES)] for place, strategy in enumerate(strategies)}


def strategy_markers(strategies: Sequence[str]) -> dict[str, str]:
    """Give each strategy a marker, so that points differ by more than their colour."""
    return {strategy: _MARKERS[place % len(_MARKERS)] for place, strategy in enumerate(strategies)}
