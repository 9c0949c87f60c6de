"""A gallery as HTML that needs no network: interactive figures, and a picture of each layer."""

import base64
import struct
import zlib
from html import escape
from typing import Any

import holoviews as hv
import numpy as np
from bokeh.embed import components
from bokeh.palettes import Viridis256
from bokeh.util.paths import bokehjs_path
from numpy.typing import NDArray

from permviz.export.gallery import Gallery, Picture
from permviz.figures.compare import compare_plot, layers_plot
from permviz.figures.curves import curve_plot
from permviz.figures.frontier import frontier_plot
from permviz.figures.groups import groups_plot
from permviz.figures.magnitude import magnitude_colors, magnitude_plot

SCRIPT_POLICY = "script-src 'unsafe-inline' 'unsafe-eval'; img-src data:"
"""What the page may do for its figures; nothing of it reaches out."""

_FONTS = {"title": "10pt", "labels": "9pt", "ticks": "8pt", "legend": "8pt"}


def figures_html(gallery: Gallery) -> str:
    """Compose the section of a report with all figures."""
    figures = _figures(gallery)
    script, parts = components({title: figure for title, _, figure in figures})
    # Bokeh's own list of resources would name those of every library that is loaded beside it.
    bokeh = (bokehjs_path() / "js" / "bokeh.min.js").read_text(encoding="utf-8")
    sections = "".join(
        f'<h2>{escape(title)}</h2>\n<p class="legend">{told}</p>\n<div class="figure">'
        f"{parts[title]}</div>\n"
        for title, told, _ in figures
    )
    return f"{sections}{_pictures(gallery.pictures)}\n<script>{bokeh}</script>\n{script}"


def _figures(gallery: Gallery) -> list[tuple[str, str, Any]]:
    """Title, explanation in HTML and figure, in the order of the page."""
    magnitude, compare, groups = gallery.magnitude, gallery.compare, gallery.groups
    found = [
        (
            "Pruned magnitude",
            _legend(magnitude_colors(magnitude.strategies)),
            _drawn(
                magnitude_plot(magnitude),
                60 + len(magnitude.layers) * (8 + 9 * len(magnitude.strategies)),
            ),
        ),
        (
            "Channel groups",
            (
                "A lane is a channel group; rings write its channels, dots read them. Grey layers "
                "keep their order."
            ),
            _drawn(groups_plot(groups), 80 + 22 * len(groups.nodes)),
        ),
    ]
    if compare.common and len(compare.strategies) > 0:
        found[1:1] = [
            (
                "Strategies by layer",
                (
                    "Efficacy in percent; a dot marks the strategy that keeps most, a frame the "
                    "one in use."
                ),
                _drawn(compare_plot(compare), 70 + 34 * len(compare.strategies)),
            ),
            (
                "Layer by layer",
                (
                    f"Dashed: means over {compare.common} layers, each weighed by what could be "
                    "gained on it."
                ),
                _drawn(layers_plot(compare), 360),
            ),
        ]
    if gallery.frontier.strategies:
        told = "Dashed: no other strategy is both faster and better."
        found.append(
            ("Efficacy against seconds", told, _drawn(frontier_plot(gallery.frontier), 280))
        )
    for one in gallery.curves:
        told = "Efficacy over seconds of search; it never falls."
        found.append((f"Search of {one.group}", told, _drawn(curve_plot(one.curves), 240)))
    return found


def _drawn(plot: Any, height: int) -> Any:
    figure = hv.render(
        plot.opts(responsive=True, height=height, fontsize=_FONTS, active_tools=[]), backend="bokeh"
    )
    figure.toolbar.logo = None
    figure.output_backend = "canvas"
    return figure


def _legend(colors: dict[str, str]) -> str:
    return " ".join(
        f'<i style="background:{color}"></i> {escape(name)}' for name, color in colors.items()
    )


def _pictures(pictures: tuple[Picture, ...]) -> str:
    if not pictures:
        return ""
    blocks = "".join(
        f"<details><summary>{escape(one.layer)}</summary>"
        f"<p class='legend'>rows by channel positions; bright is {one.limit:.3g} or more</p>"
        f'<div class="pair">{_image("order as given", one.given)}'
        f"{_image('permuted', one.found)}</div></details>\n"
        for one in pictures
    )
    return (
        "<h2>What the pattern keeps of the weights</h2>\n"
        f'<p class="legend">Pruned weights are as dark as zeros.</p>\n{blocks}'
    )


def _image(title: str, shade: NDArray[np.uint8]) -> str:
    content = base64.b64encode(png(shade)).decode()
    return (
        f"<figure><figcaption>{escape(title)}</figcaption>"
        f'<img alt="{escape(title)}" src="data:image/png;base64,{content}"></figure>'
    )


def png(shade: NDArray[np.uint8]) -> bytes:
    """Write a heatmap as PNG: uint8[height, width], coloured as the app's heatmaps are."""
    height, width = shade.shape
    colors = b"".join(bytes.fromhex(color[1:7]) for color in Viridis256)
    # Every line begins with the number of its filter, and 0 is none.
    lines = np.hstack([np.zeros((height, 1), np.uint8), shade]).tobytes()
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", colors),
        (b"IDAT", zlib.compress(lines, 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
        for name, content in parts
    )
