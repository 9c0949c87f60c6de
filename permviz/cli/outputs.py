"""Which outputs count, as the command line says it."""

from permviz.graph.selection import Choice


def choice(listed: str) -> Choice:
    """Read names and places such as ``logits,1``; None, the default, for an empty text."""
    names = [name.strip() for name in listed.split(",") if name.strip()]
    return [int(name) if name.lstrip("-").isdigit() else name for name in names] or None
