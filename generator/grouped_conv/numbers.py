"""The numbers of channels and groups: what they are, and which are the same whatever they are.

    d = c
    self.width = d
    nn.Conv2d(c, c, 3, groups=self.width)

Of a parameter ``c`` that nothing gives another value, so are ``d``, ``int(c)`` and ``1 * c``.
"""

from __future__ import annotations

import ast
from collections.abc import Hashable, Iterator
from typing import Final, TypeAlias

from ..facts.values import Constant, only_constant
from ..reading.calls import is_repeatable
from ..reading.classes import ClassIndex
from ..reading.convolutions import SIZES, ConvClass, Kind
from ..reading.parts import walk
from ..reading.scopes import FUNCTIONS, assigned_value
from .find import Site, literal_items
from .source_facts import facts_of_source

Form: TypeAlias = Hashable
"""What two expressions have in common where they have the same value."""

_NEUTRAL: Final = {ast.Mult: 1, ast.FloorDiv: 1, ast.Add: 0, ast.Sub: 0}
_MADE_OF: Final = (ast.Constant, ast.Name, ast.BinOp, ast.operator, ast.expr_context)
_DEEPEST: Final = 4
"""How many names are given one another."""


class Numbers:
    """The numbers of one source."""

    def __init__(self, index: ClassIndex) -> None:
        self.index = index
        self.source = index.source

    # --- what they are -----------------------------------------------------------------------

    def constant(self, expression: ast.expr) -> Constant | None:
        """The value of an expression, where it is known for certain."""
        if isinstance(expression, ast.Constant):
            return Constant(None if expression.value is ... else expression.value)
        if self.index.code_runners or "globals" in self.source.free_names:
            return None
        facts = facts_of_source(self.index)
        return only_constant(facts.values(expression)) if facts.is_complete else None

    def known_int(self, expression: ast.expr | None) -> int | None:
        """The value of an expression that is known to be an int; else None."""
        known = self.constant(expression) if expression is not None else None
        return int(known.value) if known and isinstance(known.value, int) else None

    def is_no_int(self, expression: ast.expr | None) -> bool:
        """Whether an expression is known to be something else than an int."""
        known = self.constant(expression) if expression is not None else None
        return known is not None and not isinstance(known.value, int)

    # --- what a convolution is ---------------------------------------------------------------

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
        *channels, groups = map(self._arguments(site).get, SIZES)
        if groups is None or _binds_anew(site):
            return set()

        def kind(case: ast.expr) -> Kind:
            if None not in channels and conv.has_depthwise:
                forms = {each and self.form(each) for each in (*channels, case)}
                if len(forms) == 1 and None not in forms:
                    return "depthwise"
            return "plain" if self.known_int(case) == 1 else "grouped"

        if kind(groups) == "depthwise":
            return {"depthwise"}
        kinds = {kind(each) for each in self.cases(groups)}
        return kinds if "grouped" not in kinds else set()

    def _arguments(self, site: Site) -> dict[str, ast.expr]:
        """What a site is given, in a literal behind ``**`` too: that is evaluated before it."""
        given = dict(site.arguments.by_name)
        for each in site.arguments.double_starred:
            items = literal_items(self.source, each) or {}
            given |= {name: value for name, value in items.items() if self._is_settled(value)}
        return given

    # --- which are the same ------------------------------------------------------------------

    def form(self, expression: ast.expr) -> Form | None:
        """The form of an expression that is to be an int; None where two uses of it may differ."""
        match expression:
            case ast.Call(func=ast.Name(id="int") as function, args=[value], keywords=[]):
                if self.source.scope(function).lookup("int") is None:
                    return self.form(value)
        return self._form(expression) if is_repeatable(self.source, expression) else None

    def cases(self, expression: ast.expr) -> list[ast.expr]:
        """What an expression may have the value of: more than one where a condition decides."""
        if isinstance(expression, ast.IfExp):
            return [*self.cases(expression.body), *self.cases(expression.orelse)]
        given = [case for each in self._given(expression) for case in _branches(each)]
        is_choice = len(given) > 1 and all(map(self._is_settled, given))
        return given if is_choice else [expression]

    def _form(self, node: ast.expr) -> Form:
        known = self.constant(node)
        if known is not None:
            return ("value", known.value)
        match self._given(node):
            case [value] if self._is_settled(value):
                return self._form(value)
        match node:
            case ast.Name():
                found = self.source.scope(node).lookup(node.id)
                return ("name", node.id, found and found[0])
            case ast.BinOp(op=ast.Mult() | ast.Add() | ast.Sub() | ast.FloorDiv() as op):
                left, right = self._form(node.left), self._form(node.right)
                neutral = ("value", _NEUTRAL[type(op)])
                commutes = isinstance(op, (ast.Mult, ast.Add))
                if right == neutral or (left == neutral and commutes):
                    return left if right == neutral else right
                return (type(op), frozenset((left, right)) if commutes else (left, right))
        return ("code", ast.dump(node))

    def _given(self, node: ast.expr) -> list[ast.expr]:
        """What a function's own name, or an attribute of ``self``, is given; empty for any other.

        Nothing but these assignments gives the name a value, and only one of them the attribute.
        """
        if isinstance(node, ast.Name):
            scope, bindings = self.source.scope(node).lookup(node.id) or (None, [])
            if scope is None or not isinstance(scope.node, FUNCTIONS):
                return []
            values = [each.value for each in bindings if each.kind == "assign" and each.value]
            is_all = len(values) == len(bindings) and node.id not in scope.module.nonlocals
            return values if is_all else []
        if not isinstance(node, ast.Attribute):
            return []
        owner = self.index.self_class(node.value)
        value = self._stored(owner, node.attr) if owner is not None else None
        is_set = value and getattr(self.source.scope(value).node, "name", "") == "__init__"
        return [value] if value and is_set else []

    def _stored(self, owner: ast.ClassDef, name: str) -> ast.expr | None:
        """What the only place that surely gives an attribute of a class its value gives it."""
        facts = facts_of_source(self.index)
        cls = facts.class_of(owner)
        if not facts.is_complete or cls is None or not cls.is_known or cls.binds(name):
            return None
        uses = facts.uses_of_instances(owner)
        writes = {each.node for each in uses if each.kind == "write" and each.name in (name, "*")}
        writes.update(each for each in facts.loose(name) if not isinstance(each.ctx, ast.Load))
        only = writes.pop() if len(writes) == 1 else None
        if not isinstance(only, ast.Attribute) or not self.source.has(only):
            return None
        return assigned_value(self.source.parent_of, only)

    def _is_settled(self, expression: ast.expr, depth: int = _DEEPEST) -> bool:
        """Whether an expression has one value from a function's start to its end.

        It is made of numbers, of parameters that nothing gives another value, and of names that
        are given such an expression once.
        """
        nodes = [*walk(expression)]
        return all(isinstance(each, _MADE_OF) for each in nodes) and all(
            self._is_settled_name(each, depth) for each in nodes if isinstance(each, ast.Name)
        )

    def _is_settled_name(self, name: ast.Name, depth: int) -> bool:
        scope, bindings = self.source.scope(name).lookup(name.id) or (None, [])
        if scope is None or len(bindings) != 1 or name.id in scope.module.nonlocals:
            return False
        given = self._given(name)
        is_given_once = bool(given) and depth > 0 and self._is_settled(given[0], depth - 1)
        return bindings[0].kind == "parameter" or is_given_once


def _branches(expression: ast.expr) -> Iterator[ast.expr]:
    if isinstance(expression, ast.IfExp):
        yield from _branches(expression.body)
        yield from _branches(expression.orelse)
    else:
        yield expression


def _binds_anew(site: Site) -> bool:
    """Whether an argument may bind a name of another one anew, as in ``(n, n, (n := 3))``."""
    return any(isinstance(node, ast.NamedExpr) for node in walk(site.call))
