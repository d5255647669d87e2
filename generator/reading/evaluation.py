"""In which order Python evaluates the parts of a statement, as far as moving a call needs it."""

from __future__ import annotations

import ast
from collections.abc import Set
from typing import Literal

from .calls import values_given
from .names import meaning
from .parts import walk
from .source import Source

_Step = Literal["found", "harmless", "blocked"]


def can_be_hoisted(
    source: Source, statement: ast.stmt, call: ast.Call, moved: Set[ast.Call]
) -> bool:
    """Whether a call may be written in a statement of its own before the one that it is part of.

    It may where the statement always evaluates it, once, and before it only names that nothing
    else binds anew, constants, the functions to be called, and calls that are themselves moved to
    before the statement; and where the call binds no name itself.
    """
    if any(isinstance(node, ast.NamedExpr) for node in walk(call)):
        return False
    match statement:
        case ast.Assign(value=value) | ast.Expr(value=value):
            pass
        case ast.Return(value=ast.expr() as value) | ast.AnnAssign(value=ast.expr() as value):
            pass
        case ast.AugAssign(target=ast.Name() as target, value=value):
            if not _is_settled(source, target):
                return False
        case _:
            return False
    return _Walk(source, call, moved).step(value) == "found"


def _is_settled(source: Source, name: ast.Name) -> bool:
    """Whether no function that is called can bind a name anew."""
    found = source.scope(name).lookup(name.id)
    if found is None:
        return True
    scope, bindings = found
    if scope.parent is None:
        return len(bindings) == 1
    return name.id not in scope.module.nonlocals


def _is_plain_item(node: ast.expr) -> bool:
    """Whether an expression is an item by its number, such as ``self.norms[0]``."""
    return isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant)


class _Walk:
    """Go through an expression in the order of its evaluation, until the call or an obstacle."""

    def __init__(self, source: Source, call: ast.Call, moved: Set[ast.Call]) -> None:
        self.source = source
        self.call = call
        self.moved = moved

    def step(self, node: ast.expr) -> _Step:
        if node is self.call:
            return "found"
        match node:
            case ast.Constant():
                return "harmless"
            case ast.Name():
                return "harmless" if _is_settled(self.source, node) else "blocked"
            case ast.Call():
                step = self._callee(node.func)
                if step == "harmless":
                    step = self._in_turn(values_given(node))
                return self._then(step, harmless=node in self.moved)
            case ast.Tuple() | ast.List():
                return self._in_turn(node.elts)
            case ast.BinOp():
                return self._then(self._in_turn([node.left, node.right]))
            case ast.Compare():
                return self._then(self._in_turn([node.left, node.comparators[0]]))
            case ast.BoolOp():
                return self._then(self.step(node.values[0]))
            case ast.IfExp():
                return self._then(self.step(node.test))
            case ast.Subscript():
                return self._then(self._in_turn([node.value, node.slice]))
            case ast.Attribute() | ast.Starred() | ast.NamedExpr():
                return self._then(self.step(node.value))
            case ast.UnaryOp():
                return self._then(self.step(node.operand))
        return "blocked"

    def _callee(self, node: ast.expr) -> _Step:
        """A function to be called: to look it up, by names and numbers, changes nothing."""
        while isinstance(node, ast.Attribute) or _is_plain_item(node):
            assert isinstance(node, (ast.Attribute, ast.Subscript))
            node = node.value
        if meaning(self.source, node).kind == "import":
            return "harmless"
        return self.step(node)

    def _in_turn(self, nodes: list[ast.expr]) -> _Step:
        for node in nodes:
            step = self.step(node)
            if step != "harmless":
                return step
        return "harmless"

    @staticmethod
    def _then(step: _Step, harmless: bool = False) -> _Step:
        """The step of a whole whose parts are done and that then does something itself."""
        return "blocked" if step == "harmless" and not harmless else step
