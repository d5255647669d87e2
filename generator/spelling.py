"""How the source spells a thing of torch, and where an ``import torch`` would go."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from .scopes import FUNCTIONS, Binding, Scope
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
    return scope.parent is None and all(each.path == "torch" for each in bindings)


@dataclass(frozen=True)
class ImportPlace:
    """Where a new import goes: at the start of the line of ``before``; at the end for None."""

    before: ast.stmt | None
    among_imports: bool


def place_for_torch_import(source: Source) -> ImportPlace:
    """Before the first import of something of torch in the module, or else after its docstring."""
    imports = [
        node
        for node in ast.walk(source.tree)
        if isinstance(node, _ImportStatement)
        and source.scope(node).parent is None
        and _imports_torch(node)
        and _is_executed(source, node)
        and source.is_first_on_line(node)
    ]
    if imports:
        return ImportPlace(min(imports, key=lambda node: source.span(node)), True)
    for statement in source.tree.body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
            continue
        return ImportPlace(statement, isinstance(statement, _ImportStatement))
    return ImportPlace(None, False)


def _means(source: Source, name: str, path: str, place: ast.expr) -> bool:
    found = source.scope(place).lookup(name)
    if found is None:
        return False
    scope, bindings = found
    return all(
        binding.path == path
        and _is_unconditional(source, scope, binding)
        and (scope.parent is None or _line(binding.node) < place.lineno)
        for binding in bindings
    )


def _is_unconditional(source: Source, scope: Scope, binding: Binding) -> bool:
    """Whether a binding is made whenever its scope's body runs; ``try`` counts as if it did."""
    for parent in source.ancestors(binding.node):
        if parent is scope.node:
            return True
        if not isinstance(parent, ast.Try):
            return False
    return False


def _imports_torch(node: ast.Import | ast.ImportFrom) -> bool:
    if isinstance(node, ast.ImportFrom):
        return not node.level and (node.module or "").partition(".")[0] == "torch"
    return any(alias.name.partition(".")[0] == "torch" for alias in node.names)


def _is_executed(source: Source, node: ast.AST) -> bool:
    """Whether an import stands in no ``if``, such as one on TYPE_CHECKING, and in no function."""
    return not any(isinstance(each, (ast.If, *FUNCTIONS)) for each in source.ancestors(node))


def _line(node: ast.AST) -> int:
    return int(getattr(node, "lineno", 0))
