"""What a constructor or a forward of the project runs, as far as names tell."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Final

from .. import torch_api
from ..facts.classes import Class
from ..reading.classes import NEUTRAL_BASES, ClassIndex
from ..reading.running import Place, is_run, speaking_of
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
        index = self.surroundings.index_of(node)
        return is_run(index, node, self._speaking, self._called_back)

    def _speaking(self, index: ClassIndex, function: Function) -> Iterator[Place]:
        """Where a function is spoken of."""
        cls = index.source.class_around(function)
        defined = cls.name if cls is not None else function.name
        others = [*self.surroundings.naming(defined, function.name), *self.surroundings.others]
        indexes = (each.index for each in others if not each.module.runs_apart)
        for each in dict.fromkeys((index, self.index, *indexes)):
            yield from speaking_of(each, function)

    @cached_property
    def _called_back(self) -> set[ast.AST]:
        """The functions of the source that a base class which is not known may run."""
        return {
            method
            for cls in self.index.classes
            if self._has_strange_base(cls)
            for method in cls.body
            if isinstance(method, FUNCTIONS) and _CALLED_BACK.fullmatch(method.name)
        }

    def _has_strange_base(self, node: ast.ClassDef) -> bool:
        """Whether a class, or one that inherits from it, has a base that is not known."""
        facts = self.surroundings.facts
        return facts.class_of(node) is None or any(map(_is_strange, facts.classes(node)))


def _is_strange(cls: Class) -> bool:
    return not cls.is_known or any(each not in _NEUTRAL for each in cls.externals)
