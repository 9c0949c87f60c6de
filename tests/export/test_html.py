"""The page shows the export's figures, needs no network and runs nothing."""

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from torch import nn

from permviz.core.plan import PermutationPlan
from permviz.errors import ExportError
from permviz.export.checkpoint import Details, check, export
from permviz.export.html import page, write_page
from permviz.export.report import read_report
from permviz.models.accuracy_report import AccuracyRow, AccuracyTable

EVIL = '<script>alert("x")</script><img src=http://evil.example>'


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(text: str) -> Tags:
    tags = Tags()
    tags.feed(text)
    assert tags.open == []
    return tags


def test_the_page_shows_every_layer_and_the_totals(exported: Path) -> None:
    report = read_report(exported)
    text = page(report)
    parsed(text)
    for layer in report.layers:
        assert f">{layer.name}<" in text
    assert f"{report.totals.efficacy:.1f}" in text
    assert "18 is not a multiple of 4" in text
    assert report.fingerprints["original"] in text


def test_nothing_on_the_page_is_fetched_or_run(exported: Path) -> None:
    text = page(read_report(exported))
    tags = parsed(text)
    assert {tag for tag, _ in tags.seen}.isdisjoint({"script", "img", "link", "iframe", "object"})
    assert not any({"src", "href"} & set(attributes) for _, attributes in tags.seen)
    assert not any(name.startswith("on") for _, attributes in tags.seen for name in attributes)
    assert "url(" not in text
    assert "@import" not in text


def test_texts_of_the_model_are_escaped(exported: Path) -> None:
    report = read_report(exported)
    layers = tuple(
        replace(row, name=EVIL, kind=EVIL, reason=EVIL, note=EVIL) for row in report.layers
    )
    evil = replace(
        report,
        layers=layers,
        directory=Path(EVIL),
        importance=EVIL,
        verification={"message": EVIL},
        accuracy=({"label": EVIL, "accuracy": EVIL},),
        strategies={EVIL: 1},
        versions={EVIL: EVIL},
        fingerprints={EVIL: EVIL},
        files={EVIL: {"sha256": EVIL}},
    )
    tags = {tag for tag, _ in parsed(page(evil)).seen}
    assert "script" not in tags
    assert "img" not in tags


def test_the_accuracy_is_shown(model: nn.Module, plan: PermutationPlan, tmp_path: Path) -> None:
    rows = (
        AccuracyRow("dense", 98.1, None, 98.2, None),
        AccuracyRow("5 random orders 2:4", 51.25, 3.5, 90.0, 1.25),
    )
    details = Details(accuracy=AccuracyTable(rows, 5, 1000))
    export(model, plan, tmp_path / "out", details=details)
    text = page(read_report(tmp_path / "out"))
    assert "<td>98.10</td>" in text
    assert "<td>51.25 ± 3.50</td><td>90.00 ± 1.25</td>" in text


def test_the_page_in_the_export_does_not_disturb_it(
    exported: Path, model: nn.Module, plan: PermutationPlan
) -> None:
    assert write_page(exported) == exported / "report.html"
    check(exported)
    export(model, plan, exported)
    assert not (exported / "report.html").exists()


def test_a_page_that_cannot_be_written_is_one_sentence(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="choose another file"):
        write_page(exported, tmp_path / "missing" / "page.html")
    with pytest.raises(ExportError, match="choose another file"):
        write_page(exported, tmp_path)
