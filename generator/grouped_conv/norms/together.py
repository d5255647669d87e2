"""Tell from which two lists a convolution and a norm are taken, always at the same place of both.

for conv, norm in zip(self.convs, self.norms):
    x = norm(conv(x))
x = self.norms[i](self.convs[i](x))
"""

from __future__ import annotations

import ast
from typing import TypeAlias

from ...reading.classes import ClassIndex
from ...reading.parts import walk
from ...reading.scopes import COMPREHENSIONS, Binding

TwoLists: TypeAlias = tuple[ast.Attribute, ast.Attribute]


class Together:
    """Looks at the loops of one source."""

    def __init__(self, index: ClassIndex) -> None:
        self.index = index
        self.source = index.source

    def lists(self, conv: ast.Call, norm: ast.Call) -> TwoLists | None:
        """The list of convolutions and that of norms, by the calls of one of each."""
        return self._by_number(conv.func, norm.func) or self._in_loop(conv, norm)

    def _by_number(self, conv: ast.expr, norm: ast.expr) -> TwoLists | None:
        """The two lists where both are taken by the same number, which is not below 0."""
        match conv, norm:
            case (
                ast.Subscript(value=ast.Attribute() as convs, slice=place),
                ast.Subscript(value=ast.Attribute() as norms, slice=other),
            ) if ast.dump(place) == ast.dump(other) and self._are_of_self(convs, norms):
                return (convs, norms) if self._is_counted(place) else None
        return None

    def _in_loop(self, conv: ast.Call, norm: ast.Call) -> TwoLists | None:
        """The two lists where a loop goes over both of them together."""
        match conv.func, norm.func:
            case ast.Name(id=one), ast.Name(id=other):
                loop = self._loop(conv, norm)
                lists = self._variables(loop) if loop is not None else {}
                found = lists.get(one), lists.get(other)
                if isinstance(found[0], ast.Attribute) and isinstance(found[1], ast.Attribute):
                    return (found[0], found[1]) if self._are_of_self(*found) else None
        return None

    def _are_of_self(self, *nodes: ast.expr | None) -> bool:
        """Whether some attributes are those of one self."""
        owners = [getattr(each, "value", None) for each in nodes]
        is_same = len({ast.dump(each) for each in owners if each is not None}) == 1
        return is_same and owners[0] is not None and self.index.self_class(owners[0]) is not None

    def _loop(self, conv: ast.Call, norm: ast.Call) -> ast.For | ast.comprehension | None:
        """The innermost loop around two calls."""
        around = {*self.source.ancestors(norm)}
        for each in self.source.ancestors(conv):
            if isinstance(each, ast.For) and each in around:
                return each
            if isinstance(each, COMPREHENSIONS) and each in around:
                return each.generators[0] if len(each.generators) == 1 else None
        return None

    def _variables(self, loop: ast.For | ast.comprehension) -> dict[str, ast.expr]:
        """The variables of a loop over what zip gives, each with what it goes over."""
        iterated, target = loop.iter, loop.target
        if isinstance(target, ast.Tuple) and self.calls_builtin(iterated, "enumerate"):
            assert isinstance(iterated, ast.Call)
            iterated, target = iterated.args[0], target.elts[-1]
        if not isinstance(target, ast.Tuple) or not self.calls_builtin(iterated, "zip"):
            return {}
        assert isinstance(iterated, ast.Call)
        whole = loop if isinstance(loop, ast.For) else self.source.parent(loop)
        inside = {*walk(whole)}
        return {
            name.id: given
            for name, given in zip(target.elts, iterated.args, strict=False)
            if isinstance(name, ast.Name)
            and sum(each.node in inside for each in self._bindings(name)) == 1
        }

    def _bindings(self, name: ast.Name) -> list[Binding]:
        scope = self.source.scope(name)
        found = scope.bindings.get(name.id, [])
        return found if name.id not in scope.module.nonlocals else []

    def _is_counted(self, number: ast.expr) -> bool:
        """Whether a number is not below 0: a constant, or what a loop counts from 0 on."""
        match number:
            case ast.Constant(value=int(value)):
                return value >= 0
            case ast.Name():
                bindings = [each.node for each in self._bindings(number)]
                return bool(bindings) and all(map(self._counts, bindings))
        return False

    def _counts(self, target: ast.AST) -> bool:
        outer, name = self.source.parent(target), "range"
        if isinstance(outer, ast.Tuple) and outer.elts[0] is target:
            outer, name = self.source.parent(outer), "enumerate"
        match outer:
            case (
                ast.For(iter=ast.Call(args=[_], keywords=[]) as call)
                | ast.comprehension(iter=ast.Call(args=[_], keywords=[]) as call)
            ):
                return self.calls_builtin(call, name)
        return False

    def calls_builtin(self, node: ast.AST, name: str) -> bool:
        """Whether an expression calls a builtin, with arguments that are all seen."""
        match node:
            case ast.Call(func=ast.Name(id=called), args=[_, *_]) if called == name:
                is_plain = not any(isinstance(each, ast.Starred) for each in node.args)
                return is_plain and self.source.scope(node).lookup(name) is None
        return False
