"""The attributes of the classes of one source: who holds what they have, what is done with it."""

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
from ..weights import Uses, Weights
from .kinds import TRYING, Kind
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

    def check_elsewhere(self, owner: ast.ClassDef, *names: str) -> None:
        """See that no other file uses, or sets, attributes of a class.

        Raises:
            Refusal: one does.
        """
        for name in names:
            place = self.surroundings.uses_attribute(owner, name)
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


class Attribute:
    """An attribute of the objects of one class that may be a module.

    Attributes:
        values: what it may be.
        instances: the objects whose attribute it is.
    """

    def __init__(self, attributes: Attributes, owner: ast.ClassDef, name: str) -> None:
        self.owner = owner
        self.name = name
        self._attributes = attributes
        self._modules = attributes.modules
        self._facts = attributes.surroundings.facts
        self._source = attributes.source
        self.values = self._facts.attribute(owner, name)
        self.instances = [*self._facts.instances(owner)]

    @cached_property
    def stores(self) -> tuple[Store, ...]:
        """Where it is given its value; a Refusal is raised where it may be given another one."""
        return tuple(self._attributes.stores(self.owner, self.name))

    @cached_property
    def calls(self) -> list[ast.Call]:
        """Where it is applied: its calls, and those of what it is a layer of."""
        found = {*self._attributes.calls(self.owner, self.name)}
        for value in self.values:
            for use in self._facts.uses(value) if isinstance(value, Object) else ():
                if use.kind == "call" and isinstance(use.node, ast.Call):
                    found |= {use.node} if self._source.has(use.node) else set()
        return sorted(found, key=self._source.span)

    def check_kind(self) -> None:
        """See that it is given something that may be a norm, and that such a norm can be split.

        Raises:
            Refusal: it is to stay.
        """
        if not self.stores:
            raise Refusal("it is no attribute of self")
        splitting = [each for each in self.stores if each.kind.name in TRYING]
        for each in self.stores:
            if each.kind.reason and (not splitting or each in splitting):
                raise Refusal(each.kind.reason)

    def _expressions(self) -> list[ast.expr]:
        """The expressions that may be what it holds, but for what it is given."""
        accesses = (each.node for each in self._attributes.accesses(self.owner, self.name))
        found: set[ast.expr] = {each for each in accesses if isinstance(each.ctx, ast.Load)}
        known = [each for each in self.values if isinstance(each, Object)]
        found |= {*self._modules.expressions(known)}
        return sorted(found, key=self._source.span)

    def check(self, called: Collection[ast.AST], *, is_norm: bool) -> tuple[Uses, bool]:
        """See that nothing else holds what it has, or calls it.

        Args:
            called: the calls that are known.
            is_norm: whether it is a norm; what is done with the weights of a convolution is looked
                at anyway.

        Returns:
            What else is done with its weights, and whether it is only called.

        Raises:
            Refusal: something may.
        """
        self._check_held()
        weights, given = Weights(self._attributes.index), {each.value for each in self.stores}
        is_plain = True
        for node in self._expressions():
            parent = self._source.parent(node)
            is_call = isinstance(parent, ast.Call) and parent.func is node and parent in called
            if not is_call and node not in given:
                is_plain = False
                self._modules.look_at(weights, node, called, is_norm)
                if is_norm:
                    self._check_seen(node, parent)
        return weights.uses, is_plain

    def _check_held(self) -> None:
        """See that it alone holds what it is given.

        Raises:
            Refusal: something else may.
        """
        # What a base class sets is that of these instances, and of others that inherit from it.
        classes = {cls.node for each in self.instances for cls in each.cls.order}
        places: list[tuple[Value, str]] = [
            (each, self.name)
            for each in self._facts.heap.having(self.name)
            if isinstance(each, Instance)
            and not classes.isdisjoint(cls.node for cls in each.cls.order)
        ]
        for store in self.stores:
            for each in self._modules.made(self._facts.values(store.value)):
                if self._modules.is_alone(each, store.target):
                    self._modules.check_held(each, *places)
                else:
                    self._check_new(store, each)

    def _check_new(self, store: Store, value: Value) -> None:
        """See that what a function gives is a new object whenever it is called."""
        where = f"it may be kept elsewhere too ({line_of(store.value)})"
        if not _is_call(store.value):
            raise Refusal(where)
        for _, key in self._facts.heap.holders(value) if isinstance(value, Object) else ():
            if not key:
                raise Refusal(where)
            for access in self._attributes.index.accesses(key):
                given = assigned_value(self._source.parent_of, access.node)
                if given is not None and value in self._facts.values(given):
                    if getattr(value, "site", None) is given or not _is_call(given):
                        raise Refusal(where)

    def _check_seen(self, node: ast.expr, parent: ast.AST) -> None:
        """See that what is not told apart from others is given to nothing that goes on with it."""
        is_told = not any(isinstance(each, Instance) for each in self._facts.values(node))
        keeps = (ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.Return, ast.List, ast.Tuple)
        is_argument = isinstance(parent, ast.Call) and node in parent.args
        is_asked = is_argument and getattr(getattr(parent, "func", None), "id", "") == "isinstance"
        if not is_told and (isinstance(parent, keeps) or (is_argument and not is_asked)):
            raise Refusal(f"it is handed on ({line_of(node)})")


def _is_call(value: ast.expr) -> bool:
    """Whether an expression gives what a call gives, or a constant."""
    match value:
        case ast.IfExp(body=one, orelse=other):
            return _is_call(one) and _is_call(other)
        case ast.BoolOp(values=values):
            return all(map(_is_call, values[-1:] if isinstance(value.op, ast.And) else values))
    return isinstance(value, (ast.Call, ast.Constant))


def _is_known(value: Value) -> bool:
    return isinstance(value, (Instance, Object)) and not is_strange(value)
