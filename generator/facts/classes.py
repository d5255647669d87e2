"""The classes of a project: what they inherit, and where an attribute of theirs is defined."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from .project import Module
from .values import ClassValue, External, Values

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


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
    _bases: Callable[[], list[Values]]
    _resolving: bool = field(default=False)

    @property
    def name(self) -> str:
        """Its name."""
        return self.node.name

    @cached_property
    def bases(self) -> list[Values]:
        """What each base may be."""
        if self._resolving:  # a class that is its own base
            return []
        self._resolving = True
        return self._bases()

    @cached_property
    def order(self) -> tuple[Class, ...]:
        """The classes of the project that it inherits from, itself first: the resolution order."""
        parents = [each.cls for each in self._only(ClassValue)]
        return (self, *_merged([[*each.order] for each in parents] + [parents]))

    @cached_property
    def externals(self) -> tuple[str, ...]:
        """The paths of what it inherits from that lies outside of the project, in order."""
        paths = [base.path for cls in self.order for base in cls._only(External)]
        return tuple(dict.fromkeys(paths))

    @cached_property
    def is_known(self) -> bool:
        """Whether every class that it inherits from is known."""
        return all(
            len(values) == 1 and isinstance(next(iter(values)), (ClassValue, External))
            for cls in self.order
            for values in cls.bases
        )

    def _only(self, kind: type) -> list:  # type: ignore[type-arg]
        found = [each for values in self.bases for each in values if isinstance(each, kind)]
        return [each for each in found if each is not None]

    def definition(self, name: str, after: Class | None = None) -> Definition | None:
        """Where an attribute of the class is defined, perhaps behind one of its bases."""
        order = self.order
        if after is not None:
            order = order[order.index(after) + 1 :] if after in order else ()
        for cls in order:
            found = cls.own.get(name)
            if found is not None:
                return Definition(cls, found)
        return None

    @cached_property
    def own(self) -> dict[str, ast.stmt]:
        """The statements of its body that bind a name, the last of each."""
        found: dict[str, ast.stmt] = {}
        for statement in self.node.body:
            if isinstance(statement, (*_FUNCTIONS, ast.ClassDef)):
                if not _accessor(statement):
                    found[statement.name] = statement
            elif isinstance(statement, ast.Assign):
                for target in statement.targets:
                    if isinstance(target, ast.Name):
                        found[target.id] = statement
            elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
                if isinstance(statement.target, ast.Name):
                    found[statement.target.id] = statement
        return found

    def setter(self, name: str) -> Definition | None:
        """The function that is called when a property of the class is assigned to."""
        for cls in self.order:
            for statement in cls.node.body:
                if isinstance(statement, _FUNCTIONS) and statement.name == name:
                    if _accessor(statement) == "setter":
                        return Definition(cls, statement)
        return None

    def methods(self) -> dict[str, Definition]:
        """All methods, with those that it inherits within the project."""
        found: dict[str, Definition] = {}
        for cls in self.order:
            for name, statement in cls.own.items():
                if isinstance(statement, _FUNCTIONS):
                    found.setdefault(name, Definition(cls, statement))
        return found


@dataclass(frozen=True)
class Definition:
    """An attribute in the body of a class."""

    cls: Class
    statement: ast.stmt


def _accessor(statement: ast.stmt) -> str:
    """Whether a function is the ``setter`` or ``deleter`` of a property."""
    for each in getattr(statement, "decorator_list", []):
        if isinstance(each, ast.Attribute) and each.attr in ("setter", "deleter"):
            return each.attr
    return ""


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
