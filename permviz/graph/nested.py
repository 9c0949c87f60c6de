"""Walking through nested lists, tuples, dicts and dataclasses of tensors or values."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar, cast

Kind = TypeVar("Kind")


def members(item: object) -> list[Any] | None:
    """What a list or tuple holds, None for anything else."""
    return list(cast("list[Any]", item)) if isinstance(item, (list, tuple)) else None


def leaves(item: object, kind: type[Kind]) -> Iterator[Kind]:
    """Everything of one kind inside, in order."""
    if isinstance(item, kind):
        yield item
        return
    for part in _parts(item):
        yield from leaves(part, kind)


def mapped(item: Any, kind: type[Kind], change: Callable[[Kind], Kind]) -> Any:
    """The same nesting with everything of one kind changed; other containers stay as they are."""
    if isinstance(item, kind):
        return change(item)
    if isinstance(item, dict):
        entries = cast("dict[Any, Any]", item)
        return {name: mapped(part, kind, change) for name, part in entries.items()}
    if isinstance(item, (list, tuple)):
        parts = [mapped(part, kind, change) for part in cast("list[Any]", item)]
        make: Any = type(cast("object", item))
        return make(*parts) if hasattr(make, "_fields") else make(parts)
    return item


def _parts(item: object) -> list[Any]:
    if isinstance(item, Mapping):
        return list(cast("Mapping[Any, Any]", item).values())
    if dataclasses.is_dataclass(item) and not isinstance(item, type):
        return [getattr(item, entry.name) for entry in dataclasses.fields(item)]
    return members(item) or []
