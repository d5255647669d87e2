"""The numbers that a source gives its convolutions, where its facts know them for certain."""

from __future__ import annotations

import ast
from typing import TypeAlias

from ..facts.values import only_constant
from ..reading.classes import ClassIndex
from ..reading.scopes import assigned_value
from .source_facts import facts_of_source

Value: TypeAlias = "bool | int | float | complex | str | bytes | None"


class Unknown(Exception):
    """The value of an expression cannot be told from the source."""


class Values:
    """The values of expressions of one source, as far as a reader knows them for certain."""

    def __init__(self, index: ClassIndex) -> None:
        self.index = index
        self.source = index.source

    def known_int(self, expression: ast.expr) -> int | None:
        """The value of an expression that is known to be an int; else None."""
        try:
            value = self.evaluate(expression)
        except Unknown:
            return None
        return int(value) if isinstance(value, int) else None

    def evaluate(self, expression: ast.expr) -> Value:
        """The value of an expression.

        Raises:
            Unknown: it depends on something that is known only when the model runs.
        """
        if isinstance(expression, ast.Constant):
            return None if expression.value is ... else expression.value
        if self.index.code_runners or "globals" in self.source.free_names:
            raise Unknown
        facts = facts_of_source(self.index)
        known = only_constant(facts.values(expression)) if facts.is_complete else None
        if known is None:
            raise Unknown
        return known.value

    def stored(self, owner: ast.ClassDef, name: str) -> ast.expr | None:
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
