"""Which outputs of a model count: what must not change when channels move.

By default everything counts, with one exception. An output in the style of Hugging Face
(a dataclass) that holds logits often also holds states of the inside: hidden states,
attention weights, caches. They are not what such a model is run for, and one of them is
enough to keep the residual stream in its order, so they are left out, by name, and said.
"""

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, cast

from torch import Tensor
from torch.utils import _pytree

from permviz.errors import CaptureError
from permviz.graph.nested import members

#: Names or places of outputs, a function of the whole output, or None for the default.
Choice = str | int | Sequence[str | int] | Callable[[Any], Any] | None

LOGITS = re.compile(r"(^|_)logits($|_per_)")
STATES = re.compile(
    r"(^|_)(hidden_states?|attentions?|past_key_values|buckets_states|cache(_params)?|mems|states?|"
    r"router_logits|router_probs|model_output)$"
)
_PLAIN = (str, bytes, bool, int, float, complex, Enum, type(None))


@dataclass(frozen=True, slots=True)
class Counted:
    """The outputs of one call that count.

    Attributes:
        names: path of each tensor, such as ``logits`` or ``boxes.0``.
        tensors: the tensors.
        left_out: names of the outputs that do not count.
    """

    names: tuple[str, ...]
    tensors: tuple[Tensor, ...] = field(repr=False)
    left_out: tuple[str, ...] = ()


def counted(output: Any, choice: Choice = None) -> Counted:
    """Pick the outputs that count out of what a model returned.

    Raises:
        CaptureError: there is no such output, or one holds something that is no tensor.
    """
    if callable(choice):
        picked, rest = [("chosen", choice(output))], {}
    else:
        entries = dict(_entries(output))
        names = _default(output, entries) if choice is None else _named(entries, choice)
        picked = [(name, entries[name]) for name in names]
        rest = {name: part for name, part in entries.items() if name not in names}
    found = [leaf for name, part in picked for leaf in _tensors(name, part)]
    left = tuple(name for name, part in rest.items() if not isinstance(part, _PLAIN))
    return Counted(tuple(name for name, _ in found), tuple(leaf for _, leaf in found), left)


def _entries(output: Any) -> Iterator[tuple[str, Any]]:
    """The outputs by name; a single one is called ``output``."""
    parts = members(output)
    if isinstance(output, Mapping):
        for name, part in cast("Mapping[Any, Any]", output).items():
            yield str(name), part
    elif dataclasses.is_dataclass(output) and not isinstance(output, type):
        for entry in dataclasses.fields(output):
            yield entry.name, getattr(output, entry.name)
    elif parts is not None:
        names = cast("Sequence[str]", getattr(output, "_fields", range(len(parts))))
        yield from zip(map(str, names), parts, strict=True)
    else:
        yield "output", output


def _default(output: Any, entries: Mapping[str, Any]) -> list[str]:
    styled = dataclasses.is_dataclass(output)
    predicted = [
        name
        for name, part in entries.items()
        if LOGITS.search(name) and not STATES.search(name) and part is not None
    ]
    if not styled or not predicted:
        return [*entries]
    return [name for name in entries if not STATES.search(name)]


def _named(entries: Mapping[str, Any], choice: str | int | Sequence[str | int]) -> list[str]:
    wanted = [choice] if isinstance(choice, (str, int)) else list(choice)
    names = [name for name, part in entries.items() if part is not None]
    found: list[str] = []
    for item in wanted:
        inside = isinstance(item, int) and -len(names) <= item < len(names)
        name = names[int(item)] if inside else item
        if name not in names:
            raise CaptureError(
                f"The model has no output {item!r}; it returns {', '.join(names)}. "
                "Choose outputs by name, by place, or by a function of the whole output."
            )
        found.append(str(name))
    return list(dict.fromkeys(found))


def _tensors(name: str, part: Any) -> Iterator[tuple[str, Tensor]]:
    if isinstance(part, Tensor):
        yield name, part
    elif not isinstance(part, _PLAIN):
        inside = dict(_entries(part))
        if [*inside] == ["output"]:
            inside = {str(at): leaf for at, leaf in enumerate(_registered(name, part))}
        for key, item in inside.items():
            yield from _tensors(f"{name}.{key}", item)


def _registered(name: str, part: object) -> list[Any]:
    """What a container that torch knows holds, such as a cache of keys and values."""
    leaves = _pytree.tree_leaves(part)
    if any(leaf is part for leaf in leaves):
        raise CaptureError(
            f"The output {name!r} is a {type(part).__name__}, and what it holds cannot be seen; "
            "say with outputs= which outputs count."
        )
    return leaves
