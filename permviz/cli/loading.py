"""Models as the command line names them."""

from pathlib import Path

from permviz.errors import SourceError
from permviz.models.sources import LoadedModel, architectures, load_model, load_state


def load(model: str, state: Path | None) -> LoadedModel:
    """Load a demo, or a state file for an architecture.

    Raises:
        SourceError: neither can be had.
    """
    return load_model(model) if state is None else load_state(model, state, state.name)


def check_known(model: str) -> None:
    """Refuse an unknown name before a server is started for it.

    Raises:
        SourceError: no such model or architecture.
    """
    if model not in architectures():
        raise SourceError(
            f"The model {model!r} is unknown; choose one of {', '.join(architectures())}."
        )
