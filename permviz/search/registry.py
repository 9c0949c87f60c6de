"""The strategies that can be asked for by name, plugins included."""

import ast
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Any, cast

from permviz.errors import StrategyError
from permviz.search.anneal import Anneal
from permviz.search.assignment import Assignment
from permviz.search.auto import Auto
from permviz.search.channel_swap import ChannelSwap
from permviz.search.enumeration import Enumeration
from permviz.search.exact import Exact
from permviz.search.osg import StripeGroups
from permviz.search.perfect import Perfect
from permviz.search.random_orders import RandomOrders
from permviz.search.strategy import Strategy

ENTRY_POINTS = "permviz.strategies"

_OURS: tuple[type[Strategy], ...] = (
    Auto,
    ChannelSwap,
    StripeGroups,
    Assignment,
    Anneal,
    Perfect,
    Exact,
    Enumeration,
    RandomOrders,
)


@cache
def _by_name() -> dict[str, type[Strategy]]:
    known = {kind.name: kind for kind in _OURS}
    for point in entry_points(group=ENTRY_POINTS):
        kind: Any = point.load()
        if not (isinstance(kind, type) and is_dataclass(kind) and hasattr(kind, "steps")):
            raise StrategyError(
                f"The plugin {point.value!r} is not a strategy: it must be a frozen dataclass "
                "with a name and a generator steps(block, rng, kernels)."
            )
        known[point.name] = cast("type[Strategy]", kind)
    return known


def strategies() -> dict[str, dict[str, object]]:
    """Every strategy with its parameters and their defaults."""
    return {
        name: {field.name: field.default for field in fields(kind)}
        for name, kind in _by_name().items()
    }


def make(name: str, **params: object) -> Strategy:
    """Build a strategy from its name and parameters.

    Raises:
        StrategyError: the name or a parameter is unknown, or a value is impossible.
    """
    kind = _by_name().get(name)
    if kind is None:
        raise StrategyError(
            f"There is no strategy {name!r}; choose one of {', '.join(_by_name())}."
        )
    known = strategies()[name]
    unknown = sorted(set(params) - set(known))
    if unknown:
        has = f"it has {', '.join(known)}" if known else "it has none"
        raise StrategyError(f"The strategy {name} has no parameter {unknown[0]!r}; {has}.")
    return kind(**params)


def parse(text: str) -> Strategy:
    """Build a strategy from text such as ``osg(stripes=2, escapes=100)``.

    Only literal values are understood; nothing in the text is executed.

    Raises:
        StrategyError: the text is not a name with keyword parameters, or `make` fails.
    """
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance] - of a user
        raise StrategyError(
            f"A {type(text).__name__} is no strategy's text; write a name, or a name with "
            "parameters such as osg(stripes=2, escapes=100)."
        )
    try:
        name, params = _name_and_params(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
        raise StrategyError(
            f"The strategy {text!r} cannot be read; write a name, or a name with parameters "
            "such as osg(stripes=2, escapes=100)."
        ) from problem
    return make(name, **params)


def _name_and_params(tree: ast.expr) -> tuple[str, dict[str, object]]:
    if isinstance(tree, ast.Name):
        return tree.id, {}
    if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and not tree.args:
        return tree.func.id, {str(k.arg): ast.literal_eval(k.value) for k in tree.keywords}
    raise ValueError(ast.dump(tree))


def describe(strategy: Strategy) -> str:
    """A strategy as people write it: its name, and the parameters that are not the defaults.

    Equal strategies have equal descriptions, and `parse` reads them back.
    """
    return described(strategy.name, parameters(strategy))


def described(name: str, params: Mapping[str, object]) -> str:
    """The same from a name and parameters, as results and plans keep them."""
    usual = strategies().get(name, {})
    told = [f"{key}={value!r}" for key, value in params.items() if usual.get(key) != value]
    return f"{name}({', '.join(told)})" if told else name


def parameters(strategy: Strategy) -> dict[str, object]:
    """The parameters of a strategy by name."""
    return {field.name: getattr(strategy, field.name) for field in fields(strategy)}
