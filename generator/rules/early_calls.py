"""Whether a method may be called while its instance is being constructed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from ..facts.classes import Class
from ..facts.facts import Facts
from ..reading.scopes import COMPREHENSIONS, FUNCTIONS, Function
from ..reading.source import Source
from .rule import Left

_PERHAPS: Final = (
    *(ast.If, ast.Match, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.IfExp, ast.BoolOp),
    *(ast.Lambda, *FUNCTIONS, *COMPREHENSIONS, ast.ClassDef),
)
"""What may not evaluate all that is in it."""
_OF_ITSELF: Final = ("super", "isinstance", "type", "id", "hasattr", "getattr", "print")
"""What a constructor may be given itself to without being called by it."""


class EarlyCalls:
    """What the constructors of a source may call.

    Args:
        source: the source.
        facts: what may happen in it.
    """

    def __init__(self, source: Source, facts: Facts) -> None:
        self._source = source
        self._facts = facts

    def check(self, owner: ast.ClassDef, method: Function) -> None:
        """See that no constructor calls a method of a class, before the end of the class's own.

        Raises:
            Left: one may.
        """
        family = list(
            dict.fromkeys(each for cls in self._facts.classes(owner) for each in cls.order)
        )
        reaching = self._reaching(family, method.name)
        for cls in family:
            for constructor in constructors(self._source, cls.node):
                for node in ast.walk(constructor):
                    if isinstance(node, ast.Attribute) and node.attr in reaching:
                        raise Left(f"{node.attr}() may be called by a constructor", node)
                    if self._is_handed_on(node, constructor) and not self._is_too_early(
                        node, family, method
                    ):
                        raise Left("a constructor hands on the module", node)

    def _reaching(self, family: list[Class], name: str) -> set[str]:
        """The methods that call one of a name, and those that call these."""
        methods = [
            each for cls in family for each in ast.walk(cls.node) if isinstance(each, FUNCTIONS)
        ]
        found, before = {name}, 0
        while len(found) > before:
            before = len(found)
            for each in methods:
                nodes = self._source.inside(each)
                if each.name != "__init__" and found & {
                    node.attr for node in nodes if isinstance(node, ast.Attribute)
                }:
                    found.add(each.name)
        return found

    def _is_handed_on(self, node: ast.AST, constructor: ast.AST) -> bool:
        """Whether a constructor gives what it makes to something that may call it."""
        given = getattr(constructor, "args", None)
        names = [each.arg for each in (*given.posonlyargs, *given.args)][:1] if given else []
        if not isinstance(node, ast.Name) or [node.id] != names:
            return False
        parent = self._source.parent(node)
        if isinstance(parent, ast.Attribute):
            return False
        function = parent.func if isinstance(parent, ast.Call) else None
        is_base = isinstance(function, ast.Attribute) and function.attr == "__init__"
        return not is_base and getattr(function, "id", "") not in _OF_ITSELF

    def _is_too_early(self, node: ast.AST, family: list[Class], method: Function) -> bool:
        """Whether the method cannot run where a constructor stands at a node.

        It reads an attribute of the instance that the same constructor sets only behind it.
        """
        function, lineno = self._source.function_around(node), getattr(node, "lineno", 0)
        stores = {
            (each.attr, at, each.lineno)
            for cls in family
            for at in constructors(self._source, cls.node)
            for each in self._source.inside(at)
            if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store)
        }
        for statement in method.body:
            nodes = self._source.inside(statement)
            if any(isinstance(each, _PERHAPS) for each in nodes):
                return False
            for each in nodes:
                if isinstance(each, ast.Attribute) and _is_of_first(each, method):
                    places = [at for at in stores if at[0] == each.attr]
                    is_behind = all(at[1] is function and at[2] > lineno for at in places)
                    if places and is_behind and not any(cls.binds(each.attr) for cls in family):
                        return True
        return False


def constructors(source: Source, cls: ast.ClassDef) -> Iterator[ast.AST]:
    """What the body of a class binds to ``__init__``."""
    found = source.scope(cls.body[0]).bindings.get("__init__", [])
    return (each.node for each in found)


def _is_of_first(node: ast.Attribute, method: Function) -> bool:
    """Whether something is an attribute of the first parameter of a method."""
    given = [*method.args.posonlyargs, *method.args.args]
    return getattr(node.value, "id", "") == given[0].arg
