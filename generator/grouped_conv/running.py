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
from ..reading.running import functions_around, name_of, run_from, runs_in_file
from ..reading.scopes import FUNCTIONS, Function
from .surroundings import Surroundings

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
        functions = functions_around(index, node)
        if runs_in_file(index, node):
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
                if runs_in_file(index, call):
                    return True
                waiting += functions_around(index, call)
        return False

    def _is_named_elsewhere(self, function: Function) -> bool:
        """Whether a constructor or a forward in another file names a function of the source."""
        cls = self.index.source.class_around(function)
        defined = cls.name if cls is not None else function.name
        return any(
            runs_in_file(other.index, node)
            for other in self.surroundings.naming(defined, function.name)
            if not other.module.runs_apart
            for node in other.index.source.nodes
            if isinstance(node, (ast.Name, ast.Attribute)) and name_of(node) == function.name
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
        return run_from(self.index, methods)


def _has_strange_base(facts: Facts, node: ast.ClassDef) -> bool:
    """Whether a class, or one that inherits from it, has a base that is not known."""
    return facts.class_of(node) is None or any(map(_is_strange, facts.classes(node)))


def _is_strange(cls: Class) -> bool:
    return not cls.is_known or any(each not in _NEUTRAL for each in cls.externals)
