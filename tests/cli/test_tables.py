"""Tables and progress bars fit where they are shown."""

import io

import numpy as np
import pytest
from rich.console import Console

from permviz.cli.console import progress_bar, remarks, time_left
from permviz.cli.tables import gaps_line, layer_table
from permviz.search.run import search
from permviz.session.report import LayerRow


def test_gaps_are_summed_up() -> None:
    scores = np.random.default_rng(0).random((4, 12))
    best, other = search(scores, "exact"), search(scores, "random(count=1)")
    assert gaps_line([best, best]) == "Orders proved to be the best: 2 of 2."
    assert f"1 of 2; the others are at most {other.gap:.2f} points" in gaps_line([best, other])


def test_a_narrow_terminal_keeps_every_figure() -> None:
    row = LayerRow(
        name="features.17.conv.0.expand",
        kind="conv2d",
        shape=(960, 160, 1, 1),
        groups=("a",),
        status="permuted",
        reason="",
        rows=960,
        channels=160,
        total=4.0,
        default=3.0,
        row_optimum=3.5,
        by_strategy={"osg(stripes=2, escapes=100)": 3.25},
    )
    for width, shown in ((80, False), (120, True)):
        printed = io.StringIO()
        Console(file=printed, width=width).print(layer_table([row], width))
        text = printed.getvalue()
        assert all(figure in text for figure in ("75.00 %", "81.25 %", "87.50 %", "50.0"))
        assert ("960x160x1x1" in text) == shown
        assert "…" not in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0.2, "1 s left"), (59.5, "1 min 00 s left"), (3601.0, "60 min 01 s left")],
)
def test_time_left(seconds: float | None, text: str) -> None:
    assert time_left(seconds) == text


def test_progress_stays_out_of_pipes(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar(remarks()) as advance:
        advance("Searching [bold]", 0.5, "note")
    captured = capsys.readouterr()
    assert captured.out + captured.err == ""
