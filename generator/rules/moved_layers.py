"""Whether a layer may stand in another one, which loads its weights in another order."""

from __future__ import annotations

import ast
import re
from typing import Final

from ..facts.values import STRANGE, Instance, Object
from ..project_files import location_of
from ..reading.mentions import Mentions
from .built_layers import BuiltLayers
from .new_module import Place
from .rule import Asking, Left

_ADDING: Final = ("add_module", "register_module")


class MovedLayers:
    """Asks who has to do with layers that the constructor of a class builds.

    Args:
        asking: what a rule asks.
        place: the class, and the method that applies them.
        layers: what the constructor builds.
    """

    def __init__(self, asking: Asking, place: Place, layers: BuiltLayers) -> None:
        self._asking = asking
        self._place = place
        self._layers = layers

    def check(self, name: str, call: ast.Call) -> None:
        """See that nothing but its construction and one call has to do with a layer.

        Raises:
            Left: something may.
        """
        source = self._asking.source
        built = self._layers.built(name)
        if built is None:
            raise Left(f"{name} is not set once by the constructor", call)
        if not isinstance(built, ast.Call):
            raise Left(f"{name} is not built where it is set", built)
        for each in source.nodes:
            if not isinstance(each, ast.Attribute) or each.attr != name or each is call.func:
                continue
            is_built = isinstance(each.ctx, ast.Store)
            if self._may_be_it(each) and not (is_built and self._is_of_constructor(each)):
                raise Left(f"{name} is used for something else", each)
        self._see_that_it_is_not_quoted(name)
        skip = self._asking.directives.forbids(self._statement_of(name))
        if skip is not None:
            raise Left(f"{name} stays as it is: {skip}")
        location = location_of(source)
        if location is not None:
            does = re.compile(rf"\b{re.escape(name)}\b")
            owner = self._place.owner.name
            for module in location.files.readers(location.path, {owner}, does):
                if not module.runs_apart:
                    raise Left(f"{module.file} may use {name}")

    def _see_that_it_is_not_quoted(self, name: str) -> None:
        """See that no code goes by the name of a layer, or by those of its weights.

        Raises:
            Left: some may.
        """
        source = self._asking.source
        mentions = Mentions(source)
        for node in (*mentions.quoted.get(name, ()), *mentions.computed(name)):
            match source.parent(node) if source.has(node) else None:
                case ast.Call(func=ast.Attribute(value=holder, attr=call)) if call in _ADDING:
                    if not self._may_be_instance(holder):
                        continue
                case ast.Tuple(elts=[first, ast.Call()]) if first is node:  # of an OrderedDict
                    continue
            raise Left(f"{name} is spoken of by its name", node)

    def _statement_of(self, name: str) -> ast.stmt:
        value = self._layers.built(name)
        assert value is not None, "it has been asked for"
        return self._asking.source.statement(value)

    def _is_of_constructor(self, node: ast.AST) -> bool:
        return self._asking.source.function_around(node) is self._place.constructor

    def _may_be_it(self, node: ast.Attribute) -> bool:
        """Whether an attribute may be that of an instance of the class."""
        return self._may_be_instance(node.value)

    def _may_be_instance(self, node: ast.expr) -> bool:
        """Whether something may be an instance of the class."""
        values = self._asking.facts.values(node)
        family = self._place.owner
        return not values or not all(
            isinstance(each, Object) and each.kind != STRANGE
            if not isinstance(each, Instance)
            else all(one.node is not family for one in each.cls.order)
            for each in values
        )
