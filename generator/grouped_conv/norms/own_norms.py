"""Which norms that a source makes are of a class of the project with layers behind."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from ...facts.facts import Facts
from ...facts.project import Module
from ...facts.values import ClassValue, Constant, Instance, Object, Value
from ...project_files import ProjectFiles, location_of
from ...reading.classes import ClassIndex
from ...reading.kept import kept
from ...reading.names import meaning
from ...reading.running import runs_in_file
from ..source_facts import index_of
from .layered import Layered, layered

_SUBCLASS: Final = re.compile(
    r"^class\s+\w+\([\w.]*\b(BatchNorm[123]d|NormWithLayers\w*)\s*\)", re.MULTILINE
)
"""What the text of a file has that may define one."""


@dataclass(frozen=True)
class OwnNorm:
    """A class of the project that is a BatchNorm with layers behind.

    Attributes:
        module: where it is defined, by its name in the project; None for the source itself.
        name: its name there.
        what: what it is.
        is_seen: whether the source is seen to make one, or may do so as far as is known.
    """

    module: Module | None
    name: str
    what: Layered
    is_seen: bool = True


@kept
def own_norms(index: ClassIndex) -> Mapping[ast.ClassDef, OwnNorm]:
    """Those that a source defines; all of them have the same layers.

    But for one whose instances are told by their class where a model runs.
    """
    found: dict[ast.ClassDef, OwnNorm] = {}
    for node in index.source.tree.body:
        if isinstance(node, ast.ClassDef):
            what = layered(index.source, node)
            if what is not None and _is_itself(index, node):
                found[node] = OwnNorm(None, node.name, what)
    words = next(iter(found.values())).what.words if found else ()
    return {node: each for node, each in found.items() if each.what.words == words}


def norms_of_others(
    index: ClassIndex, facts: Facts, values: Iterable[ast.expr]
) -> Iterator[OwnNorm]:
    """Those of other files that some expressions may make; where that is not known, any.

    Args:
        index: of the source of the expressions.
        facts: of that.
        values: what gives a norm to an attribute.
    """
    location = location_of(index.source)
    if location is None:
        return
    made = [facts.values(each) for each in values]
    is_known = all(found and all(map(_is_known, found)) for found in made)
    classes = {
        each.cls.node: each.cls.module
        for found in made
        for each in found
        if isinstance(each, Instance)
    }
    seen = frozenset(classes)
    for module in () if is_known else location.files.containing(_SUBCLASS):
        classes |= {each: module for each in module.tree.body if isinstance(each, ast.ClassDef)}
    for node, module in classes.items():
        if module.file != location.path and node in module.tree.body:
            for norm in _norm_of_other(index, facts, node, module, location.files):
                yield replace(norm, is_seen=node in seen)


def _is_known(value: Value) -> bool:
    """Whether the class of a value is known."""
    is_of_torch = isinstance(value, Object) and value.kind.startswith("torch.")
    return is_of_torch or isinstance(value, (Instance, Constant))


def _norm_of_other(
    index: ClassIndex, facts: Facts, node: ast.ClassDef, module: Module, files: ProjectFiles
) -> Iterator[OwnNorm]:
    """A class of another file, if it is such a norm, and neither file asks for its class."""

    def is_class(expression: ast.expr) -> bool:
        found = facts.values(expression)
        return any(isinstance(each, ClassValue) and each.cls.node is node for each in found)

    other = index_of(module)
    what = layered(other.source, node, partial(imported_function, module, files))
    if what is not None and _is_itself(other, node):
        if not _is_asked_for(index, is_class):
            yield OwnNorm(module, node.name, what)


def imported_function(module: Module, files: ProjectFiles, expression: ast.expr) -> ast.AST | None:
    """The function of another file that a name of a module is imported as."""
    name = expression.id if isinstance(expression, ast.Name) else ""
    match module.bindings.get(name):
        case [ast.ImportFrom(module=path, level=level, names=names)]:
            other = files.find(module.absolute(level, path), module)
            known = {each.asname or each.name: each.name for each in names}
            match other.bindings.get(known[name]) if other is not None else None:
                case [function]:
                    return function
    return None


def _is_itself(index: ClassIndex, node: ast.ClassDef) -> bool:
    """Whether the name of a class always is that of it, and no model that runs asks for it."""
    bindings = index.source.scope(index.source.tree).bindings[node.name]
    is_one = [each.node for each in bindings] == [node]
    return is_one and not _is_asked_for(
        index, lambda each: meaning(index.source, each).node is node
    )


def _is_asked_for(index: ClassIndex, is_class: Callable[[ast.expr], bool]) -> bool:
    """Whether code that runs with a model asks whether something is of a class."""
    for each in index.source.nodes:
        match each:
            case ast.Call(func=ast.Name(id="isinstance" | "issubclass"), args=[_, classes]):
                asked: list[ast.expr] = [classes]
            case ast.Compare(left=left, comparators=comparators):
                asked = [left, *comparators]
            case _:
                continue
        names = (one for part in asked for one in ast.walk(part))
        if any(is_class(one) for one in names if isinstance(one, (ast.Name, ast.Attribute))):
            if runs_in_file(index, each):
                return True
    return False
