"""Thin Panel views: they show values and report choices, and compute nothing.

Each is a `panel.viewable.Viewer` with parameters for what it shows; the app binds them to
its state, a notebook may set them directly. Only core Panel is used.

The names below stand alone in a notebook. Asking for the first of them loads Panel's
extension, so that there is nothing to set up:

    pv.views.Compare([pv.search(scores, text) for text in ("osg", "auto")])
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from permviz.views.compare import Compare
    from permviz.views.groups import Groups
    from permviz.views.parts import Curves, Heatmaps, Layers
    from permviz.views.replay import Replay

__all__ = ["Compare", "Curves", "Groups", "Heatmaps", "Layers", "Replay"]

_HOMES = {
    "Compare": "compare",
    "Curves": "parts",
    "Groups": "groups",
    "Heatmaps": "parts",
    "Layers": "parts",
    "Replay": "replay",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'permviz.views' has no attribute {name!r}")
    import_module("permviz.views.notebook").load()
    value = getattr(import_module(f"permviz.views.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
