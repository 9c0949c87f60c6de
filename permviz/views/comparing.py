"""What a comparison says in a table and in words; everything from outside is escaped."""

from collections.abc import Mapping
from html import escape

import numpy as np
import pandas as pd

from permviz.figures.compare import CompareInfo, compare_info
from permviz.figures.palette import strategy_colors, strategy_markers
from permviz.session.comparison import Comparison
from permviz.views.table import LAYER, words

WINNER, AHEAD, USED, SHARES = "winner", "ahead by", "in use", "shares its order with"
SEVERAL = "several"
_SIGNS = {
    "circle": "&#9679;",
    "square": "&#9632;",
    "triangle": "&#9650;",
    "diamond": "&#9670;",
    "inverted_triangle": "&#9660;",
    "star": "&#9733;",
    "hex": "&#11042;",
}


def comparison_frame(found: Comparison, choice: Mapping[str, str]) -> pd.DataFrame:
    """One line a layer: who wins, by how many points, what is used; efficacies in percent."""
    info = compare_info(found, choice)
    texts = found.strategies
    return pd.DataFrame(
        {
            LAYER: words(info.layers),
            WINNER: words(texts[row] if row >= 0 else "" for row in info.winners),
            AHEAD: pd.Series(_leads(info), dtype=np.float64),
            USED: words(_used(info, place) for place in range(len(info.layers))),
            **{text: np.round(info.efficacies[row], 2) for row, text in enumerate(texts)},
            SHARES: words(", ".join(found.sharing(layer)) for layer in info.layers),
        }
    )


def _used(info: CompareInfo, place: int) -> str:
    row = info.used[place]
    if row >= 0:
        return info.strategies[row]
    return SEVERAL if info.winners[place] >= 0 else ""


def _leads(info: CompareInfo) -> list[float]:
    """Points of efficacy between the best and the second; NaN where there is no second."""
    leads: list[float] = []
    for column in info.efficacies.T:
        ranked = np.sort(column[np.isfinite(column)])
        leads.append(round(float(ranked[-1] - ranked[-2]), 2) if ranked.size > 1 else np.nan)
    return leads


def comparison_csv(found: Comparison, choice: Mapping[str, str]) -> str:
    """The table, with each strategy's searching time beside its efficacy, as CSV text."""
    frame = comparison_frame(found, choice)
    for text in found.strategies:
        frame[f"{text}, seconds"] = [
            sum(found.seconds.get((group, text), np.nan) for group in layer.groups)
            for layer in found.layers
        ]
    return frame.to_csv(index=False)


def compare_legend(info: CompareInfo) -> str:
    """Sign, color, name and weighted mean of every strategy, as a line of HTML."""
    colors, markers = strategy_colors(info.strategies), strategy_markers(info.strategies)
    parts = [
        f'<span style="white-space: nowrap; margin-right: 16px">'
        f'<span style="color: {colors[text]}">{_SIGNS[markers[text]]}</span> {escape(text)}'
        + (f" <b>{mean:.1f} %</b>" if np.isfinite(mean) else "")
        + "</span>"
        for text, mean in zip(info.strategies, info.means, strict=True)
    ]
    told = f"weighted mean over {info.common} layers: " if info.common else ""
    key = "&#9675; best on the layer, <span style='color: #d55e00'>&#9633;</span> in use"
    return f'<div style="font-size: 12px">{told}{"".join(parts)} {key}</div>'


def choice_sentence(found: Comparison, choice: Mapping[str, str], info: CompareInfo) -> str:
    """What the export will use, as HTML."""
    by_hand = {group: text for group, text in choice.items() if group in found.best}
    mean = f", {info.mean_used:.1f} % over all" if np.isfinite(info.mean_used) else ""
    if not by_hand:
        return f"In use: <b>the best of each channel group</b>{mean}."
    layers = sum(not by_hand.keys().isdisjoint(layer.groups) for layer in found.layers)
    return (
        f"In use: chosen by hand on <b>{layers}</b> of {len(found.layers)} layers, "
        f"the best of each channel group elsewhere{mean}."
    )


def sharing_sentence(found: Comparison, layer: str) -> str:
    """Who else changes when a layer's strategy is chosen, as HTML."""
    others = found.sharing(layer)
    if not others:
        return ""
    return (
        f"<b>{escape(layer)}</b> shares channels with {escape(', '.join(others))}: "
        "the choice is theirs too."
    )
