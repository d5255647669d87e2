"""What a name in a source stands for, and how to spell a thing of torch in it."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Literal

from .scopes import Binding, Scope
from .source import Source

Kind = Literal["import", "class", "function", "parameter", "value", "unknown"]

# Star imports that bring no convolution and no ``nn``.
_HARMLESS_STARS = ("torch", "torch.nn.functional", "torch.nn.init", "typing", "math", "numpy", "os")
_CLASS_STARS = ("torch.nn", "torch.nn.modules", "torch.nn.modules.conv")


@dataclass(frozen=True)
class Meaning:
    """What an expression refers to.

    Attributes:
        kind: ``"import"`` for something outside the source; ``"class"``, ``"function"`` or
            ``"parameter"`` for one definition in it; ``"value"`` for anything else that it binds;
            ``"unknown"`` where a reader of this source alone cannot tell.
        path: the dotted path of an import.
        node: the definition in the source.
        default: the default of a parameter.
    """

    kind: Kind
    path: str = ""
    node: ast.AST | None = None
    default: ast.expr | None = None


_VALUE = Meaning("value")
_UNKNOWN = Meaning("unknown")


def meaning(source: Source, expression: ast.expr) -> Meaning:
    """Say what a name or a dotted name refers to, through imports and through aliases."""
    return _meaning(source, expression, depth=0)


def _meaning(source: Source, expression: ast.expr, depth: int) -> Meaning:
    if depth > 20:  # names that are defined by each other
        return _UNKNOWN
    if isinstance(expression, ast.Attribute):
        base = _meaning(source, expression.value, depth + 1)
        if base.kind == "import":
            return Meaning("import", f"{base.path}.{expression.attr}")
        return _UNKNOWN if base.kind == "unknown" else _VALUE
    if not isinstance(expression, ast.Name):
        return _VALUE
    scope = source.scope(expression)
    found = scope.lookup(expression.id)
    if found is None:
        return _from_star_import(scope, expression.id)
    return _from_bindings(source, found[1], depth)


def _from_bindings(source: Source, bindings: list[Binding], depth: int) -> Meaning:
    # ``except ImportError: nn = None`` does not change what a model that runs refers to.
    telling = [each for each in bindings if not _is_none(each.value) or each.kind == "parameter"]
    meanings = {_from_binding(source, each, depth) for each in telling or bindings}
    if len(meanings) == 1:
        return meanings.pop()
    return _UNKNOWN if any(each.kind in ("import", "unknown") for each in meanings) else _VALUE


def _from_binding(source: Source, binding: Binding, depth: int) -> Meaning:
    if binding.kind == "import":
        return Meaning("import", binding.path)
    if binding.kind == "class":
        return Meaning("class", node=binding.node)
    if binding.kind == "function":
        return Meaning("function", node=binding.node)
    if binding.kind == "parameter":
        return Meaning("parameter", node=binding.node, default=binding.value)
    if isinstance(binding.value, (ast.Name, ast.Attribute)):
        return _meaning(source, binding.value, depth + 1)
    return _VALUE


def _from_star_import(scope: Scope, name: str) -> Meaning:
    stars = [star for each in scope.visible() for star in each.star_imports]
    for star in reversed(stars):
        if star in _CLASS_STARS and name[0].isupper():  # its classes, without a list of them
            return Meaning("import", f"{star}.{name}")
        if star not in (*_HARMLESS_STARS, *_CLASS_STARS):
            return _UNKNOWN
    return _UNKNOWN


def _is_none(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Constant) and value.value is None
