"""Tell what reads what a plain convolution gives: a grouped one alone, or something else too.

    x = self.act(self.bn1(self.conv1(x)))
    return self.conv2(x)

Whoever reads it, the parts of the plain one together compute what it did. So a module that is not
known counts as an activation where what it may also be is one: ``act=nn.ReLU`` as a default.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ... import torch_api
from ...facts.order import in_order
from ...facts.values import External, Object, Tensor, Value, Values, is_strange
from ..norms.kinds import NORMS
from ..refusal import Refusal
from ..tracing import Tracing


class SlicesRead:
    """Who reads what some calls give.

    Attributes:
        is_read: whether the grouped convolution does.

    Args:
        tracing: of the source.
        owner: the class whose attribute the grouped convolution is.
        reader: the attribute.
        passes_norms: whether norms between count as activations do.
    """

    def __init__(
        self, tracing: Tracing, owner: ast.ClassDef, reader: str, passes_norms: bool
    ) -> None:
        self.tracing = tracing
        self.facts = tracing.surroundings.facts
        self.owner = owner
        self.readers = self.facts.attribute(owner, reader)
        self.passes_norms = passes_norms
        self.is_read = False
        self._seen: set[ast.AST] = set()
        self._others: list[ast.AST] = []

    def check(self, calls: Iterable[ast.expr]) -> bool:
        """Whether the grouped convolution reads what some calls give.

        Raises:
            Refusal: something else does too.
        """
        for each in calls:
            self._follow(each)
        if self.is_read and self._others:
            where = self.tracing.line(self._others[0])
            raise Refusal(f"something else reads what it gives too ({where})")
        return self.is_read

    def _follow(self, call: ast.expr) -> None:
        if call in self._seen:  # it is in a loop, or read by two
            return
        self._seen.add(call)
        for value in in_order(self.facts.values(call)):
            if not isinstance(value, Tensor) and not is_strange(value):
                continue
            if [*self.facts.heap.holders(value)]:
                self._others.append(call)
            for use in self.facts.uses(value):
                if use.kind != "read":
                    self._look_at(use.node)

    def _look_at(self, node: ast.AST) -> None:
        if not isinstance(node, ast.Call) or len(node.args) != 1:
            self._others.append(node)
            return
        callees = self._callees(node.func)
        if not callees.isdisjoint(self.readers):
            self.is_read = True
            if not callees <= self.readers:
                self._others.append(node)
        elif self._is_channelwise(callees):
            self._follow(node)
        else:
            self._others.append(node)

    def _callees(self, function: ast.expr) -> Values:
        """What is called, of an attribute of self what instances of the class have there."""
        index = self.tracing.index
        if isinstance(function, ast.Attribute) and index.source.has(function):
            cls, known = index.self_class(function.value), self.facts.class_of(self.owner)
            if known is not None and any(each.node is cls for each in known.order):
                return self.facts.attribute(self.owner, function.attr)
        return self.facts.values(function)

    def _is_channelwise(self, callees: Values) -> bool:
        """Whether what is called goes over each channel by itself, as far as it is known."""
        known = [each for each in callees if not is_strange(each)]
        if self.passes_norms and (not known or any(map(_is_norm, known))):
            return True
        return bool(known) and all(map(self._is_passed, known))

    def _is_passed(self, callee: Value) -> bool:
        if isinstance(callee, External):
            return torch_api.keeps_batch(callee.path) and "softmax" not in callee.path
        return isinstance(callee, Object) and callee.kind in torch_api.BY_CHANNEL


def _is_norm(callee: Value) -> bool:
    return isinstance(callee, Object) and callee.kind in NORMS
