"""`permviz analyze`: what can be permuted in a model, and what keeps the rest."""

import json
from dataclasses import asdict
from pathlib import Path

from rich import box
from rich.table import Table
from torch import nn

from permviz.cli.console import progress_bar, remarks, results
from permviz.cli.loading import load
from permviz.cli.outputs import choice
from permviz.graph.analyze import analyze
from permviz.graph.calling import Forward
from permviz.graph.types import ChannelGraph
from permviz.models.names import architectures
from permviz.models.networks import networks
from permviz.session.coverage import Coverage, LayerCoverage, coverage
from permviz.session.session import Session
from permviz.session.settings import SearchSettings


def run(model: str, state: Path | None, pattern: str, outputs: str = "", *, as_json: bool) -> None:
    """Analyse a model and print a line for each layer.

    Args:
        model: a demo or architecture, or a network of `permviz reproduce coverage`, which
            gets random weights.
        state: file with weights for it; None for its own.
        pattern: N:M.
        outputs: comma-separated names or places of those that count; empty for the default.
        as_json: whether to print JSON.

    Raises:
        PermvizError: the model cannot be had or captured, or the pattern is not N:M.
    """
    settings = SearchSettings(strategies=("auto",), pattern=pattern)
    inputs = _inputs(model, state)
    with progress_bar(remarks()) as advance:
        graph = analyze(
            inputs[0],
            inputs[1],
            forward=inputs[2],
            outputs=choice(outputs),
            on_progress=advance,
        )
    session = Session(graph, settings)
    try:
        found = coverage(session)
    finally:
        session.close()
    output = results()
    if as_json:
        output.print(_json(found, graph, model, pattern), soft_wrap=True)
        return
    output.print(_table(found))
    report = graph.verification
    output.print(report.message if report else graph.unverified, soft_wrap=True)
    output.print(
        f"{found.permutable_layers} of {len(found.layers)} layers, with "
        f"{found.permutable_share:.1f} % of their weights, can be permuted.",
        soft_wrap=True,
    )


def _inputs(model: str, state: Path | None) -> tuple[nn.Module, object, Forward | None]:
    """A model, what it is called with, and by which function if not its own."""
    known = {} if model in architectures() else {each.name: each for each in networks()}
    if state is None and model in known:
        network = known[model]
        built, inputs = network.ready()
        return built, inputs, network.forward(built) if network.forward else None
    loaded = load(model, state)
    return loaded.model, loaded.example_inputs, None


def _json(found: Coverage, graph: ChannelGraph, model: str, pattern: str) -> str:
    about = {
        "model": model,
        "pattern": pattern,
        "permutable_layers": found.permutable_layers,
        "permutable_share": found.permutable_share,
        "outputs": graph.outputs,
        "outputs_left_out": graph.left_out,
        "verification": asdict(graph.verification) if graph.verification else None,
        "unverified": graph.unverified,
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
