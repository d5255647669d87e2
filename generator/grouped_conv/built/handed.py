"""Tell what a function does with a convolution that it is handed, and then keeps no hold of.

up = nn.ConvTranspose2d(c, c, 4, groups=c)
fill_up_weights(up)
setattr(self, name, up)
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Set
from typing import Final

from ... import torch_api
from ...facts.facts import Facts
from ...facts.values import MADE_OF_IT, Bound, External, Function, Object, Value, made_of
from ...reading.classes import ClassIndex
from ...reading.parts import walk
from ...reading.scopes import FUNCTIONS
from ..source_facts import facts_of_source

_INNER: Final = (*FUNCTIONS, ast.Lambda, ast.Global, ast.Nonlocal, ast.Yield, ast.YieldFrom)
"""What a function may keep something in, once it has ended."""
_GONE: Final = (
    *(ast.Expr, ast.Compare, ast.UnaryOp, ast.BinOp, ast.AugAssign, ast.FormattedValue),
    *(ast.If, ast.While, ast.Assert, ast.For, ast.comprehension),
)
"""Where an expression may stand that nothing holds on to."""


def keeps_nothing(index: ClassIndex, load: ast.expr) -> bool:
    """Whether a call in which a convolution is an argument keeps no hold of it, or of its weight.

    What is called must be functions of the source.
    """
    call = index.source.parent(load)
    if not isinstance(call, ast.Call) or load not in call.args:
        return False
    facts = facts_of_source(index)
    made, callees = facts.values(load), facts.values(call.func)
    is_told = facts.is_complete and made and all(isinstance(each, Object) for each in made)
    return bool(is_told and callees) and _Handed(index, facts, made).to(callees)


def done_with(
    index: ClassIndex, reached: Iterable[ast.expr], done: Collection[ast.AST]
) -> Iterator[ast.AST]:
    """The nodes of the functions that are handed one of some expressions only where that is done.

    Args:
        index: the source.
        reached: all that may be a convolution.
        done: the nodes that are done with when it is split.
    """
    calls: dict[ast.AST, list[ast.Call]] = {}
    facts = facts_of_source(index)
    for each in reached:
        call = index.source.parent(each)
        if isinstance(call, ast.Call) and each in call.args:
            for function in filter(index.source.has, facts.functions(call.func)):
                calls.setdefault(function, []).append(call)
    while True:  # a function may hand it to itself, or to another one
        inside = {each for called in calls for each in walk(called)}
        left = {
            called: handing
            for called, handing in calls.items()
            if all(each in done or each in inside for each in handing)
        }
        if len(left) == len(calls):
            yield from inside
            return
        calls = left


class _Handed:
    """Goes through the functions that are handed some objects."""

    def __init__(self, index: ClassIndex, facts: Facts, made: Set[Value]) -> None:
        self.index = index
        self.facts = facts
        self.made = made
        self.seen: set[ast.AST] = set()

    def to(self, callees: Iterable[Value]) -> bool:
        """Whether some functions keep none of them."""
        for each in callees:
            function = _function(each)
            if function is None or not self.index.source.has(function.node):
                return False
            if function.node not in self.seen:
                self.seen.add(function.node)
                if not self._is_left_by(function.node):
                    return False
        return True

    def _is_left_by(self, function: ast.AST) -> bool:
        nodes = [*walk(function)]
        if any(isinstance(each, _INNER) for each in nodes[1:]):
            return False
        for each in self.made:
            for path, use in self.facts.uses_with_parts(each):
                is_new = MADE_OF_IT in path.split(".")
                is_kept = use.kind == "escape" and use.node in nodes
                if is_kept and not is_new and not self._is_item(use.node):
                    return False
        return all(
            self._is_let_go(each)
            for each in nodes
            if isinstance(each, ast.expr) and self._may_be_one(each)
        )

    def _is_left_in(self, call: ast.Call) -> bool:
        """Whether what a call runs keeps none of them; what lies outside is told by its uses."""
        callees = self.facts.values(call.func)
        own = [each for each in callees if not isinstance(each, External)]
        return bool(callees) and self.to(own)

    def _is_item(self, node: ast.AST) -> bool:
        """Whether an item of a weight is given values, whatever else might stand there."""
        is_set = isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)
        return is_set and isinstance(node, ast.Subscript) and self._may_be_one(node.value)

    def _may_be_one(self, node: ast.expr) -> bool:
        """Whether an expression may be one of them, or a part of one."""
        return any(
            _root(each) in self.made
            for each in self.facts.values(node)
            if not isinstance(each, Bound) or each.name not in torch_api.PLAIN
            if made_of(each) is None
        )

    def _is_let_go(self, node: ast.expr) -> bool:
        """Whether what an expression stands in holds on to nothing."""
        parent = self.index.source.parent(node)
        match parent:
            case ast.Attribute() | ast.Subscript():
                return parent.value is node
            case ast.Assign(targets=targets) if parent.value is node:
                return all(isinstance(each, ast.Name) for each in targets) or (
                    self.made.isdisjoint(self.facts.values(node))
                    and all(isinstance(each, ast.Subscript) for each in targets)
                )  # an item of a tensor takes the values of another one
            case ast.Assign() | ast.arguments():
                return True
            case ast.Call():
                return parent.func is node or self._is_left_in(parent)
        return isinstance(parent, _GONE)


def _function(callee: Value) -> Function | None:
    return (
        callee.function
        if isinstance(callee, Bound)
        else (callee if isinstance(callee, Function) else None)
    )


def _root(value: Value) -> Value:
    while isinstance(value, Bound):
        value = value.receiver
    return value
