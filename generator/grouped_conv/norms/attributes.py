"""Where the attributes of the classes of one source are read, called and set."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from ...facts.values import Instance, Object, Value, Values, is_strange
from ...reading.classes import Access, ClassIndex
from ...reading.directives import Directives
from ...reading.mentions import pattern_of
from ...reading.parts import walk
from ...reading.scopes import assigned_value
from ..refusal import Refusal, line_of
from ..surroundings import Surroundings
from .kinds import Kind
from .modules import Modules

_BY_STRING: Final = re.compile(
    r"\b(attrgetter|get_submodule|get_parameter|get_buffer|_modules|__dict__|vars|exec|eval)\b"
)
"""What reaches an attribute by a string, besides getattr and the like."""


@dataclass(frozen=True)
class Store:
    """A place where an attribute is given its value.

    Attributes:
        target: the attribute.
        value: what it is given.
        kind: what that builds.
    """

    target: ast.Attribute
    value: ast.expr
    kind: Kind


class Attributes:
    """Finds them in one source, and knows the modules that they hold."""

    def __init__(
        self, index: ClassIndex, directives: Directives, surroundings: Surroundings
    ) -> None:
        self.index = index
        self.surroundings = surroundings
        self.source = index.source
        self.directives = directives

    @cached_property
    def of_norms(self) -> Directives:
        """The comments that leave a norm where it is."""
        sites = [each.call for each in self.surroundings.sites]
        return Directives(self.source, sites, "branch-norm")

    @cached_property
    def modules(self) -> Modules:
        """What the facts know of its modules."""
        return Modules(self.index, self.surroundings.facts)

    def check_elsewhere(
        self, owner: ast.ClassDef, *names: str, known: Collection[ast.AST] = ()
    ) -> None:
        """See that no other file uses, or sets, attributes of a class, but as is known.

        Raises:
            Refusal: one does.
        """
        for name in names:
            place = self.surroundings.uses_attribute(owner, name, known)
            if place:
                raise Refusal(f"self.{name} is used in another file ({place})")

    def accesses(self, owner: ast.ClassDef, name: str) -> Iterator[Access]:
        """The accesses to an attribute of an object of a class, or of one that is not known."""
        relatives = self.index.classes[owner].relatives()
        for each in self.index.accesses(name):
            if each.owner is not None:
                is_one = self.index.classes[each.owner] in relatives
            else:
                is_one = self._may_be_of(owner, each.node.value)
            if is_one:
                yield each

    def _may_be_of(self, owner: ast.ClassDef, expression: ast.expr) -> bool:
        """Whether an expression may be an instance of a class, as far as is known."""
        facts = self.surroundings.facts
        found = facts.values(expression)
        is_known = bool(found) and all(map(_is_known, found))
        return not is_known or not {*facts.instances(owner)}.isdisjoint(found)

    def calls(self, owner: ast.ClassDef, name: str) -> Iterator[ast.Call]:
        """The calls of an attribute of an object of a class."""
        for each in self.accesses(owner, name):
            call = self.source.parent(each.node)
            if isinstance(call, ast.Call) and call.func is each.node:
                yield call

    def stores_of(self, owner: ast.ClassDef, name: str) -> Iterator[ast.Attribute]:
        """Where an attribute of an object of a class is given its value."""
        for each in self.accesses(owner, name):
            if isinstance(each.node.ctx, ast.Store) and each.owner is not None:
                yield each.node

    def holding(
        self, values: Iterable[Value], call: ast.Call | None = None
    ) -> list[tuple[ast.ClassDef, str]]:
        """The attributes that hold one of some values, in the order of the source.

        Instances of a class are not told apart: ``call`` is where these are made.
        """
        facts = self.surroundings.facts
        values = [*values]
        objects = frozenset(each for each in values if isinstance(each, Object))
        held = {place for each in values for place in facts.heap.holders(each)}
        found = {
            (owner, name)
            for holder, name in held
            if isinstance(holder, Instance) and name and self.source.has(holder.cls.node)
            for each in self.stores_of(holder.cls.node, name)
            if (owner := self.index.self_class(each.value)) is not None
            if self._is_given(each, objects, call)
        }
        return sorted(found, key=lambda each: (each[0].lineno, each[1]))

    def _is_given(self, target: ast.Attribute, objects: Values, call: ast.Call | None) -> bool:
        """Whether an attribute is given one of some objects, or what a call makes."""
        value = assigned_value(self.source.parent_of, target)
        if value is None:
            return False
        is_one = not objects.isdisjoint(self.surroundings.facts.values(value))
        return is_one or any(each is call for each in walk(value))

    def stores(self, owner: ast.ClassDef, name: str) -> Iterator[Store]:
        """Where an attribute is given its value, with what that is.

        Raises:
            Refusal: it may be given another one.
        """
        for each in self.accesses(owner, name):
            if isinstance(each.node.ctx, ast.Load):
                continue
            value = assigned_value(self.source.parent_of, each.node)
            if each.owner is None or value is None:
                raise Refusal(f"it may be another one ({line_of(each.node)})")
            yield Store(each.node, value, self.modules.kinds.of(value, name))
        uses = self.surroundings.facts.uses_of_instances(owner)
        others = (x.node for x in uses if x.kind == "write" and x.name == name)
        other = next((x for x in others if isinstance(x, ast.Call) and self.source.has(x)), None)
        if other is not None:
            raise Refusal(f"it may be another one ({line_of(other)})")
        computed = next(self.index.mentions.computed(name), None)
        if computed is not None and self._takes_names(owner, name):
            raise Refusal(f"it may be reached by a computed name ({line_of(computed)})")

    def _takes_names(self, owner: ast.ClassDef, name: str) -> bool:
        """Whether an attribute of an object of a class may be reached by a string."""
        if _BY_STRING.search(self.source.text) is not None or any(
            re.fullmatch(pattern_of(named), name, re.DOTALL) and self._may_be_of(owner, instance)
            for instance, named, _ in self.index.mentions.accesses
        ):
            return True
        return any(use.name == "*" for use in self.surroundings.facts.uses_of_instances(owner))


def _is_known(value: Value) -> bool:
    return isinstance(value, (Instance, Object)) and not is_strange(value)
