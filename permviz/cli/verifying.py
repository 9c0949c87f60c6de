"""`permviz verify`: check an export, alone or against the model it was made from."""

from pathlib import Path

from permviz.cli.console import results
from permviz.cli.loading import load
from permviz.cli.outputs import choice
from permviz.errors import SourceError
from permviz.export.checkpoint import check
from permviz.graph.calling import Inputs


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
        loaded = load(model, state)
        inputs = Inputs.of(loaded.example_inputs, outputs=choice(outputs))
        report = check(directory, loaded.model, inputs)
    output = results()
    for sentence in report.checks:
        output.print(f"✓ {sentence}", soft_wrap=True)
    if model is None:
        output.print(
            "Pass --model to compare the output with the model that was exported.", soft_wrap=True
        )
