"""Which outputs count, as the command line says it."""

from collections.abc import Mapping
from typing import Any

from permviz.graph.selection import Choice


def choice(listed: str) -> Choice:
    """Read names and places such as ``logits,1``; None, the default, for an empty text."""
    names = [name.strip() for name in listed.split(",") if name.strip()]
    return [int(name) if name.lstrip("-").isdigit() else name for name in names] or None


def recorded(verification: Mapping[str, Any]) -> Choice:
    """Which outputs an export was made for, as its report tells; None for the default."""
    told = verification.get("outputs")
    if not isinstance(told, list):
        return None
    return [name for name in told if isinstance(name, str | int)] or None
