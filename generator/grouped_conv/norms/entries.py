"""Find the places where each module of one list is applied to what that of another gives.

They are those in a loop over both, and those that take both by the same number.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ...reading.classes import ClassIndex
from ...reading.flow import Flow
from ...reading.parts import walk
from ..refusal import line_of
from .following import Following, find_following


@dataclass(frozen=True)
class Step:
    """A place where a module of one list is applied to what that of another gives.

    Attributes:
        convs: the use of the list of convolutions.
        norms: that of the list of norms.
        following: the two calls.
        reason: why it is not certain that the two are always at the same place, if so.
    """

    convs: ast.Attribute
    norms: ast.Attribute
    following: Following
    reason: str = ""


class Entries:
    """What is done with the entries of lists in one source."""

    def __init__(self, index: ClassIndex, flow: Flow) -> None:
        self.index = index
        self.source = index.source
        self.flow = flow

    def step(self, convs: ast.Attribute) -> Step | None:
        """What a use of a list does, if that is to apply entries of it and of another."""
        parent = self.source.parent(convs)
        if isinstance(parent, ast.Subscript) and parent.value is convs:
            return self._by_number(convs, parent)
        if isinstance(parent, ast.Call) and self._calls(parent, "zip", convs):
            return self._in_loop(convs, parent)
        return None

    def is_harmless(self, node: ast.Attribute) -> bool:
        """Whether a use of a list only asks for its length."""
        parent = self.source.parent(node)
        return isinstance(parent, ast.Call) and self._calls(parent, "len", node)

    def _by_number(self, convs: ast.Attribute, conv: ast.Subscript) -> Step | None:
        call = self.source.parent(conv)
        if not isinstance(call, ast.Call) or call.func is not conv:
            return None

        def is_entry(function: ast.expr) -> bool:
            return isinstance(function, ast.Subscript) and self._is_beside(convs, function.value)

        following = find_following(self.index, call, is_entry)
        if following is None:
            return None
        norm = following.norm.func
        assert isinstance(norm, ast.Subscript) and isinstance(norm.value, ast.Attribute)
        least, reason = self._least(conv.slice), ""
        if ast.dump(norm.slice) != ast.dump(conv.slice):
            reason = f"it is taken by another number than its convolution ({line_of(norm)})"
        elif least is None or least < 0:
            reason = f"it is not known by which number it is taken ({line_of(norm)})"
        return self._step(convs, norm.value, following, reason)

    def _step(
        self, convs: ast.Attribute, norms: ast.Attribute, following: Following, reason: str
    ) -> Step:
        if following.guard is not None:
            reason = f"it may be skipped ({line_of(following.norm)})"
        return Step(convs, norms, following, reason)

    def _in_loop(self, convs: ast.Attribute, zipped: ast.Call) -> Step | None:
        loop, variables = self._loop(zipped)
        lists = {each.id: given for each, given in zip(variables, zipped.args, strict=False)}
        if loop is None or len(lists) < len(zipped.args):
            return None
        reads = self._reads(loop, variables[zipped.args.index(convs)])
        call = self.source.parent(reads[0]) if len(reads) == 1 else None
        if not isinstance(call, ast.Call) or call.func is not reads[0]:
            return None

        def is_entry(function: ast.expr) -> bool:
            return isinstance(function, ast.Name) and self._is_beside(convs, lists.get(function.id))

        following = find_following(self.index, call, is_entry)
        if following is None:
            return None
        norm = following.norm.func
        assert isinstance(norm, ast.Name)
        norms = lists[norm.id]
        assert isinstance(norms, ast.Attribute)
        is_only = self._reads(loop, variables[zipped.args.index(norms)]) == [norm]
        reason = "" if is_only else f"{norm.id} has another use, or value ({line_of(norm)})"
        return self._step(convs, norms, following, reason)

    def _is_beside(self, convs: ast.Attribute, node: ast.expr | None) -> bool:
        """Whether an expression is another attribute of the same object."""
        if not isinstance(node, ast.Attribute) or node.attr == convs.attr:
            return False
        is_same = ast.dump(node.value) == ast.dump(convs.value)
        return is_same and self.index.self_class(node.value) is not None

    def _loop(self, zipped: ast.Call) -> tuple[ast.AST | None, list[ast.Name]]:
        """The loop over what zip gives, and its variables."""
        iterated, loop = zipped, self.source.parent(zipped)
        is_numbered = isinstance(loop, ast.Call) and self._calls(loop, "enumerate", zipped)
        if isinstance(loop, ast.Call) and is_numbered:
            iterated, loop = loop, self.source.parent(loop)
        if not isinstance(loop, (ast.For, ast.comprehension)) or loop.iter is not iterated:
            return None, []
        target = loop.target
        if is_numbered and isinstance(target, ast.Tuple):
            target = target.elts[-1]
        elements = target.elts if isinstance(target, ast.Tuple) else []
        variables = [each for each in elements if isinstance(each, ast.Name)]
        whole = loop if isinstance(loop, ast.For) else self.source.parent(loop)
        return whole, variables if len(variables) == len(elements) else []

    def _reads(self, loop: ast.AST, variable: ast.Name) -> list[ast.Name]:
        """Where a variable of a loop is read; nothing if it may be another one there."""
        name = variable.id
        inside = set(walk(loop))
        scope = self.source.scope(variable)
        bound = scope.bindings.get(name, [])
        is_own = sum(each.node in inside for each in bound) == 1
        if not is_own or name in scope.module.nonlocals:
            return []
        reads = self.flow.loads.get((scope, name), [])
        others = [each for each in reads if each not in inside]
        is_apart = all(self._is_in_loop_over(each) for each in others)
        return [each for each in reads if each in inside] if is_apart else []

    def _is_in_loop_over(self, read: ast.Name) -> bool:
        """Whether a variable is read in a loop that gives it its value."""
        return any(
            isinstance(each, ast.For)
            and any(_stores(node, read.id) for node in walk(each.target))
            and any(read in walk(statement) for statement in each.body)
            for each in self.source.ancestors(read)
        )

    def _least(self, number: ast.expr) -> int | None:
        """The least that a number can be; None where it is not known."""
        match number:
            case ast.Constant(value=int(value)):
                return value
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=ast.Constant(value=int(by))):
                least = self._least(left)
                change = by if isinstance(number.op, ast.Add) else -by
                return least + change if least is not None else None
            case ast.Name(id=name):
                scope = self.source.scope(number)
                found = scope.lookup(name)
                if found is None or name in scope.module.nonlocals:
                    return None
                firsts = [self._first(each.node) for each in found[1]]
                known = [each for each in firsts if each is not None]
                return min(known) if len(known) == len(firsts) else None
        return None

    def _first(self, target: ast.AST) -> int | None:
        """The first, and least, value of the variable of a loop that counts upwards."""
        outer = self.source.parent(target)
        is_numbered = isinstance(outer, ast.Tuple) and outer.elts[0] is target
        if is_numbered:
            outer = self.source.parent(outer)
        if not isinstance(outer, (ast.For, ast.comprehension)):
            return None
        match outer.iter:
            case ast.Call(args=[_], keywords=[]) as call:
                is_counted = self._calls(call, "enumerate" if is_numbered else "range")
                return 0 if is_counted else None
            case ast.Call(args=[ast.Constant(value=int(start)), _]) as call if not is_numbered:
                return start if self._calls(call, "range") else None
        return None

    def _calls(self, call: ast.Call, name: str, argument: ast.expr | None = None) -> bool:
        """Whether a call is one of a builtin, with an expression among its arguments."""
        is_named = isinstance(call.func, ast.Name) and call.func.id == name
        is_builtin = is_named and self.source.scope(call).lookup(name) is None
        is_plain = not any(isinstance(each, ast.Starred) for each in call.args)
        return is_builtin and is_plain and (argument is None or argument in call.args)


def _stores(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load)
