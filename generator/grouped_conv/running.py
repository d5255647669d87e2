"""What a constructor or a forward runs, as the facts show who speaks of a function."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Final, TypeAlias

from .. import torch_api
from ..facts.classes import Class
from ..reading.classes import NEUTRAL_BASES, ClassIndex
from ..reading.running import named
from ..reading.scopes import FUNCTIONS
from ..reading.source import Source
from .surroundings import Surroundings

Definition: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_Place: TypeAlias = tuple[ClassIndex, ast.AST]
_PLAIN: Final = re.compile(r"(builtins|abc|typing|enum|collections|dataclasses)\.")
"""What is no module."""
_NEVER_RUN: Final = frozenset(("__repr__", "__str__", "__getstate__", "__setstate__"))
_RUN_BY_TORCH: Final = frozenset(("forward", "setup", "train", "eval", "reset_parameters"))
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

    def __init__(self, surroundings: Surroundings) -> None:
        self.surroundings = surroundings
        self._places: dict[Definition, list[_Place]] = {}

    @cached_property
    def _followed(self) -> set[ClassIndex]:
        """The sources that the facts are of."""
        around = self.surroundings
        return {around.index, *(each.index for each in around.others)}

    @cached_property
    def _apart(self) -> set[str]:
        """The names of those that no model runs."""
        return {x.index.source.name for x in self.surroundings.others if x.module.runs_apart}

    def runs(self, node: ast.AST) -> bool:
        """Whether a node may be run when a model is built, or in its forward, or by an import."""
        waiting, known = [(self.surroundings.index_of(node), node)], set[ast.AST]()
        while waiting:
            index, node = waiting.pop()
            functions = [x for x in index.source.ancestors(node) if isinstance(x, FUNCTIONS)]
            if not functions and self._is_run_by_import(node):
                return True
            if any(self._is_by_torch(index.source, each) for each in functions):
                return True
            for each in functions:
                if each not in known:
                    known.add(each)
                    waiting += self._places_of(index, each)
                    cls = index.source.parent(each)
                    if isinstance(cls, ast.ClassDef) and self._is_special(cls, each.name):
                        waiting += self._places_of(index, cls)
        return False

    def is_by_torch(self, function: ast.AST) -> bool:
        """Whether a function is a constructor or a forward, or a method that is run like these."""
        return self._is_by_torch(self.surroundings.source_of(function), function)

    def _is_by_torch(self, source: Source, function: ast.AST) -> bool:
        cls = source.parent(function) if source.has(function) else None
        if not isinstance(cls, ast.ClassDef) or not isinstance(function, FUNCTIONS):
            return False
        return self._is_special(cls, function.name) and self._may_be_module(cls)

    def _is_run_by_import(self, node: ast.AST) -> bool:
        """Whether what stands in no function is run before anybody can build a model."""
        source = self.surroundings.source_of(node)
        tests = (each.test for each in source.ancestors(node) if isinstance(each, ast.If))
        names = {each.id for test in tests for each in ast.walk(test) if isinstance(each, ast.Name)}
        return source.has(node) and not source.name and "__name__" not in names

    def _is_special(self, cls: ast.ClassDef, name: str) -> bool:
        """Whether Python or torch call a method, or what a class inherits from may do so."""
        is_special = name.startswith("__") and name.endswith("__") and name not in _NEVER_RUN
        if is_special or name in _RUN_BY_TORCH:
            return True
        return _CALLED_BACK.fullmatch(name) is not None and self._has_strange_base(cls)

    def _may_be_module(self, cls: ast.ClassDef) -> bool:
        known = [*self.surroundings.facts.classes(cls)]
        externals = [path for each in known for path in each.externals]
        is_plain = all(each.is_known for each in known) and all(map(_PLAIN.match, externals))
        return not known or not is_plain

    def _places_of(self, index: ClassIndex, definition: Definition) -> list[_Place]:
        if definition not in self._places:
            self._places[definition] = [*self._speaking_of(index, definition)]
        return self._places[definition]

    def _speaking_of(self, index: ClassIndex, definition: Definition) -> Iterator[_Place]:
        """Where a function is called, handed on or kept; at the level of a module, where called."""
        around, name = self.surroundings, definition.name
        found = [(around.index_of(each), each) for each in around.facts.speaking_of(definition)]
        is_property = isinstance(definition, FUNCTIONS) and bool(definition.decorator_list)
        if is_property or index not in self._followed:
            found += ((index, each) for each in named(index).get(name, ()))
        cls = index.source.class_around(definition)
        for other in around.naming(cls.name if cls is not None else name, name):
            if other.index not in self._followed:
                found += ((other.index, each) for each in named(other.index).get(name, ()))
        for its, each in found:
            source = its.source
            if source.name in self._apart:
                continue
            is_called = source.has(each) and isinstance(source.parent(each), ast.Call)
            if is_called or source.function_around(each) is not None:
                yield its, each

    def _has_strange_base(self, node: ast.ClassDef) -> bool:
        """Whether a class, or one that inherits from it, has a base that is not known."""
        facts = self.surroundings.facts
        return facts.class_of(node) is None or any(map(_is_strange, facts.classes(node)))


def _is_strange(cls: Class) -> bool:
    return not cls.is_known or any(each not in _NEUTRAL for each in cls.externals)
