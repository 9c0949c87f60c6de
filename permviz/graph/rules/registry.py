"""Which rule reads which operation; an operation that is not here is frozen.

A rule is a function from one `Call` to the value (or values) that the operation returns.
What it finds out on the way, it writes to the call's ledger.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from permviz.graph.labels import Value
from permviz.graph.ledger import Call

Result = Value | Sequence[Value]
Rule = Callable[[Call], Result]


class UnsupportedError(Exception):
    """Raised by a rule for a use of its operation that it cannot vouch for."""


_RULES: dict[str, Rule] = {}


def rule(*operations: str) -> Callable[[Rule], Rule]:
    """Register a function for operations such as ``conv2d``, or ``max.other`` for one overload.

    A text may list several of them, with spaces in between. Operations of libraries other
    than torch have their namespace in front, as in ``torchvision::roi_align``.
    """

    def register(function: Rule) -> Rule:
        for operation in " ".join(operations).split():
            space, _, name = operation.rpartition("::")
            _RULES[f"{space or 'aten'}.{name}"] = function
        return function

    return register


def find_rule(op: str, overload: str) -> Rule | None:
    """Rule of an operation; its in-place form, ``relu_``, has the rule of ``relu``."""
    plain = op.rstrip("_")
    names = (f"{op}.{overload}", op, f"{plain}.{overload}", plain)
    return next((_RULES[name] for name in names if name in _RULES), None)


def registered() -> Mapping[str, Rule]:
    """All rules by operation name."""
    return MappingProxyType(_RULES)
