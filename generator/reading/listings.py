"""Whether a source sees how many modules or parameters a model has, and in which order."""

from __future__ import annotations

import ast

from .parts import walk
from .source import Source

_MODULES = frozenset(("modules", "named_modules"))
LISTINGS = frozenset((*_MODULES, "parameters", "named_parameters"))
_KEEPING_METHODS = frozenset(("append", "add", "insert"))


def is_listing_taken_apart(source: Source, node: ast.Attribute, by_model: bool) -> bool:
    """Whether of ``self.modules()`` or the like more is done than to go through it.

    To go through it is what an initialisation does. More is to call one, to keep some, to take one
    by its number; and, where the model does it itself, to hook one: others only watch it so.
    """
    if node.attr not in LISTINGS:
        return False
    parent = source.parent(source.parent(node))
    if isinstance(parent, ast.comprehension):
        return node.attr in _MODULES
    if isinstance(parent, ast.Call):
        outer = source.parent(parent)
        if isinstance(outer, ast.Subscript) and outer.value is parent:
            return True  # list(self.modules())[2]
        parent = outer  # enumerate(self.modules())
    return isinstance(parent, ast.For) and any(
        _keeps_or_calls(inner, _names(parent.target), by_model)
        for statement in parent.body
        for inner in walk(statement)
    )


def _keeps_or_calls(node: ast.AST, names: set[str], by_model: bool) -> bool:
    """Whether a call is of one of some names, hooks one, or puts one into something."""
    if not isinstance(node, ast.Call):
        return False
    if not isinstance(node.func, ast.Attribute):
        return bool(_names(node.func) & names)
    if "hook" in node.func.attr:
        return by_model and bool(_names(node.func.value) & names)
    kept = {each.id for each in node.args if isinstance(each, ast.Name)}
    return node.func.attr in _KEEPING_METHODS and bool(kept & names)


def _names(expression: ast.expr) -> set[str]:
    return {each.id for each in walk(expression) if isinstance(each, ast.Name)}
