"""Which norms that a source makes are of a class of the project with layers behind."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...facts.project import Module
from ...facts.values import ClassValue, Function, Instance
from ...reading.classes import ClassIndex
from ...reading.kept import kept
from ...reading.names import meaning
from ...reading.source import Source
from .layered import Layered, layered

if TYPE_CHECKING:
    from ...facts.classes import Class
    from ..surroundings import Surroundings


@dataclass(frozen=True)
class OwnNorm:
    """A class of the project that is a BatchNorm with layers behind.

    Attributes:
        module: where it is defined, by its name in the project; None for the source itself.
        name: its name there.
        what: what it is.
    """

    module: Module | None
    name: str
    what: Layered


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
    index: ClassIndex, around: Surroundings, values: Iterable[ast.expr]
) -> Iterator[OwnNorm]:
    """Those of other files that some expressions may make.

    Args:
        index: of the source of the expressions.
        around: the facts of that.
        values: what gives a norm to an attribute.
    """
    facts = around.facts

    def function_of(expression: ast.expr) -> ast.AST | None:
        found = [each.node for each in facts.values(expression) if isinstance(each, Function)]
        return found[0] if len(found) == 1 else None

    made = (each for node in values for each in facts.values(node))
    for cls in dict.fromkeys(each.cls for each in made if isinstance(each, Instance)):
        if cls.module is facts.modules[0] or cls.node not in cls.module.tree.body:
            continue
        other = ClassIndex(Source(cls.module.text, cls.module.tree, name=cls.module.file))
        what = layered(other.source, cls.node, function_of)

        def is_class(expression: ast.expr, cls: Class = cls) -> bool:
            found = facts.values(expression)
            return any(isinstance(each, ClassValue) and each.cls is cls for each in found)

        if what is not None and _is_itself(other, cls.node) and not _is_asked_for(index, is_class):
            yield OwnNorm(cls.module, cls.name, what)


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
            if index.runs_with_model(each):
                return True
    return False
