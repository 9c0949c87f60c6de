"""Small pictures as SVG text, for values that show themselves in a notebook.

They take their ink from the page, so they are readable on light and on dark ground.
"""

from collections.abc import Mapping, Sequence
from html import escape

INK = "#0072b2"
GREY = "#8c8c8c"
# Okabe and Ito's colours that are seen on light and on dark ground.
COLORS = (INK, "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9")
_MOST_POINTS = 200


def steps(values: Sequence[float], at: Sequence[float], size: tuple[int, int] = (260, 70)) -> str:
    """A step curve from (0, 0), the last value written beside its end.

    Args:
        values: heights; negative ones are drawn at 0.
        at: where each value is reached, ascending.
        size: width and height in pixels.
    """
    width, height = size
    stride = max(1, -(-len(values) // _MOST_POINTS))
    # Thinned from the end, so that the last value stays.
    points = sorted(set(range(len(values) - 1, -1, -stride)))
    most = max([1e-12, *values])
    far = max([1e-12, *at])
    path, level = [f"M0 {height}"], float(height)
    for point in points:
        x = width * at[point] / far
        path.append(f"L{x:.1f} {level:.1f}")
        level = height - (height - 6) * max(0.0, values[point]) / most
        path.append(f"L{x:.1f} {level:.1f}")
    path.append(f"L{width} {level:.1f}")
    return _svg(
        (width, height),
        f'<line x1="0" y1="{height}" x2="{width}" y2="{height}" stroke="{GREY}"/>'
        f'<path d="{" ".join(path)}" fill="none" stroke="{INK}" stroke-width="2"/>',
    )


def bar(parts: Mapping[str, float], width: int = 160) -> str:
    """Marks along a line from 0 to 1: where each part stands, the names as its tooltips."""
    marks = "".join(
        f'<rect x="{max(0.0, min(1.0, share)) * (width - 4):.1f}" y="1" width="4" height="12" '
        f'fill="{color}"><title>{escape(name)}: {100 * share:.2f} %</title></rect>'
        for (name, share), color in zip(parts.items(), (GREY, INK, "#009e73"), strict=False)
    )
    line = f'<line x1="0" y1="7" x2="{width}" y2="7" stroke="{GREY}" opacity="0.5"/>'
    return _svg((width, 14), line + marks)


def strip(rows: Sequence[Sequence[tuple[str, int | None]]], cell: int = 12) -> str:
    """Rows of squares: a tooltip and a number that a colour stands for; grey without one."""
    squares = "".join(
        f'<rect x="{place * cell}" y="{row * cell}" width="{cell - 2}" height="{cell - 2}" '
        f"{_fill(number)}><title>{escape(told)}</title></rect>"
        for row, squares in enumerate(rows)
        for place, (told, number) in enumerate(squares)
    )
    wide = max((len(row) for row in rows), default=0)
    return _svg((wide * cell, len(rows) * cell), squares)


def _fill(number: int | None) -> str:
    if number is None:
        return f'fill="{GREY}" opacity="0.35"'
    return f'fill="{COLORS[number % len(COLORS)]}"'


def table(rows: Sequence[tuple[str, str]]) -> str:
    """Names and values, two columns of HTML; values are HTML already."""
    lines = "".join(
        f'<tr><th style="text-align: left; font-weight: 400; opacity: 0.75">{escape(name)}</th>'
        f'<td style="text-align: left">{value}</td></tr>'
        for name, value in rows
    )
    return f"<table>{lines}</table>"


def _svg(size: tuple[int, int], content: str) -> str:
    width, height = size
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" style="max-width: 100%">{content}</svg>'
    )
