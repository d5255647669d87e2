"""The modules of a project, and what their names are bound to; read only where asked for."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from ..outcome import SourceError
from ..reading.scopes import FUNCTIONS
from ..reading.source import parse


@dataclass(frozen=True)
class Found:
    """A module as it lies in the project.

    Attributes:
        text: its source.
        is_package: whether it is the ``__init__.py`` of a package.
    """

    text: str
    is_package: bool


@dataclass(eq=False)
class Module:
    """A module of the project.

    Attributes:
        name: its dotted name; empty for a source that lies nowhere.
        is_package: whether it is the ``__init__.py`` of a package.
        tree: what ``ast`` makes of it.
    """

    name: str
    is_package: bool
    tree: ast.Module

    @cached_property
    def bindings(self) -> dict[str, list[ast.AST]]:
        """The statements that bind each name of the module, ``*`` for the star imports."""
        found: dict[str, list[ast.AST]] = {}
        for statement in own_statements(self.tree.body):
            for name in bound_names(statement):
                found.setdefault(name, []).append(statement)
        return found

    @cached_property
    def rebound(self) -> frozenset[str]:
        """The names that functions declare ``global``, and so may bind anew at any time."""
        declared = (each for each in ast.walk(self.tree) if isinstance(each, ast.Global))
        return frozenset(name for each in declared for name in each.names)

    def absolute(self, level: int, name: str | None) -> str:
        """The module that ``from`` and so many dots mean here; empty if it lies outside."""
        if level == 0:
            return name or ""
        parts = self.name.split(".") if self.name else []
        up = level - 1 if self.is_package else level
        if up > len(parts):
            return ""
        package = parts[: len(parts) - up]
        return ".".join([*package, *([name] if name else [])])


class Project:
    """The modules of a project by their dotted names.

    Args:
        find: gives a module of the project by its dotted name, or None. It is asked once for each.
    """

    def __init__(self, find: Callable[[str], Found | None] = lambda name: None) -> None:
        self._find = find
        self._modules: dict[str, Module | None] = {}

    def add(self, module: Module) -> None:
        """Have a module count as the one of its name."""
        self._modules[module.name] = module

    def module(self, name: str) -> Module | None:
        """The module of a dotted name; None if it is not of the project, or no Python."""
        if not name:
            return None
        if name not in self._modules:
            self._modules[name] = self._read(name)
        return self._modules[name]

    def _read(self, name: str) -> Module | None:
        found = self._find(name)
        if found is None:
            return None
        try:
            return Module(name, found.is_package, parse(found.text))
        except (SourceError, RecursionError, MemoryError):
            return None  # which is said where it is a file of the run


def own_statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a block and of the blocks in it, but for those of functions and classes."""
    for statement in body:
        yield statement
        if isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
            continue
        for field in ("body", "orelse", "finalbody"):
            yield from own_statements(getattr(statement, field, []))
        for part in (*getattr(statement, "handlers", []), *getattr(statement, "cases", [])):
            yield from own_statements(part.body)


def bound_names(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement binds, by itself."""
    if isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
        yield statement.name
    elif isinstance(statement, (ast.Import, ast.ImportFrom)):
        for alias in statement.names:
            yield alias.asname or alias.name.partition(".")[0]
    else:
        for node in _outside_blocks(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
                yield node.id


def _outside_blocks(statement: ast.stmt) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(statement):
        if not isinstance(child, (ast.stmt, ast.ExceptHandler, ast.match_case)):
            yield from ast.walk(child)
