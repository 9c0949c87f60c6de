"""`permviz analyze`: what can be permuted in a model, and what keeps the rest."""

import json
from dataclasses import asdict
from pathlib import Path

from rich import box
from rich.table import Table

from permviz.cli.console import progress_bar, remarks, results
from permviz.cli.loading import load
from permviz.graph.analyze import analyze
from permviz.session.coverage import Coverage, LayerCoverage, coverage
from permviz.session.session import Session
from permviz.session.settings import SearchSettings


def run(model: str, state: Path | None, pattern: str, *, as_json: bool) -> None:
    """Analyse a model and print a line for each layer.

    Raises:
        PermvizError: the model cannot be had or captured, or the pattern is not N:M.
    """
    settings = SearchSettings(strategies=("auto",), pattern=pattern)
    loaded = load(model, state)
    with progress_bar(remarks()) as advance:
        graph = analyze(loaded.model, loaded.example_inputs, on_progress=advance)
    session = Session(graph, settings)
    try:
        found = coverage(session)
    finally:
        session.close()
    output = results()
    if as_json:
        output.print(_json(found, model, pattern), soft_wrap=True)
        return
    output.print(_table(found))
    output.print(
        f"{found.permutable_layers} of {len(found.layers)} layers, with "
        f"{found.permutable_share:.1f} % of their weights, can be permuted.",
        soft_wrap=True,
    )


def _json(found: Coverage, model: str, pattern: str) -> str:
    about = {
        "model": model,
        "pattern": pattern,
        "permutable_layers": found.permutable_layers,
        "permutable_share": found.permutable_share,
        "layers": [asdict(layer) for layer in found.layers],
    }
    return json.dumps(about, indent=1)


def _table(found: Coverage) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for title in ("layer", "kind", "weight"):
        table.add_column(title, overflow="fold")
    table.add_column("rows x channels", justify="right", no_wrap=True)
    table.add_column("channel groups, or why it stays", overflow="fold")
    for layer in found.layers:
        searched = f"{layer.rows} x {layer.channels}" if layer.permutable else "-"
        shape = "x".join(map(str, layer.shape))
        table.add_row(layer.name, layer.kind, shape, searched, _story(layer))
    return table


def _story(layer: LayerCoverage) -> str:
    if layer.permutable:
        return " ".join(filter(None, (", ".join(layer.groups) + ".", layer.reason)))
    cause = " ".join(filter(None, (layer.op, f"at {layer.source}" if layer.source else "")))
    return f"{layer.reason} ({cause})" if cause else layer.reason
