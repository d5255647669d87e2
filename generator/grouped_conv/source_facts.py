"""The facts of one source, for questions about single expressions; made where first asked for."""

from __future__ import annotations

import ast
from typing import Final

from ..facts.facts import Facts, facts_of
from ..facts.project import Module, Project
from ..facts.values import Object
from ..project_files import Location, location_of
from ..reading.classes import ClassIndex
from ..reading.kept import kept
from ..reading.source import Source

_LASTING: Final = frozenset(("call", "return", "escape"))


@kept
def facts_of_source(index: ClassIndex) -> Facts:
    """The facts of all of a source, and of what it uses of its project.

    There is one set for a source, which ``Surroundings.facts`` adds the other files to.
    """
    source = index.source
    location = location_of(source)
    if location is None:
        return facts_of(source)
    return facts_in_project(location.module(source.tree, source.text), location)


def facts_in_project(module: Module, location: Location) -> Facts:
    """The facts of a file, and of what it uses of the project that a location is of."""
    project = Project(location.files.find)
    project.add(module)
    return Facts([module], project)


@kept
def index_of(module: Module) -> ClassIndex:
    """What another file of the project has."""
    return ClassIndex(Source(module.text, module.tree, name=module.file))


def is_never_called(index: ClassIndex, call: ast.Call) -> bool:
    """Whether what a construction gives to a local variable is surely called nowhere, nor kept.

    It is there for its weight, say, or for its class.
    """
    match index.source.parent(call):
        case ast.Assign(targets=[ast.Name()]) if index.source.function_around(call) is not None:
            facts = facts_of_source(index)
            return facts.is_complete and all(
                isinstance(each, Object)
                and bool(facts.uses(each))
                and not any(use.kind in _LASTING for use in facts.uses(each))
                and not [*facts.heap.holders(each)]
                for each in facts.made_by(call) or (None,)
            )
    return False
