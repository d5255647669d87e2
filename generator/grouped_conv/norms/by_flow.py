"""Find the norm that alone takes what a convolution gives, as the flow of tensors shows it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ... import torch_api
from ...facts.facts import Facts
from ...facts.heap import Use
from ...facts.values import STRANGE, Constant, Instance, Object, Tensor, Value
from ...reading.classes import ClassIndex
from ..refusal import Refusal, line_of

NORMS: Final = torch_api.BATCH_NORMS | torch_api.INSTANCE_NORMS
HANDING: Final = frozenset(("escape", "return", "item", "operand", "write", "iterate"))
"""The uses of a module after which others may have it, or it may be another one."""


@dataclass(frozen=True)
class Applied:
    """A norm that is applied to what a convolution gives.

    Attributes:
        conv: where the convolution is applied.
        norm: where the norm is.
    """

    conv: ast.Call
    norm: ast.Call


@dataclass(frozen=True)
class Behind:
    """The norm behind a convolution, as attributes of one object.

    Attributes:
        norm: the attribute of the norm.
        applied: where it is applied.
    """

    norm: str
    applied: tuple[Applied, ...]


class FlowOfTensors:
    """Follows what the convolutions of one source give."""

    def __init__(self, index: ClassIndex, facts: Facts) -> None:
        self.index = index
        self.facts = facts

    def behind(self, owner: ast.ClassDef, conv: str) -> Behind | None:
        """The norm behind a convolution; None where none is seen.

        Raises:
            Refusal: the norm is to stay.
        """
        found = [
            one for instance in self.facts.instances(owner) for one in self._behind(instance, conv)
        ]
        names = {norm for norm, _ in found}
        if not names:
            return None
        if len(names) > 1:
            raise Refusal(f"another norm follows self.{conv} too")
        return Behind(names.pop(), tuple(dict.fromkeys(each for _, each in found)))

    def may_be_of(self, owner: ast.ClassDef, expression: ast.expr) -> bool:
        """Whether an expression may be an instance of a class."""
        found = self.facts.values(expression)
        instances = {*self.facts.instances(owner)}
        is_known = bool(found) and all(isinstance(each, (Instance, Object)) for each in found)
        is_strange = any(getattr(each, "kind", "").startswith(STRANGE) for each in found)
        return not is_known or is_strange or not instances.isdisjoint(found)

    def calls(self, owner: ast.ClassDef, name: str) -> set[ast.AST]:
        """Where what an attribute may be is called; the class stands for what is not known."""
        found: set[ast.AST] = set()
        for instance in self.facts.instances(owner):
            for each in self.facts.heap.attribute(instance, name):
                uses = self.facts.uses(each)
                is_known = isinstance(each, (Object, Constant))
                found |= {use.node for use in uses if use.kind == "call"} if is_known else {owner}
        return found

    def _behind(self, instance: Instance, conv: str) -> Iterator[tuple[str, Applied]]:
        for value in self._only_modules(instance, conv):
            if value.kind in torch_api.CONVOLUTIONS and not self.facts.is_plain(value):
                yield from self._of(instance, conv, value)

    def _only_modules(self, instance: Instance, name: str) -> list[Object]:
        values = self.facts.heap.attribute(instance, name)
        if not all(isinstance(each, (Object, Constant)) for each in values):
            raise Refusal(f"it is not known what self.{name} is")
        return [each for each in values if isinstance(each, Object)]

    def _of(self, instance: Instance, name: str, conv: Object) -> Iterator[tuple[str, Applied]]:
        """What is behind one convolution, wherever it is applied."""
        applied = [use for use in self.facts.uses(conv) if use.kind == "call"]
        steps = [(use, self._taking(use)) for use in applied]
        if not any(taking for _, taking in steps):
            return
        walk = applied_walk(self.facts)
        if walk is not None:
            raise Refusal(f"it may be applied with others ({line_of(walk.node)})")
        self._check_held(instance, name, conv)
        for use, taking in steps:
            if not taking or not isinstance(use.node, ast.Call):
                raise Refusal(f"it does not follow everywhere ({line_of(use.node)})")
            node = taking[0].node
            assert isinstance(node, ast.Call)
            norm_name = self._name(instance, taking)
            self._check_same(instance, use, taking[0])
            for norm in self.facts.heap.attribute(instance, norm_name):
                if isinstance(norm, Object) and norm.kind in NORMS:
                    self._check_held(instance, norm_name, norm)
                    self._check_alone(norm, instance, name)
            yield norm_name, Applied(use.node, node)

    def _name(self, instance: Instance, taking: list[Use]) -> str:
        """The attribute of the norm that takes what a convolution gives."""
        names = {
            name
            for use in taking
            if isinstance(use.by, Object)
            for holder, name in self.facts.heap.holders(use.by)
            if holder is instance and name
        }
        function = getattr(taking[0].node, "func", None)
        if isinstance(function, ast.Attribute) and len(taking) > 1:
            names.add(function.attr)
        if len(names) != 1:
            raise Refusal(f"it is no attribute of the same object ({line_of(taking[0].node)})")
        return names.pop()

    def _taking(self, use: Use) -> list[Use]:
        """The use of what a convolution gives by a norm, and nothing else; one for each callee."""
        if not isinstance(use.result, Tensor):
            return []
        taken = self.facts.uses(use.result)
        norms = [each for each in taken if _is_norm(each)]
        if not norms:
            return []
        is_one = len({each.node for each in taken}) == 1 and isinstance(norms[0].node, ast.Call)
        if not is_one or [*self.facts.heap.holders(use.result)]:
            raise Refusal(f"what it takes has another use too ({line_of(norms[0].node)})")
        return taken

    def _check_held(self, instance: Instance, name: str, module: Object) -> None:
        """See that no other object has a module; lists of Python are followed anyway."""
        for holder, key in self.facts.heap.holders(module):
            is_own = holder is instance and key in (name, "")
            is_list = isinstance(holder, Object) and holder.kind.startswith("builtins.")
            if not is_own and not is_list:
                raise Refusal(f"self.{name} is held elsewhere too")

    def _check_same(self, instance: Instance, conv: Use, norm: Use) -> None:
        """See that a convolution and a norm are reached from the same object."""
        one, other = sequence_of(conv), sequence_of(norm)
        if one is not None or other is not None:
            if one is instance and other is instance:
                return
        elif self._around(conv.node) is self._around(norm.node):
            assert isinstance(conv.node, ast.Call) and isinstance(norm.node, ast.Call)
            if self._is_of_self(conv.node.func) and self._is_of_self(norm.node.func):
                return
        raise Refusal(f"it may be that of another object ({line_of(norm.node)})")

    def _around(self, node: ast.AST) -> ast.AST | None:
        return self.index.source.function_around(node)

    def _is_of_self(self, node: ast.expr, seen: frozenset[str] = frozenset()) -> bool:
        """Whether an expression gives what the self of its method holds.

        ``seen`` are the variables of which this is being asked already.
        """
        match node:
            case ast.Attribute(value=value) | ast.Subscript(value=value):
                return self._is_of_self(value, seen)
            case ast.Call(func=ast.Attribute(value=value), args=[]):
                return self._is_of_self(value, seen)
            case ast.Call(func=ast.Name(), args=[_, *_] as given):
                return all(self._is_of_self(each, seen) for each in given)
            case ast.Name(id=name):
                if self.index.self_class(node) is not None:
                    return True
                found = self.index.source.scope(node).lookup(name)
                return (
                    found is not None
                    and name not in seen
                    and all(
                        given is not None and self._is_of_self(given, seen | {name})
                        for given in map(self._given, (each.node for each in found[1]))
                    )
                )
        return False

    def _given(self, target: ast.AST) -> ast.expr | None:
        """What a variable is given, or what a loop goes over whose variable it is."""
        source = self.index.source
        outer = source.parent(target)
        if isinstance(outer, ast.Tuple):
            outer = source.parent(outer)
        if isinstance(outer, (ast.For, ast.comprehension)):
            return outer.iter
        return outer.value if isinstance(outer, (ast.Assign, ast.NamedExpr)) else None

    def _check_alone(self, norm: Object, instance: Instance, name: str) -> None:
        """See that a norm takes nothing else, and is handed to nothing."""
        given = self.facts.heap.attribute(instance, name)
        for use in self.facts.uses(norm):
            if use.kind == "call":
                taken = self.facts.inputs_of(use.result) if isinstance(use.result, Tensor) else ()
                if not taken or not all(getattr(each, "producer", None) in given for each in taken):
                    raise Refusal(f"it takes something else too ({line_of(use.node)})")
            elif use.kind in HANDING:
                raise Refusal(f"it is handed on ({line_of(use.node)})")


def applied_walk(facts: Facts) -> Use | None:
    """Where modules are applied that a walk goes over, be they what they may."""
    for walked in facts.walked():
        for use in facts.uses(walked):
            if use.kind == "call" or (use.kind == "escape" and use.name == "()"):
                return use
    return None


def _is_norm(use: Use) -> bool:
    return use.kind == "input" and isinstance(use.by, Object) and use.by.kind in NORMS


def sequence_of(use: Use) -> Value | None:
    """The nn.Sequential that a module is applied as a step of; None where it is called itself."""
    step = use.result.step if isinstance(use.result, Tensor) else None
    while isinstance(step, tuple):
        (step, *_) = step
    return step if isinstance(step, (Instance, Object)) else None
