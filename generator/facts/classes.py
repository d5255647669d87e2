"""The classes of a project: what they inherit, and where an attribute of theirs is defined."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from ..reading.scopes import FUNCTIONS
from .project import Module, bound_names, own_statements


class Base(NamedTuple):
    """What a base of a class may be.

    Attributes:
        classes: classes of the project.
        paths: those of classes that lie outside of it.
        is_known: whether it is one of these, and which.
    """

    classes: tuple[Class, ...]
    paths: tuple[str, ...]
    is_known: bool


@dataclass(eq=False)
class Class:
    """A class of the project.

    Attributes:
        node: its definition.
        module: where it is defined.
        bases: what each of its bases may be; filled when it is first met.
    """

    node: ast.ClassDef
    module: Module
    _bases: Callable[[], list[Base]]
    _resolving: bool = field(default=False)

    @property
    def name(self) -> str:
        """Its name."""
        return self.node.name

    @cached_property
    def bases(self) -> list[Base]:
        """What each base may be."""
        return self._bases()

    @cached_property
    def order(self) -> tuple[Class, ...]:
        """The classes of the project that it inherits from, itself first: the resolution order."""
        if self._resolving:  # a class that is its own base
            return (self,)
        self._resolving = True
        parents = [cls for base in self.bases for cls in base.classes]
        return (self, *_merged([[*each.order] for each in parents] + [parents]))

    @cached_property
    def externals(self) -> tuple[str, ...]:
        """The paths of what it inherits from that lies outside of the project, in order."""
        paths = [path for cls in self.order for base in cls.bases for path in base.paths]
        return tuple(dict.fromkeys(paths))

    @cached_property
    def is_known(self) -> bool:
        """Whether every class that it inherits from is known, and is made in the usual way."""
        has_metaclass = any(cls.node.keywords for cls in self.order)
        bases = (base for cls in self.order for base in cls.bases)
        return not has_metaclass and all(base.is_known for base in bases)

    def resolution(self, after: Class | None = None) -> tuple[Class, ...]:
        """The classes in which an attribute is looked for, perhaps only those behind one."""
        order = self.order
        if after is None:
            return order
        return order[order.index(after) + 1 :] if after in order else ()

    def binds(self, name: str) -> bool:
        """Whether its body surely gives an attribute a value."""
        return name in self._bound

    @cached_property
    def _bound(self) -> frozenset[str]:
        return frozenset(
            name
            for statement in self.node.body
            for name in bound_names(statement)
            if not accessor(statement)
            and not isinstance(statement, (ast.For, ast.AsyncFor, ast.While, ast.AugAssign))
        )

    @cached_property
    def functions(self) -> dict[str, None]:
        """The names of all functions that its body and those that it inherits define."""
        return {
            statement.name: None
            for cls in self.order
            for statement in own_statements(cls.node.body)
            if isinstance(statement, FUNCTIONS)
        }


def accessor(statement: ast.stmt) -> str:
    """Whether a function is the ``setter`` or ``deleter`` of a property."""
    for each in getattr(statement, "decorator_list", []):
        if isinstance(each, ast.Attribute) and each.attr in ("setter", "deleter"):
            return each.attr
    return ""


def decorators(node: ast.AST) -> set[str]:
    """The last names of the decorators of a function."""
    found = getattr(node, "decorator_list", [])
    callees = [each.func if isinstance(each, ast.Call) else each for each in found]
    return {str(getattr(each, "attr", None) or getattr(each, "id", "")) for each in callees}


def _merged(orders: list[list[Class]]) -> list[Class]:
    """The C3 merge; where there is none, in which Python raises, as they come."""
    result: list[Class] = []
    rest = [order for order in orders if order]
    while rest:
        heads = (order[0] for order in rest)
        tails = {each for order in rest for each in order[1:]}
        head = next((each for each in heads if each not in tails), rest[0][0])
        result.append(head)
        rest = [[each for each in order if each is not head] for order in rest]
        rest = [order for order in rest if order]
    return result
