"""What a name in a source stands for, and how to spell a thing of torch in it."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Literal

from .convolutions import is_functional_convolution
from .scopes import Binding, Scope
from .source import Source

Kind = Literal["import", "class", "function", "parameter", "value", "unknown"]


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


# Star imports that bring no convolution and no ``nn``.
_HARMLESS_STARS = (
    *("torch", "torch.nn.functional", "torch.nn.init", "torch.nn.parameter"),
    *("collections", "functools", "itertools", "math", "numpy", "os", "typing"),
)
_SUBMODULES = ("functional", "init", "modules", "parallel", "parameter", "quantized", "utils")
_CLASS_STARS = ("torch.nn", "torch.nn.modules", "torch.nn.modules.conv")


_VALUE = Meaning("value")
_UNKNOWN = Meaning("unknown")


def meaning(source: Source, expression: ast.expr) -> Meaning:
    """Say what a name or a dotted name refers to, through imports and through aliases."""
    if isinstance(expression, ast.Attribute):
        base = meaning(source, expression.value)
        if base.kind == "import":
            return Meaning("import", f"{base.path}.{expression.attr}")
        return _UNKNOWN if base.kind == "unknown" else _VALUE
    if not isinstance(expression, ast.Name):
        return _VALUE
    found = source.scope(expression).lookup(expression.id)
    if found is None:
        return _from_star_import(source.scope(expression), expression.id)
    kept, key = source.kept, (meaning, found[0], expression.id)
    if key not in kept:
        kept[key] = _VALUE  # what is defined by itself: ``a = b`` and ``b = a``
        kept[key] = _from_bindings(source, found[1])
    answer: Meaning = kept[key]
    return answer


def bindings_to_none(bindings: list[Binding]) -> list[Binding]:
    """Those of a name's bindings that give it None, but for defaults of parameters."""
    return [each for each in bindings if each.kind != "parameter" and _is_none(each.value)]


def _from_bindings(source: Source, bindings: list[Binding]) -> Meaning:
    # After ``except ImportError: nn = None`` no model runs.
    empty = bindings_to_none(bindings)
    telling = [each for each in bindings if each not in empty] or bindings
    meanings = {_from_binding(source, each) for each in telling}
    if len(meanings) == 1:
        return meanings.pop()
    return _UNKNOWN if any(each.kind in ("import", "unknown") for each in meanings) else _VALUE


def _from_binding(source: Source, binding: Binding) -> Meaning:
    if binding.kind == "import":
        return Meaning("import", binding.path)
    if binding.kind == "class":
        return Meaning("class", node=binding.node)
    if binding.kind == "function":
        return Meaning("function", node=binding.node)
    if binding.kind == "parameter":
        return Meaning("parameter", node=binding.node, default=binding.value)
    if isinstance(binding.value, (ast.Name, ast.Attribute)):
        return meaning(source, binding.value)
    return _VALUE


def _from_star_import(scope: Scope, name: str) -> Meaning:
    stars = [star.path for each in scope.visible() for star in each.star_imports]
    for star in reversed(stars):
        if star in _CLASS_STARS and (name[0].isupper() or name in _SUBMODULES):
            return Meaning("import", f"{star}.{name}")
        if is_functional_convolution(f"{star}.{name}"):
            return Meaning("import", f"{star}.{name}")
        if is_unknown_star(star):
            return _UNKNOWN
    return _UNKNOWN


def is_unknown_star(path: str) -> bool:
    """Whether ``from path import *`` may bring any name."""
    return path not in (*_HARMLESS_STARS, *_CLASS_STARS)


def _is_none(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Constant) and value.value is None
