"""Evaluate expressions whose value a reader of the source knows for certain."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from .classes import Class, ClassIndex
from .names import meaning
from .scopes import Binding, Scope, assigned_value

Value: TypeAlias = "bool | int | float | str | tuple[Value, ...] | None"


class Unknown(Exception):
    """The value of an expression cannot be told from the source."""


_LITERALS: Final = (bool, int, float, str)
_MAX_MAGNITUDE: Final = 2**63

_BINARY: Mapping[type[ast.operator], Callable[..., Value]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
}
_UNARY: Mapping[type[ast.unaryop], Callable[..., Value]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
}
_COMPARE: Mapping[type[ast.cmpop], Callable[..., bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
_CALLS: Mapping[str, Callable[..., Value]] = {
    each.__name__: each for each in (int, float, bool, abs, len, max, min, round, sum)
}


def _gives_all(walk: ast.AST) -> bool:
    """Whether by what goes through an object's insides any attribute may be set."""
    return isinstance(walk, ast.Call) or getattr(walk, "attr", "") == "__dict__"


class Values:
    """The values of expressions of one source, as far as a reader knows them for certain."""

    def __init__(self, index: ClassIndex) -> None:
        self.index = index
        self.source = index.source
        self._known: dict[ast.expr, Value | Unknown] = {}

    def known_int(self, expression: ast.expr) -> int | None:
        """The value of an expression that is known to be an int; else None."""
        try:
            value = self.evaluate(expression)
        except Unknown:
            return None
        return int(value) if isinstance(value, int) else None

    def evaluate(self, expression: ast.expr) -> Value:
        """The value of an expression of literals, constants, and names assigned once.

        Raises:
            Unknown: it depends on something that is known only when the model runs.
        """
        if expression not in self._known:
            self._known[expression] = Unknown()  # for what is defined by itself
            try:
                self._known[expression] = self._value(expression)
            except (Unknown, ArithmeticError, TypeError, ValueError, LookupError) as error:
                self._known[expression] = Unknown(str(error))
        known = self._known[expression]
        if isinstance(known, Unknown):
            raise known
        return known

    def _value(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(value=value) if value is None or isinstance(value, _LITERALS):
                return value
            case ast.Tuple():
                return tuple(self.evaluate(each) for each in node.elts)
            case ast.Name():
                return self._name(node)
            case ast.Attribute():
                return self._attribute(node)
            case ast.UnaryOp() if type(node.op) in _UNARY:
                return _UNARY[type(node.op)](self.evaluate(node.operand))
            case ast.BinOp() if type(node.op) in _BINARY:
                return self._binary(node)
            case ast.Compare(ops=[operation], comparators=[right]) if type(operation) in _COMPARE:
                return _COMPARE[type(operation)](self.evaluate(node.left), self.evaluate(right))
            case ast.IfExp():
                chosen = node.body if self.evaluate(node.test) else node.orelse
                return self.evaluate(chosen)
            case ast.BoolOp():
                return self._boolean(node)
            case ast.Subscript():
                return self._subscript(node)
            case ast.Call(func=ast.Name(id=name), keywords=[]) if name in _CALLS:
                if self.source.scope(node).lookup(name) is None:
                    return _CALLS[name](*(self.evaluate(each) for each in node.args))
        raise Unknown

    def _name(self, node: ast.Name) -> Value:
        found = self.source.scope(node).only_value(node.id)
        if found is None:
            raise Unknown
        scope, value = found
        if self._may_be_rebound(scope, value):
            raise Unknown
        if isinstance(scope.node, ast.ClassDef) and self.source.is_before(node, value):
            raise Unknown  # a class body that reads a name before it binds it reads that outside
        return self.evaluate(value)

    def _may_be_rebound(self, scope: Scope, value: ast.expr) -> bool:
        """Whether a name of the module may be given a value without being named."""
        if scope.parent is not None:
            return False
        if self.index.code_runners or "globals" in self.source.free_names:
            return True
        return any(self.source.is_before(value, star.node) for star in scope.star_imports)

    def _attribute(self, node: ast.Attribute) -> Value:
        owner = self.index.self_class(node.value)
        if owner is None:
            found = meaning(self.source, node.value)
            if found.kind != "class" or not isinstance(found.node, ast.ClassDef):
                raise Unknown
            return self.evaluate(
                self.stored(self.index.classes[found.node], node.attr, by_class=True)
            )
        return self.evaluate(self.stored(self.index.classes[owner], node.attr))

    def stored(self, owner: Class, name: str, by_class: bool = False) -> ast.expr:
        """What the only place that gives an attribute its value gives it.

        Raises:
            Unknown: there are more, or may be.
        """
        index, relatives = self.index, owner.relatives()
        unclear = [each for each in index.classes.values() if each.is_unclear]
        if (
            any(each.outer_bases for each in owner.ancestors())
            or any(map(_gives_all, (walk for each in relatives for walk in each.walks)))
            or index.code_runners
            or any(index.mentions.naming(name))
            or index.makes_classes
            or any(index.mentions.computed(name))
            or index.mentions.has_computed_store
        ):
            raise Unknown
        stores: list[ast.expr | None] = []
        for access in index.accesses(name):
            if not isinstance(access.node.ctx, ast.Load):
                user = index.classes[access.owner] if access.owner is not None else None
                if user is None or user in relatives or user in unclear:
                    stores.append(assigned_value(self.source.parent_of, access.node))
        for each in {*relatives, *unclear}:
            bindings = each.scope.bindings.get(name, [])
            stores += [
                None if self._is_field(each, one) and not by_class else one.value
                for one in bindings
            ]
        if len(stores) != 1 or stores[0] is None:
            raise Unknown
        return stores[0]

    def _is_field(self, owner: Class, binding: Binding) -> bool:
        """Whether a decorator, such as dataclass, may make a field of what a class body binds."""
        annotated = isinstance(self.source.parent(binding.node), ast.AnnAssign)
        return annotated and bool(owner.node.decorator_list)

    def _binary(self, node: ast.BinOp) -> Value:
        left, right = self.evaluate(node.left), self.evaluate(node.right)
        if not isinstance(left, (int, float)) or not isinstance(right, (int, float)):
            raise Unknown
        if isinstance(node.op, (ast.Pow, ast.LShift)) and right > 64:
            raise Unknown  # a huge number is no channel count
        result = _BINARY[type(node.op)](left, right)
        if isinstance(result, (int, float)) and abs(result) > _MAX_MAGNITUDE:
            raise Unknown
        return result

    def _boolean(self, node: ast.BoolOp) -> Value:
        stops_at = isinstance(node.op, ast.Or)
        result: Value = None
        for each in node.values:
            result = self.evaluate(each)
            if bool(result) is stops_at:
                break
        return result

    def _subscript(self, node: ast.Subscript) -> Value:
        value, position = self.evaluate(node.value), self.evaluate(node.slice)
        if not isinstance(value, tuple) or not isinstance(position, int):
            raise Unknown
        return value[position]
