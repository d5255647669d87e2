"""How the source spells a thing of torch, and where an ``import torch`` would go."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from itertools import takewhile

from .names import bindings_to_none
from .scopes import Binding, Scope
from .source import Source

_ImportStatement = (ast.Import, ast.ImportFrom)


def spell(source: Source, path: str, place: ast.expr) -> str | None:
    """A dotted name that means ``path`` where an expression stands; None if the source has none.

    Of several, that through the innermost module is taken: ``nn.ModuleList`` before
    ``torch.nn.ModuleList``.
    """
    modules = [path]
    while "." in modules[-1]:
        modules.append(modules[-1].rpartition(".")[0])
    for prefix in (*modules[1:], path):
        for scope in source.scope(place).visible():
            for name in scope.bindings:
                if _means(source, name, prefix, place):
                    return name + path[len(prefix) :]
    return None


def can_import_torch(source: Source, place: ast.expr) -> bool:
    """Whether ``torch`` would be torch where an expression stands, after an ``import torch``."""
    found = source.scope(place).lookup("torch")
    if found is None:
        return True
    scope, bindings = found
    counting = _counting(source, bindings)
    return scope.parent is None and all(each.path == "torch" for each in counting)


@dataclass(frozen=True)
class ImportPlace:
    """Where a new import goes: on a line of its own before a statement."""

    before: ast.stmt
    among_imports: bool


def place_for_torch_import(source: Source) -> ImportPlace:
    """Before the first import of something of torch in the module, or else after its docstring.

    One inside a ``try`` is taken only where there is none outside.
    """
    imports = [
        node
        for node in source.nodes
        if isinstance(node, _ImportStatement)
        and source.scope(node).parent is None
        and _imports_torch(node)
        and all(isinstance(each, (ast.Module, ast.Try)) for each in source.ancestors(node))
        and source.is_first_on_line(node)
    ]
    if imports:
        outside = [each for each in imports if isinstance(source.parent(each), ast.Module)]
        return ImportPlace(min(outside or imports, key=lambda each: each.lineno), True)
    body = source.tree.body
    start = next(at for at, each in enumerate(body) if not _must_come_first(each))
    first = next(each for each in body[start:] if source.is_first_on_line(each))
    return ImportPlace(first, isinstance(first, _ImportStatement))


def _must_come_first(statement: ast.stmt) -> bool:
    """Whether no import may stand before a statement: a docstring, or an import of a feature."""
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def _means(source: Source, name: str, path: str, place: ast.expr) -> bool:
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
    return [
        each
        for each in bindings
        if each not in bindings_to_none(bindings)
        or not any(isinstance(one, ast.ExceptHandler) for one in source.ancestors(each.node))
    ]


def _is_unconditional(source: Source, scope: Scope, binding: Binding) -> bool:
    """Whether a binding is made whenever its scope's body runs; ``try`` counts as if it did."""
    inside = takewhile(lambda parent: parent is not scope.node, source.ancestors(binding.node))
    return all(isinstance(parent, ast.Try) for parent in inside)


def _imports_torch(node: ast.Import | ast.ImportFrom) -> bool:
    if isinstance(node, ast.ImportFrom):
        return not node.level and (node.module or "").partition(".")[0] == "torch"
    return any(alias.name.partition(".")[0] == "torch" for alias in node.names)


def _line(node: ast.AST) -> int:
    return int(getattr(node, "lineno", 0))
