"""One self-contained HTML page about an export: no network, opens from disk.

Only what draws its figures is script, and an export without figures has none.
"""

import os
from collections.abc import Iterable
from html import escape
from pathlib import Path

from permviz.errors import ExportError
from permviz.export.drawing import SCRIPT_POLICY, figures_html
from permviz.export.files import read_text, stamp
from permviz.export.gallery import Gallery
from permviz.export.layers import LayerExport
from permviz.export.names import FIGURES, PAGE
from permviz.export.page_style import STYLE
from permviz.export.report import ExportReport, read_report


def write_page(directory: Path | str, output: Path | str | None = None) -> Path:
    """Write the page of an export, by default as ``report.html`` inside it.

    Raises:
        ExportError: the directory holds no export, or the file cannot be written.
    """
    source = Path(directory).expanduser().resolve()
    target = source / PAGE if output is None else Path(output).expanduser().resolve()
    report = read_report(source)
    text = page(report, _gallery(source, report))
    # Written beside it first, so that a full disk leaves an older page as it was.
    fresh = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(target)
    except OSError as problem:
        fresh.unlink(missing_ok=True)
        raise ExportError(
            f"The page cannot be written to {target} ({problem.strerror}); choose another file."
        ) from problem
    return target


def _gallery(source: Path, report: ExportReport) -> Gallery | None:
    if FIGURES not in report.files:
        return None
    text = read_text(source / FIGURES)
    if report.files[FIGURES] != stamp(source / FIGURES):
        raise ExportError(f"{FIGURES} in {source} was changed after it was written; export again.")
    return Gallery.from_json(text)


def page(report: ExportReport, gallery: Gallery | None = None) -> str:
    """Compose the page; every text of the model or the files is escaped."""
    title = f"{report.directory.name} at {report.pattern}"
    parts = (
        _headline(title, report),
        _cards(report),
        _verification(report),
        _accuracy(report),
        _layers(report),
        "" if gallery is None else figures_html(gallery),
        _provenance(report),
    )
    body = "\n".join(part for part in parts if part)
    policy = "" if gallery is None else f"; {SCRIPT_POLICY}"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" '
        f"content=\"default-src 'none'; style-src 'unsafe-inline'{policy}\">\n"
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _headline(title: str, report: ExportReport) -> str:
    sums = report.totals
    return (
        f"<h1>{escape(title)}</h1>\n"
        f"<p>{sums.sparse_layers} layers are {escape(str(report.pattern))} sparse, "
        f"{sums.dense_layers} stay dense. Of {sums.weights:,} weights in them "
        f"{sums.zeros:,} are zero.</p>"
    )


def _cards(report: ExportReport) -> str:
    sums = report.totals
    figures = (
        ("Default order", _share(sums.default, sums.total), "of the scores retained"),
        ("Permuted", _share(sums.retained, sums.total), "of the scores retained"),
        ("No permutation exceeds", _share(sums.row_optimum, sums.total), "the row optimum"),
        ("Efficacy", f"{sums.efficacy:.1f}", "percent of the possible gain"),
    )
    cards = "".join(
        f"<li><span>{escape(name)}</span><strong>{escape(value)}</strong>"
        f"<span>{escape(unit)}</span></li>"
        for name, value, unit in figures
    )
    return f'<ul class="cards">{cards}</ul>'


def _verification(report: ExportReport) -> str:
    if not report.verification:
        return "<p>The output was not compared: no example inputs were given.</p>"
    return f"<p><b>Output check.</b> {escape(str(report.verification.get('message', '')))}</p>"


def _accuracy(report: ExportReport) -> str:
    if not report.accuracy:
        return ""
    rows = (
        (
            str(row.get("label", "")),
            _percent(row.get("accuracy"), row.get("deviation")),
            _percent(row.get("recalibrated"), row.get("recalibrated_deviation")),
        )
        for row in report.accuracy
    )
    head = ("model", "accuracy %", "after BatchNorm recalibration %")
    return "<h2>Accuracy</h2>\n" + _table(head, (_cells(row) for row in rows))


def _layers(report: ExportReport) -> str:
    floor = report.pattern.n / report.pattern.m
    head = (
        "layer",
        "weight",
        f"retained, from {100 * floor:.0f} to 100 %",
        "default",
        "permuted",
        "efficacy",
        "sparse tensor cores",
        "notes",
    )
    legend = (
        '<p class="legend"><i class="permuted"></i> permuted <i class="default"></i> default '
        '<i class="optimum"></i> row optimum. Any order retains at least '
        f"{100 * floor:.0f} % of the scores, so the bars begin there.</p>"
    )
    rows = (_layer_row(row, floor) for row in report.layers)
    return "<h2>Layers</h2>\n" + legend + _table(head, rows)


def _layer_row(row: LayerExport, floor: float) -> str:
    named = f"<th>{escape(row.name or '(the model)')}<small>{escape(row.kind)}</small></th>"
    shape = f"<td>{'x'.join(map(str, row.shape))}</td>"
    if row.status == "dense":
        return named + shape + '<td class="dense">dense</td>' + _cells(("",) * 4) + _notes(row)
    figures = (
        _share(row.default, row.total),
        _share(row.retained, row.total),
        f"{row.efficacy:.1f}",
        ", ".join(row.deployability.targets) or "no",
    )
    return named + shape + f"<td>{_bar(row, floor)}</td>" + _cells(figures) + _notes(row)


def _bar(row: LayerExport, floor: float) -> str:
    """Two bars and a mark, as positions in percent between the floor and 100 %."""
    if row.total <= 0:
        return ""
    default, kept, most = (
        100 * max(0.0, part / row.total - floor) / (1 - floor)
        for part in (row.default, row.retained, row.row_optimum)
    )
    return (
        f'<div class="bar"><b class="permuted" style="width:{kept:.2f}%"></b>'
        f'<b class="default" style="width:{default:.2f}%"></b>'
        f'<b class="optimum" style="left:{most:.2f}%"></b></div>'
    )


def _notes(row: LayerExport) -> str:
    notes = [row.reason, row.note]
    if row.status == "sparse" and not row.deployability.runs:
        notes += row.deployability.reasons[:1]
    return f'<td class="notes">{"<br>".join(escape(note) for note in notes if note)}</td>'


def _provenance(report: ExportReport) -> str:
    strategies = ", ".join(f"{name} ({count} groups)" for name, count in report.strategies.items())
    rows = [
        ("Strategies", strategies or "none"),
        ("Importance", report.importance),
        *((f"Fingerprint, {name}", value) for name, value in report.fingerprints.items()),
        *((f"Version of {name}", value) for name, value in report.versions.items()),
        *((name, f"sha256:{file.get('sha256', '')}") for name, file in report.files.items()),
    ]
    lines = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows)
    return f"<h2>How it was made</h2>\n<dl>{lines}</dl>"


def _table(head: Iterable[str], rows: Iterable[str]) -> str:
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    lines = "\n".join(f"<tr>{row}</tr>" for row in rows)
    return f"<table>\n<thead><tr>{titles}</tr></thead>\n<tbody>\n{lines}\n</tbody>\n</table>"


def _cells(values: Iterable[str]) -> str:
    return "".join(f"<td>{escape(value)}</td>" for value in values)


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.2f} %" if whole > 0 else "-"


def _percent(value: object, deviation: object) -> str:
    if not isinstance(value, int | float):
        return "-"
    spread = f" ± {deviation:.2f}" if isinstance(deviation, int | float) else ""
    return f"{value:.2f}{spread}"
