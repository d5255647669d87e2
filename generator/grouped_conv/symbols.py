"""Tell which expressions have the same value, whatever that turns out to be.

    d = c
    self.width = d
    nn.Conv2d(c, c, 3, groups=self.width)

Of a parameter ``c`` that nothing gives another value, so are ``d``, ``int(c)`` and ``1 * c``.
"""

from __future__ import annotations

import ast
from collections.abc import Hashable, Iterator
from typing import Final, TypeAlias

from ..reading.calls import is_repeatable
from ..reading.convolutions import ConvClass, Kind
from ..reading.parts import walk
from ..reading.scopes import FUNCTIONS, Binding, Scope
from .find import Site
from .numbers import Unknown, Values

SIZES: Final = ("in_channels", "out_channels", "groups")
Form: TypeAlias = Hashable
"""What two expressions have in common where they have the same value."""

_NEUTRAL = {ast.Mult: 1, ast.FloorDiv: 1, ast.Add: 0, ast.Sub: 0}
_COMMUTATIVE = (ast.Mult, ast.Add)


class Symbols:
    """Forms of the expressions of one source, in places that are evaluated one after the other."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self.index = values.index
        self.source = values.source

    def form(self, expression: ast.expr) -> Form | None:
        """The form of an expression that is to be an int; None where two uses of it may differ."""
        while (inner := self._made_int(expression)) is not None:
            expression = inner
        return self._form(expression) if is_repeatable(self.source, expression) else None

    def cases(self, expression: ast.expr) -> list[ast.expr]:
        """What an expression may have the value of: more than one where a condition decides."""
        if isinstance(expression, ast.IfExp):
            return [*self.cases(expression.body), *self.cases(expression.orelse)]
        given = [case for each in self._given(expression) for case in _branches(each)]
        is_choice = len(given) > 1 and all(map(self._is_settled, given))
        return given if is_choice else [expression]

    def is_spelt_alike(self, site: Site, conv: ConvClass) -> bool:
        """Whether in_channels, out_channels and groups are the same text: the cheap question."""
        given = [site.arguments.by_name.get(name) for name in SIZES]
        texts = {ast.dump(each) for each in given if each is not None}
        groups = given[-1]
        if groups is None or isinstance(groups, ast.Constant) or len(texts) != 1:
            return False
        is_all = None not in given and conv.has_depthwise and not _binds_anew(site)
        return is_all and is_repeatable(self.source, groups)

    def kinds(self, site: Site, conv: ConvClass) -> set[Kind]:
        """What a convolution may be whose groups are not known; empty if it may be grouped.

        It is depthwise where in_channels, out_channels and groups are the same whatever they are.
        """
        inputs, outputs, groups = (site.arguments.by_name.get(name) for name in SIZES)
        if groups is None or _binds_anew(site):
            return set()

        def kind(case: ast.expr) -> Kind:
            if inputs is not None and outputs is not None and conv.has_depthwise:
                forms = {self.form(each) for each in (inputs, outputs, case)}
                if len(forms) == 1 and None not in forms:
                    return "depthwise"
            return "plain" if self.values.known_int(case) == 1 else "grouped"

        if kind(groups) == "depthwise":
            return {"depthwise"}
        kinds = {kind(each) for each in self.cases(groups)}
        return kinds if "grouped" not in kinds else set()

    def _form(self, node: ast.expr) -> Form:
        try:
            return ("value", self.values.evaluate(node))
        except Unknown:
            pass
        match self._given(node):
            case [value] if self._is_settled(value):
                return self._form(value)
        match node:
            case ast.Name():
                found = self.source.scope(node).lookup(node.id)
                return ("name", node.id, found and found[0])
            case ast.Attribute():
                return ("attribute", self._form(node.value), node.attr)
            case ast.BinOp():
                return self._of_operation(node)
        return ("code", ast.dump(node))

    def _of_operation(self, node: ast.BinOp) -> Form:
        operation, sides = type(node.op), [self._form(node.left), self._form(node.right)]
        neutral = ("value", _NEUTRAL.get(operation))
        if sides[1] == neutral:
            return sides[0]
        if isinstance(node.op, _COMMUTATIVE):
            if sides[0] == neutral:
                return sides[1]
            return (operation, frozenset(sides))
        return (operation, *sides)

    def _given(self, node: ast.expr) -> list[ast.expr]:
        """What a function's own name, or an attribute of ``self``, is given; empty for any other.

        Nothing but these assignments gives the name a value, and only one of them the attribute.
        """
        if isinstance(node, ast.Name):
            found = self.source.scope(node).lookup(node.id)
            return self._assigned(*found) if found is not None else []
        owner = self.index.self_class(node.value) if isinstance(node, ast.Attribute) else None
        if owner is None or not isinstance(node, ast.Attribute):
            return []
        value = self.values.stored(owner, node.attr)
        if value is None or getattr(self.source.scope(value).node, "name", "") != "__init__":
            return []
        return [value]

    def _assigned(self, scope: Scope, bindings: list[Binding]) -> list[ast.expr]:
        names = [getattr(each.node, "id", "") for each in bindings]
        if not isinstance(scope.node, FUNCTIONS) or names[0] in scope.module.nonlocals:
            return []
        values = [each.value for each in bindings if each.kind == "assign"]
        found = [each for each in values if each is not None]
        return found if len(found) == len(bindings) else []

    def _is_settled(self, expression: ast.expr, depth: int = 4) -> bool:
        """Whether an expression has one value from a function's start to its end.

        It is made of numbers, of parameters that nothing gives another value, and of names that
        are given such an expression once.
        """
        names = [each for each in walk(expression) if isinstance(each, ast.Name)]
        parts = (ast.Constant, ast.Name, ast.BinOp, ast.operator, ast.expr_context)
        return all(isinstance(each, parts) for each in walk(expression)) and all(
            self._is_settled_name(each, depth) for each in names
        )

    def _is_settled_name(self, name: ast.Name, depth: int) -> bool:
        found = self.source.scope(name).lookup(name.id)
        if found is None or len(found[1]) != 1 or name.id in found[0].module.nonlocals:
            return False
        if found[1][0].kind == "parameter":
            return True
        given = self._assigned(*found)
        return bool(given) and depth > 0 and self._is_settled(given[0], depth - 1)

    def _made_int(self, node: ast.expr) -> ast.expr | None:
        """What is made an int, which a number of channels is already."""
        match node:
            case ast.Call(func=ast.Name(id="int") as function, args=[value], keywords=[]):
                return value if self.source.scope(function).lookup("int") is None else None
        return None


def _branches(expression: ast.expr) -> Iterator[ast.expr]:
    if isinstance(expression, ast.IfExp):
        yield from _branches(expression.body)
        yield from _branches(expression.orelse)
    else:
        yield expression


def _binds_anew(site: Site) -> bool:
    """Whether an argument may bind a name of another one anew, as in ``(n, n, (n := 3))``."""
    return any(isinstance(node, ast.NamedExpr) for node in walk(site.call))
