"""Models that the user's own Python code makes, named as ``package.module:function``.

Only the command line asks for them, for whoever types there may run code anyway. What comes
over the network, in an upload or in an address, never gets here.
"""

import importlib
import sys
from pathlib import Path
from typing import Any

from torch import nn

from permviz.errors import SourceError
from permviz.models.libraries import belongs
from permviz.models.sources import LoadedModel


def names_a_factory(name: str) -> bool:
    """Whether a name is that of a function, not of a library's network."""
    return ":" in name and not belongs(name)


def made(name: str) -> LoadedModel:
    """Call a function of the user's that returns a model and its example inputs.

    Args:
        name: module and function, as ``package.module:function``; the module may lie in the
            working directory.

    Raises:
        SourceError: there is no such function, it raises, or it returns something else.
    """
    module, _, function = name.partition(":")
    try:
        found = _called(module, function)
    except Exception as problem:
        raise SourceError(
            f"{name} made no model ({type(problem).__name__}: {problem}); it has to be a function "
            "without arguments, named as package.module:function."
        ) from problem
    if not (isinstance(found, tuple) and len(found) == 2 and isinstance(found[0], nn.Module)):
        raise SourceError(
            f"{name} returned {type(found).__name__} instead of a pair of a torch.nn.Module and "
            "its example inputs."
        )
    model, inputs = found
    return LoadedModel(name, model.eval(), inputs, None, f"What {name} returned.")


def _called(module: str, function: str) -> Any:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    return getattr(importlib.import_module(module), function)()
