"""What a constructor or a forward of the project runs, by itself or by way of a base class."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from functools import cached_property
from typing import Final

from .. import torch_api
from ..facts.classes import Class
from ..facts.facts import Facts
from ..reading.classes import NEUTRAL_BASES, ClassIndex
from ..reading.kept import kept
from ..reading.parts import walk
from ..reading.scopes import FUNCTIONS, Function
from .surroundings import Surroundings

_RUN_BY_TORCH: Final = ("__init__", "__post_init__", "setup", "forward", "__call__", "__new__")
_CALLED_BACK: Final = re.compile(
    r"_*(re)?(init|initiali[sz]e|reset|build|set_?up|post_init)(_\w+)?|\w+_init(iali[sz]e)?"
)
"""The methods that base classes call, from a constructor, by convention."""
_NEUTRAL: Final = (
    NEUTRAL_BASES - {"transformers.PreTrainedModel"}
    | torch_api.CONTAINERS
    | torch_api.MAPPINGS
    | {"builtins.object"}
)


class Running:
    """Tells what is run with a model."""

    def __init__(self, index: ClassIndex, surroundings: Surroundings) -> None:
        self.index = index
        self.surroundings = surroundings

    def runs(self, node: ast.AST) -> bool:
        """Whether a node may be run when a model is built, or in its forward."""
        index = self._index_of(node)
        functions = _functions_around(index, node)
        if _running_at(index, node):
            return True
        if index is self.index:
            is_called_back = not self._called_back.isdisjoint(functions)
            if is_called_back or any(map(self._is_named_elsewhere, functions)):
                return True
        return self._is_run_elsewhere(functions)

    def _index_of(self, node: ast.AST) -> ClassIndex:
        other = self.surroundings.other(node)
        return other.index if other is not None else self.index

    def _is_run_elsewhere(self, functions: Iterable[ast.AST]) -> bool:
        """Whether a constructor or a forward in another file runs one of some functions."""
        waiting, known = [*functions], set[ast.AST]()
        while waiting:
            function = waiting.pop()
            if function in known:
                continue
            known.add(function)
            for call in self.surroundings.facts.callers(function):
                other = self.surroundings.other(call)
                if other is not None and other.module.runs_apart:
                    continue
                index = self._index_of(call)
                if _running_at(index, call):
                    return True
                waiting += _functions_around(index, call)
        return False

    def _is_named_elsewhere(self, function: Function) -> bool:
        """Whether a constructor or a forward in another file names a function of the source."""
        cls = self.index.source.class_around(function)
        defined = cls.name if cls is not None else function.name
        return any(
            _running_at(other.index, node)
            for other in self.surroundings.naming(defined, function.name)
            if not other.module.runs_apart
            for node in other.index.source.nodes
            if isinstance(node, (ast.Name, ast.Attribute)) and _name_of(node) == function.name
        )

    @cached_property
    def _called_back(self) -> set[ast.AST]:
        """The functions of the source that a base class which is not known may run."""
        facts = self.surroundings.facts
        methods = (
            method
            for cls in self.index.classes
            if _has_strange_base(facts, cls)
            for method in cls.body
            if isinstance(method, FUNCTIONS) and _CALLED_BACK.fullmatch(method.name)
        )
        return _run_from(self.index, methods)


def _functions_around(index: ClassIndex, node: ast.AST) -> list[Function]:
    return [each for each in index.source.ancestors(node) if isinstance(each, FUNCTIONS)]


def _running_at(index: ClassIndex, node: ast.AST) -> bool:
    """Whether a node is run by a constructor or a forward of its file, or when that is imported."""
    functions = _functions_around(index, node)
    return not functions or not _running(index).isdisjoint(functions)


def _has_strange_base(facts: Facts, node: ast.ClassDef) -> bool:
    """Whether a class, or one that inherits from it, has a base that is not known."""
    return facts.class_of(node) is None or any(map(_is_strange, facts.classes(node)))


def _is_strange(cls: Class) -> bool:
    return not cls.is_known or any(each not in _NEUTRAL for each in cls.externals)


@kept
def _running(index: ClassIndex) -> set[ast.AST]:
    """The functions of a file that a constructor or a forward runs, as far as names tell."""
    by_name = _by_name(index)
    seeds = [each for name in _RUN_BY_TORCH for each in by_name.get(name, [])]
    for node in index.source.nodes:
        if isinstance(node, (ast.Name, ast.Attribute)):
            if not _functions_around(index, node):
                seeds += by_name.get(_name_of(node), [])
    return _run_from(index, seeds)


def _run_from(index: ClassIndex, functions: Iterable[ast.AST]) -> set[ast.AST]:
    """Some functions, and all that they run, as far as names tell."""
    by_name, waiting, found = _by_name(index), [*functions], set[ast.AST]()
    while waiting:
        function = waiting.pop()
        if function in found:
            continue
        found.add(function)
        for node in walk(function):
            if isinstance(node, (ast.Name, ast.Attribute)):
                waiting += by_name.get(_name_of(node), [])
    return found


@kept
def _by_name(index: ClassIndex) -> dict[str, list[ast.AST]]:
    found: dict[str, list[ast.AST]] = {}
    for node in index.source.nodes:
        if isinstance(node, FUNCTIONS):
            found.setdefault(node.name, []).append(node)
    return found


def _name_of(node: ast.Name | ast.Attribute) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr
