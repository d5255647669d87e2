"""In which order Python evaluates the parts of a statement, as far as moving a call needs it."""

from __future__ import annotations

import ast
from typing import Final

from .calls import values_given
from .names import meaning
from .parts import walk
from .source import Source

_PLAIN: Final = (ast.Assign, ast.Expr, ast.Return, ast.AnnAssign)


def can_be_hoisted(source: Source, statement: ast.stmt, call: ast.Call) -> bool:
    """Whether a call may be written in a statement of its own before the one that it is part of.

    It may where the statement always evaluates it, once, and before it only names that nothing
    else binds anew, constants and the functions to be called; and where it binds no name itself.
    """
    if isinstance(statement, ast.AugAssign):
        is_plain = isinstance(statement.target, ast.Name) and _is_settled(source, statement.target)
    else:
        is_plain = isinstance(statement, _PLAIN)
    if not is_plain or any(isinstance(node, ast.NamedExpr) for node in walk(call)):
        return False
    node: ast.AST = call
    while (parent := source.parent(node)) is not statement:
        before = _before(parent, node)
        if before is None or not all(_is_harmless(source, each) for each in before):
            return False
        node = parent
    return node is getattr(statement, "value", None)


def _before(parent: ast.AST, node: ast.AST) -> list[ast.expr] | None:
    """What is evaluated before a part of an expression; None where that may not be evaluated."""
    parts: list[ast.expr] = []
    match parent:
        case ast.Call():
            parts = [_looked_up_in(parent.func), *values_given(parent)]
            node = parts[0] if node is parent.func else node
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            pass
        case ast.BinOp(left=one, right=other) | ast.Subscript(value=one, slice=other):
            parts = [one, other]
        case ast.Compare(left=one, comparators=[other, *_]):
            parts = [one, other]
        case ast.BoolOp(values=[one, *_]) | ast.IfExp(test=one) | ast.UnaryOp(operand=one):
            parts = [one]
        case ast.keyword():
            return []  # the call tells what is before
        case ast.Attribute(value=one) | ast.Starred(value=one) | ast.NamedExpr(value=one):
            parts = [one]
    return parts[: parts.index(node)] if node in parts else None


def _looked_up_in(function: ast.expr) -> ast.expr:
    """What a function to be called is looked up in by names and numbers, which changes nothing."""
    match function:
        case ast.Attribute(value=value) | ast.Subscript(value=value, slice=ast.Constant()):
            return _looked_up_in(value)
    return function


def _is_harmless(source: Source, node: ast.expr) -> bool:
    match node:
        case ast.Name():
            return _is_settled(source, node)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return all(_is_harmless(source, each) for each in parts)
    return isinstance(node, ast.Constant)


def _is_settled(source: Source, name: ast.Name) -> bool:
    """Whether no function that is called can bind a name anew."""
    found = source.scope(name).lookup(name.id)
    if found is None or meaning(source, name).kind == "import":
        return True
    scope, bindings = found
    is_of_module = scope.parent is None
    return len(bindings) == 1 if is_of_module else name.id not in scope.module.nonlocals
