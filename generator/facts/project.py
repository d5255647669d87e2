"""The modules of a project, and what their names are bound to; read only where asked for."""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from ..reading.kept import kept
from ..reading.parsing import LINE_END
from ..reading.parts import parts, walk
from ..reading.scopes import FUNCTIONS

_APART: Final = frozenset(
    (
        *("test", "tests", "testing", "example", "examples", "script", "scripts", "tool", "tools"),
        *("benchmark", "benchmarks", "demo", "demos", "docs", "notebooks"),
    )
)
"""Directories of what is run by itself."""


@dataclass(eq=False)
class Module:
    """A module of the project.

    Attributes:
        name: its dotted name from the root of the project; empty for a source that lies nowhere.
        is_package: whether it is the ``__init__.py`` of a package.
        tree: what ``ast`` makes of it.
        text: its source.
        file: what a person calls its file.
        kept: answers about it; see ``kept.kept``.
    """

    name: str
    is_package: bool
    tree: ast.Module
    text: str = ""
    file: str = ""
    kept: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    def code(self, node: ast.stmt) -> str:
        """The lines of a statement, with those of its decorators."""
        return _code(self, node)

    @cached_property
    def lines(self) -> list[str]:
        """The lines of its source."""
        return LINE_END.split(self.text)

    @property
    def runs_apart(self) -> bool:
        """Whether it is a test or a script, which no model runs."""
        *directories, name = self.file.split("/")
        is_named = name.startswith(("test_", "conftest.", "setup.")) or name.endswith("_test.py")
        return is_named or not _APART.isdisjoint(directories)

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
        if self.text and "global" not in self.text:
            return frozenset()
        declared = (each for each in walk(self.tree) if isinstance(each, ast.Global))
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


@kept
def _code(module: Module, node: ast.stmt) -> str:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(each.lineno for each in decorators)])
    return "\n".join(module.lines[first - 1 : node.end_lineno])


class Project:
    """The modules of a project.

    Attributes:
        handed_out: the modules that have been asked for.

    Args:
        find: gives a module of the project, or None: by its dotted name from the root, or by what
            a module calls it that imports it.
    """

    def __init__(
        self, find: Callable[[str, Module | None], Module | None] = lambda name, importer: None
    ) -> None:
        self._find = find
        self._added: dict[str, Module] = {}
        self.handed_out: dict[Module, None] = {}

    def add(self, module: Module) -> None:
        """Have a module count as the one of its name."""
        self._added[module.name] = module

    def module(self, name: str, importer: Module | None = None) -> Module | None:
        """A module; None if it is not of the project, or no Python.

        Args:
            name: its dotted name.
            importer: the module that calls it so in an absolute import; None for what is so called
                from the root of the project.
        """
        if not name:
            return None
        if importer is None and name in self._added:
            return self._added[name]
        found = self._find(name, importer)
        if found is None:
            return None
        found = self._added.get(found.name, found)
        self.handed_out[found] = None
        return found


def own_statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a block and of the blocks in it, but for those of functions and classes."""
    for statement in body:
        yield statement
        if isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
            continue
        for name in ("body", "orelse", "finalbody"):
            yield from own_statements(getattr(statement, name, []))
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
    for child in parts(statement):
        if not isinstance(child, (ast.stmt, ast.ExceptHandler, ast.match_case)):
            yield from walk(child)


def filling(module: Module, name: str) -> list[ast.stmt]:
    """The statements of a module that may put something into what it binds a name to.

    They speak of the name, or call or are decorated by a function of the module that does.
    """
    found: dict[str, list[ast.stmt]] = module.kept.setdefault("filling", {})
    if name not in found:
        found[name] = [*_filling(module, name)]
    return found[name]


def _filling(module: Module, name: str) -> Iterator[ast.stmt]:
    definitions = (*FUNCTIONS, ast.ClassDef)
    body = module.tree.body
    speaking = {each.name for each in body if isinstance(each, definitions) and _speaks(each, name)}
    for each in body:
        if isinstance(each, definitions):
            does: list[ast.AST] = [*each.decorator_list]
        elif isinstance(each, ast.Expr) or name not in bound_names(each):
            does = [each]
        else:
            continue
        if any(_speaks(one, name, *speaking) for one in does):
            yield each


def _speaks(node: ast.AST, *names: str) -> bool:
    """Whether a node has one of some names in it."""
    return any(isinstance(each, ast.Name) and each.id in names for each in walk(node))
