"""How the source spells a thing of torch, or of another module."""

from __future__ import annotations

import ast
from itertools import takewhile

from .names import bindings_to_none
from .scopes import Binding, Scope
from .source import Source


def spell(source: Source, path: str, place: ast.expr | ast.stmt) -> str | None:
    """A dotted name that means ``path`` where an expression stands; None if the source has none.

    Of several, that through the innermost module is taken: ``nn.ModuleList`` before
    ``torch.nn.ModuleList``.
    """
    modules = [path]
    while "." in modules[-1]:
        modules.append(modules[-1].rpartition(".")[0])
    for prefix in (*modules[1:], path):
        for scope in source.scope(place).visible():
            for name in scope.by_path.get(prefix, ()):
                if _means(source, name, prefix, place):
                    return name + path[len(prefix) :]
    return None


def can_import_torch(source: Source, place: ast.expr | ast.stmt) -> bool:
    """Whether ``torch`` would be torch where an expression stands, after an ``import torch``."""
    found = source.scope(place).lookup("torch")
    if found is None:
        return True
    scope, bindings = found
    counting = _counting(source, bindings)
    return scope.parent is None and all(each.path == "torch" for each in counting)


def spell_in_module(source: Source, path: str, before: int) -> str | None:
    """A dotted name that means ``path`` in the module itself from a line on, and in all of it."""
    prefix, rest = path, ""
    while True:
        for name, bindings in source.scope(source.tree).bindings.items():
            if name not in source.scope(source.tree).nonlocals and all(
                each.path == prefix
                and _is_unconditional(source, source.scope(source.tree), each)
                and _line(each.node) < before
                for each in _counting(source, bindings)
            ):
                return name + rest
        prefix, dot, last = prefix.rpartition(".")
        if not dot:
            return None
        rest = f".{last}{rest}"


def _means(source: Source, name: str, path: str, place: ast.expr | ast.stmt) -> bool:
    found = source.scope(place).lookup(name)
    assert found is not None, "only names that are seen at the place are asked for"
    scope, bindings = found
    return all(
        binding.path == path
        and _is_unconditional(source, scope, binding)
        and (scope.parent is None or _line(binding.node) < place.lineno)
        for binding in _counting(source, bindings)
    )


def _counting(source: Source, bindings: list[Binding]) -> list[Binding]:
    """The bindings of a name but for those of handlers, as in ``except ImportError: nn = None``."""
    empty = bindings_to_none(bindings)
    return [
        each
        for each in bindings
        if each not in empty
        or not any(isinstance(one, ast.ExceptHandler) for one in source.ancestors(each.node))
    ]


def _is_unconditional(source: Source, scope: Scope, binding: Binding) -> bool:
    """Whether a binding is made whenever its scope's body runs; ``try`` counts as if it did."""
    inside = takewhile(lambda parent: parent is not scope.node, source.ancestors(binding.node))
    return all(isinstance(parent, ast.Try) for parent in inside)


def _line(node: ast.AST) -> int:
    return int(getattr(node, "lineno", 0))
