"""Models as the command line names them."""

from pathlib import Path

from permviz.cli.console import remarks
from permviz.errors import SourceError
from permviz.models.factories import made, names_a_factory
from permviz.models.libraries import belongs
from permviz.models.names import architectures
from permviz.models.sources import LoadedModel, load_model, load_state


def load(model: str, state: Path | None) -> LoadedModel:
    """Load a model by its name, or a state file for an architecture.

    Raises:
        SourceError: neither can be had.
    """
    if state is not None:
        return load_state(model, state, state.name)
    loaded = given(model) or load_model(model)
    if not loaded.trained:
        remarks().print(loaded.about, soft_wrap=True)
    return loaded


def given(model: str) -> LoadedModel | None:
    """What a function of the user's makes, or None if the name is not that of a function.

    Raises:
        SourceError: it makes no model.
    """
    return made(model) if names_a_factory(model) else None


def check_known(model: str) -> None:
    """Refuse an unknown name before a server is started for it.

    Raises:
        SourceError: no such model or architecture.
    """
    if model not in architectures() and not belongs(model):
        raise SourceError(
            f"The model {model!r} is unknown; choose one of {', '.join(architectures())}, name a "
            "library's, such as timm:resnet50d, or a function of yours as module:function."
        )
