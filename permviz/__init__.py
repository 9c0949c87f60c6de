"""permviz: channel permutations for N:M sparsity, searched, seen and exported.

>>> import permviz as pv
>>> pv.efficacy([[4, 3, 4, 3, 0, 0, 1, 0]], [0, 4, 1, 5, 2, 6, 3, 7], "2:4")
100.0

Every name below is imported when it is first used, so `import permviz` is immediate.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from permviz.app.explore import explore
    from permviz.core.pattern import NMPattern
    from permviz.core.permutation import Permutation
    from permviz.core.plan import PermutationPlan
    from permviz.core.problem import SearchProblem
    from permviz.core.score import efficacy
    from permviz.core.trace import SearchTrace
    from permviz.errors import PermvizError
    from permviz.export.checkpoint import CheckReport, ExportReport, check, export
    from permviz.graph.analyze import analyze
    from permviz.graph.apply import apply
    from permviz.graph.types import ChannelGraph
    from permviz.graph.verify import VerifyReport, verify
    from permviz.models.accuracy import accuracy_table
    from permviz.models.detectors import detector_forward
    from permviz.models.sources import LoadedModel, load_model, load_state
    from permviz.models.sparsify import sparsify
    from permviz.search.interpolation import interpolate
    from permviz.search.minimum_sparsity import minimum_sparsity
    from permviz.search.registry import strategies
    from permviz.search.result import SearchResult
    from permviz.search.run import search
    from permviz.session.plan import plan
    from permviz.session.session import Session
    from permviz.session.settings import SearchSettings

    from . import views  # noqa: F401 - its parts are public by their own names

__all__ = [
    "ChannelGraph",
    "CheckReport",
    "ExportReport",
    "LoadedModel",
    "NMPattern",
    "Permutation",
    "PermutationPlan",
    "PermvizError",
    "SearchProblem",
    "SearchResult",
    "SearchSettings",
    "SearchTrace",
    "Session",
    "VerifyReport",
    "accuracy_table",
    "analyze",
    "apply",
    "check",
    "detector_forward",
    "efficacy",
    "explore",
    "export",
    "interpolate",
    "load_model",
    "load_state",
    "minimum_sparsity",
    "plan",
    "search",
    "sparsify",
    "strategies",
    "verify",
]

_HOMES = {
    "ChannelGraph": "graph.types",
    "CheckReport": "export.checkpoint",
    "ExportReport": "export.checkpoint",
    "LoadedModel": "models.sources",
    "NMPattern": "core.pattern",
    "Permutation": "core.permutation",
    "PermutationPlan": "core.plan",
    "PermvizError": "errors",
    "SearchProblem": "core.problem",
    "SearchResult": "search.result",
    "SearchSettings": "session.settings",
    "SearchTrace": "core.trace",
    "Session": "session.session",
    "VerifyReport": "graph.verify",
    "accuracy_table": "models.accuracy",
    "analyze": "graph.analyze",
    "apply": "graph.apply",
    "check": "export.checkpoint",
    "detector_forward": "models.detectors",
    "efficacy": "core.score",
    "explore": "app.explore",
    "export": "export.checkpoint",
    "interpolate": "search.interpolation",
    "load_model": "models.sources",
    "load_state": "models.sources",
    "minimum_sparsity": "search.minimum_sparsity",
    "plan": "session.plan",
    "search": "search.run",
    "sparsify": "models.sparsify",
    "strategies": "search.registry",
    "verify": "graph.verify",
}


def __getattr__(name: str) -> object:
    if name == "__version__":
        return import_module("importlib.metadata").version("permviz")
    if name == "views":
        return import_module("permviz.views")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'permviz' has no attribute {name!r}")
    value = getattr(import_module(f"permviz.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


# `search` and `export` are functions here and folders on the disk. Python binds a folder's
# name in its parent once, at the folder's first import; importing the two (they are empty)
# and letting go of the names leaves them to the functions, whatever is imported later.
for _folder in ("export", "search"):
    import_module(f"permviz.{_folder}")
    del globals()[_folder]
