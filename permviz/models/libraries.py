"""Networks of torchvision, timm and transformers by name, such as ``timm:resnet50d``.

Weights come from this machine's caches where they are there, and are random where not; which
of the two is always said. Nothing is downloaded, and no code of a model's repository is run.
"""

import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import nn

from permviz.errors import SourceError
from permviz.models import torchvision_models
from permviz.models.checkpoint import fit_state, read_state
from permviz.models.networks import Network, enliven, networks, picture, quietly

RANDOM = (
    "random weights: trained ones are not on this machine, and nothing is downloaded; open a file "
    "of weights for figures that mean something"
)
_SMALL = "random weights, in a small configuration that shows how its channels are coupled"
LIBRARIES = ("torchvision", "timm", "transformers")
_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")
_INSTALL = "pip install 'permviz[coverage]'"


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A network of a library.

    Attributes:
        network: in evaluation mode.
        inputs: what it is called with.
        weights: what they are, in a few words.
        trained: whether they were ever trained.
    """

    network: nn.Module = field(repr=False)
    inputs: object = field(repr=False)
    weights: str
    trained: bool


def belongs(name: str) -> bool:
    """Whether a name says which library it is of."""
    return name.partition(":")[0] in LIBRARIES and ":" in name


def suggestions() -> tuple[str, ...]:
    """Some names for each library that is installed; any other of its names will do."""
    return tuple(name for name, network in _known().items() if network.installed)


def find(name: str, *, trained: bool = True) -> Found:
    """Build a network by its name, with the weights that this machine has.

    Args:
        name: the library, a colon, and the library's name for it.
        trained: whether to look for trained weights at all.

    Raises:
        SourceError: the library is not installed or does not know the name, or the network
            cannot be built without its code or configuration.
    """
    library, _, short = name.partition(":")
    if library not in LIBRARIES or not _NAME.fullmatch(short):
        raise SourceError(
            f"{name!r} does not name a network; write it as one of "
            f"{', '.join(f'{known}:NAME' for known in LIBRARIES)}."
        )
    if find_spec(library) is None:
        raise SourceError(f"{name} needs {library}, which is not installed; run: {_INSTALL}")
    try:
        return _FINDERS[library](short, trained)
    except SourceError:
        raise
    except Exception as problem:
        # Libraries raise whatever they like for a model that they cannot build.
        said = str(problem).strip().partition("\n")[0]
        raise SourceError(
            f"{library} cannot build {short} here ({type(problem).__name__}: {said}); "
            f"choose another, such as {', '.join(_examples(library))}."
        ) from problem


def _torchvision(name: str, trained: bool) -> Found:  # noqa: FBT001 - one of a family
    models = importlib.import_module("torchvision.models")
    full = f"torchvision:{name}"
    if full not in _known() and name not in models.list_models(module=models):
        raise _unknown("torchvision", name)
    network, inputs = _built(full, lambda: models.get_model(name, weights=None), 224)
    if not trained or not torchvision_models.at_hand(name):
        return Found(network, inputs, RANDOM, trained=False)
    file, content = torchvision_models.weights_file(name)
    return _with_weights(network, inputs, file, content)


def _timm(name: str, trained: bool) -> Found:  # noqa: FBT001 - one of a family
    timm = importlib.import_module("timm")
    if not timm.is_model(name.partition(".")[0]):
        raise _unknown("timm", name)
    settings = timm.get_pretrained_cfg(name, allow_unregistered=True)
    network, inputs = _built(
        f"timm:{name}",
        lambda: timm.create_model(name, pretrained=False),
        224 if settings is None else settings.input_size[-1],
    )
    file = None
    if trained and settings is not None and settings.hf_hub_id:
        file = _in_hub(settings.hf_hub_id, "model.safetensors")
    if file is None:
        return Found(network, inputs, RANDOM, trained=False)
    return _with_weights(network, inputs, file, file.read_bytes())


def _transformers(name: str, trained: bool) -> Found:  # noqa: FBT001 - one of a family
    known = _known().get(f"transformers:{name}")
    if known is not None:
        return Found(*known.ready(), _SMALL, trained=False)
    file = _in_hub(name, "config.json")
    if file is None:
        raise SourceError(
            f"transformers:{name} is not in this machine's cache, and nothing is downloaded; "
            f"fetch it with huggingface-cli download {name}, or choose a small random one: "
            f"{', '.join(_examples('transformers'))}."
        )
    library: Any = importlib.import_module("transformers")
    here: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    with quietly():
        if trained and _in_hub(name, "model.safetensors") is not None:
            network = library.AutoModel.from_pretrained(file.parent, use_safetensors=True, **here)
            return Found(network.eval(), _read_by(network), "trained weights", trained=True)
        configuration = library.AutoConfig.from_pretrained(file.parent, **here)
        network = library.AutoModel.from_config(configuration, trust_remote_code=False)
        return Found(enliven(network), _read_by(network), RANDOM, trained=False)


_FINDERS = {"torchvision": _torchvision, "timm": _timm, "transformers": _transformers}


def _read_by(network: Any) -> object:
    """What a network of transformers is called with."""
    if network.main_input_name == "pixel_values":
        return {"pixel_values": picture(int(network.config.image_size))}
    return dict(network.dummy_inputs)


def _built(name: str, make: Callable[[], nn.Module], size: int) -> tuple[nn.Module, object]:
    """A network as it is measured elsewhere, or else one on pictures of its usual size."""
    known = _known().get(name)
    if known is not None:
        return known.ready()
    with quietly():
        return enliven(make()), picture(size)


def _with_weights(network: nn.Module, inputs: object, file: Path, content: bytes) -> Found:
    fit_state(network, read_state(content, file.name), file.name, type(network).__name__)
    return Found(network.eval(), inputs, f"trained weights from {file.name}", trained=True)


def _in_hub(repository: str, filename: str) -> Path | None:
    """A file in the cache of Hugging Face's hub, if it is there."""
    found = importlib.import_module("huggingface_hub").try_to_load_from_cache(repository, filename)
    return Path(found) if isinstance(found, str) else None


@cache
def _known() -> dict[str, Network]:
    return {
        f"{network.package}:{network.name}": network
        for network in networks()
        if network.package in LIBRARIES
        and network.forward is None
        and _NAME.fullmatch(network.name)
    }


def _examples(library: str) -> list[str]:
    return [name for name in _known() if name.startswith(f"{library}:")][:4]


def _unknown(library: str, name: str) -> SourceError:
    return SourceError(
        f"{library} knows no model {name!r}; choose another, such as "
        f"{', '.join(_examples(library))}."
    )
