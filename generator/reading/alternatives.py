"""Which things from outside of the source a variable may stand for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from .callees import functions_called, parameters_given
from .classes import ClassIndex
from .names import meaning
from .scopes import FUNCTIONS, Binding, Scope


@dataclass
class Alternatives:
    """What a variable may be given.

    Attributes:
        paths: the dotted path of each, by where it is given; empty where it is anything else.
    """

    paths: dict[ast.AST, str] = field(default_factory=dict)


def alternatives(index: ClassIndex, variable: ast.expr) -> Alternatives:
    """What a variable may be given, as far as the source shows it."""
    found = Alternatives()
    _collect(index, variable, found, set())
    return found


def may_be_among(index: ClassIndex, function: ast.expr, paths: frozenset[str]) -> bool:
    """Whether a variable may be given one of some things from outside of the source."""
    if not isinstance(function, ast.Name):
        return False
    if all(each.rpartition(".")[2] not in index.source.text for each in paths):
        return False
    return not paths.isdisjoint(alternatives(index, function).paths.values())


def _collect(
    index: ClassIndex, value: ast.expr, found: Alternatives, seen: set[tuple[Scope, str]]
) -> None:
    if isinstance(value, ast.IfExp):
        _collect(index, value.body, found, seen)
        _collect(index, value.orelse, found, seen)
        return
    path = meaning(index.source, value).path
    bound = index.source.scope(value).lookup(value.id) if isinstance(value, ast.Name) else None
    if path or bound is None or not isinstance(value, ast.Name):
        found.paths[value] = path
        return
    if (bound[0], value.id) in seen:
        return
    seen.add((bound[0], value.id))
    for binding in bound[1]:
        if binding.kind == "parameter":
            for each in given_to(index, binding):
                _collect(index, each, found, seen)
        elif binding.kind == "assign" and binding.value is not None:
            _collect(index, binding.value, found, seen)
        else:
            found.paths[binding.node] = binding.path


def given_to(index: ClassIndex, parameter: Binding) -> Iterator[ast.expr]:
    """The default of a parameter, and what the calls in the source pass to it."""
    if parameter.value is not None:
        yield parameter.value
    function = index.source.parent(index.source.parent(parameter.node))
    name = getattr(parameter.node, "arg", "")
    if not isinstance(function, FUNCTIONS):
        return
    for call in index.source.nodes:
        if isinstance(call, ast.Call) and function in functions_called(index, call.func):
            arguments = [(each, None) for each in call.args]
            passed = [*arguments, *((each.value, each.arg) for each in call.keywords)]
            for value, keyword in passed:
                if name in parameters_given(index.source, function, value, call, keyword):
                    yield value
