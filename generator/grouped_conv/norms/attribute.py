"""An attribute that may be a module: who holds what it has, and what is done with that."""

from __future__ import annotations

import ast
from collections.abc import Collection
from functools import cached_property

from ...facts.values import Instance, Object, Value
from ...reading.scopes import assigned_value
from ..refusal import Refusal, line_of
from ..weights import Uses, Weights
from .attributes import Attributes, Store
from .kinds import TRYING


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
