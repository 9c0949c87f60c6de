"""`permviz verify`: check an export, alone or against the model it was made from."""

from pathlib import Path

from permviz.cli.console import progress_bar, remarks, results
from permviz.cli.loading import load
from permviz.cli.outputs import choice, recorded
from permviz.errors import SourceError
from permviz.export.checkpoint import check
from permviz.export.report import read_report
from permviz.graph.analyze import analyze


def run(directory: Path, model: str | None, state: Path | None, outputs: str = "") -> None:
    """Check an export and say what was proved.

    Raises:
        PermvizError: something is not as it should be.
    """
    if model is None and state is not None:
        raise SourceError("--state needs --model, the name of the architecture of that file.")
    if model is None and outputs:
        raise SourceError("--outputs needs --model, whose outputs they are.")
    if model is None:
        report = check(directory)
    else:
        check(directory)  # a damaged export is better known before the model is analysed
        loaded = load(model, state)
        wanted = choice(outputs) or recorded(read_report(directory).verification)
        with progress_bar(remarks()) as advance:
            graph = analyze(
                loaded.model,
                loaded.example_inputs,
                outputs=wanted,
                verify=False,  # the groups of the plan are tried out below
                on_progress=advance,
            )
            report = check(
                directory,
                loaded.model,
                graph,
                on_progress=lambda doing, part: advance(doing, 0.5 + 0.5 * part),
            )
    output = results()
    for sentence in report.checks:
        output.print(f"✓ {sentence}", soft_wrap=True)
    if model is None:
        output.print(
            "Pass --model to compare the output with the model that was exported.", soft_wrap=True
        )
