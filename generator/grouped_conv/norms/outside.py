"""Find the norms that take what a module gives whose convolution is split, where that is called.

self.conv = Same(16, 32, groups=4)    self.conv = Same(16, 32, groups=4)
self.bn = nn.BatchNorm2d(32)          self.bn = nn.BatchNorm2d(32)
                                      self.conv.conv, self.bn = split_conv_norm(
                                          self.conv.conv, self.bn
                                      )
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ... import torch_api
from ...facts.facts import Facts
from ...facts.heap import Use
from ...facts.values import NOTHING, Instance, Object, Tensor, Value, Values
from ...reading.classes import ClassIndex
from ...reading.parts import walk
from ...reading.scopes import FUNCTIONS, assigned_value
from .behind import applied_walk
from .kinds import NORM_READS, NORMS

_HANDING = frozenset(("escape", "return", "item", "operand", "write", "iterate"))
"""The uses of a module after which others may have it, or it may be another one."""
_ASKED = NORM_READS | torch_api.GIVES_SELF


@dataclass(frozen=True)
class Outside:
    """A module with a convolution, and the norm that takes what it gives.

    Attributes:
        owner: the class that has both.
        module: its attribute that is the module.
        norm: the path to the norm: an attribute, or one of an attribute.
        sites: what builds the norm.
        after: the statements behind which the norm is there, if not wherever both are.
    """

    owner: ast.ClassDef
    module: str
    norm: tuple[str, ...]
    sites: frozenset[ast.AST]
    after: frozenset[ast.stmt] = frozenset()


class Outsides:
    """Finds them in one source."""

    def __init__(self, index: ClassIndex, facts: Facts) -> None:
        self.index = index
        self.facts = facts

    def of(self, inner: ast.ClassDef, conv: str) -> list[Outside]:
        """The norms outside of a class that take what a convolution gives, which that returns."""
        found: dict[tuple[ast.ClassDef, str], set[Outside | None]] = {}
        if applied_walk(self.facts) is not None:
            return []
        for instance in self.facts.instances(inner):
            if not self._only_returns(instance, conv) or self._is_handed_on(instance):
                return []
            for use in self.facts.uses(instance):
                if use.kind != "call":
                    continue
                place = self._attribute(use.node)  # none in another file
                if place is None or not isinstance(use.result, Tensor):
                    return []
                is_known = self._is_always(*place, instance)
                taker = self._taker(use.node, use.result, *place) if is_known else None
                found.setdefault(place, set()).add(taker)
        alone = (each.pop() for each in found.values() if len(each) == 1)
        return [each for each in alone if each is not None and self._is_all_seen(each.norm[-1])]

    def _is_all_seen(self, name: str) -> bool:
        """Whether the facts have been told of all that speaks of an attribute."""
        others = (each.node for each in self.index.accesses(name) if each.owner is None)
        return all(self.facts.values(each.value) for each in others)

    def _is_handed_on(self, module: Instance) -> bool:
        """Whether others may apply a module, or see what it gives."""
        return any(
            use.kind in _HANDING - {"write"} or "hook" in use.name
            for use in self.facts.uses(module)
        )

    def _is_always(self, owner: ast.ClassDef, name: str, module: Instance) -> bool:
        """Whether an attribute is a module, and nothing else."""
        attribute = self.facts.heap.attribute
        holders = [*self.facts.instances(owner)]
        return all(attribute(each, name) == frozenset((module,)) for each in holders)

    def _only_returns(self, instance: Instance, name: str) -> bool:
        """Whether the forward of a module gives what a convolution does, and nothing else."""
        results, forwards = set[Value](), set[ast.AST | None]()
        for conv in self.facts.heap.attribute(instance, name):
            holders = {*self.facts.heap.holders(conv)}
            if not isinstance(conv, Object) or holders != {(instance, name)}:
                return False
            for use in self.facts.uses(conv):
                if use.kind != "call":
                    continue
                if not isinstance(use.result, Tensor) or not self._is_returned(use.result):
                    return False
                if not self.index.source.has(use.node):
                    return False
                results.add(use.result)
                forwards.add(self.index.source.function_around(use.node))
        (forward,) = forwards if len(forwards) == 1 else (None,)
        if not isinstance(forward, FUNCTIONS) or forward.name != "forward":
            return False
        returns = [each.value for each in walk(forward) if isinstance(each, ast.Return)]
        return all(
            each is not None and results.issuperset(self.facts.values(each)) for each in returns
        )

    def _is_returned(self, result: Tensor) -> bool:
        """Whether what a convolution gives is returned, and no more is done with it."""
        taken = self.facts.uses(result)
        is_step = isinstance(result.step, tuple)  # of an nn.Sequential
        is_kept = is_step or bool([*self.facts.heap.holders(result)])
        return bool(taken) and not is_kept and all(each.kind == "return" for each in taken)

    def _attribute(self, node: ast.AST) -> tuple[ast.ClassDef, str] | None:
        """The class, and the attribute of its self, that a call applies."""
        match node:
            case ast.Call(func=ast.Attribute(value=instance, attr=name), args=[_], keywords=[]) if (
                self.index.source.has(node)
            ):
                owner = self.index.self_class(instance)
                return (owner, name) if owner is not None else None
        return None

    def _taker(
        self, call: ast.AST, result: Tensor, owner: ast.ClassDef, module: str
    ) -> Outside | None:
        """The norm that alone takes what a module gives where it is called."""
        nodes = {each.node for each in self.facts.uses(result)}
        places = {*map(self._attribute, nodes)}
        if len(places) != 1 or [*self.facts.heap.holders(result)]:
            return None
        (place,), around = places, self.index.source.function_around
        is_here = place is not None and place[0] is owner
        if place is None or not is_here or {*map(around, nodes)} != {around(call)}:
            return None
        found = self._norms(*place, nodes, frozenset((result,)))
        norms = {each for each in found.values() if each is not None}
        if len({path for path, _ in norms}) != 1:
            return None
        after = frozenset[ast.stmt]()
        if None in found.values():
            after = self._after(*place, frozenset(each for each in found if found[each]))
            if not after:
                return None
        sites = frozenset(norm.site for _, norm in norms)
        return Outside(owner, module, next(iter(norms))[0], sites, after)

    def _after(self, owner: ast.ClassDef, name: str, fit: Values) -> frozenset[ast.stmt]:
        """The only places of a constructor that give an attribute some values, if they are there.

        Each is in a branch of an ``if`` of which another branch gives it all others, and nothing
        behind it speaks of the attribute.
        """
        source, stores = self.index.source, list[tuple[ast.stmt, Values]]()
        for access in self.index.accesses(name):
            if isinstance(access.node.ctx, ast.Store):
                value = assigned_value(source.parent_of, access.node)
                values = self.facts.values(value) if value is not None else NOTHING
                stores.append((source.statement(access.node), values))
        fitting = {node for node, values in stores if values and values <= fit}
        others = {node for node, values in stores if node not in fitting}
        for use in self.facts.uses_of_instances(owner):
            if use.kind == "write" and use.name in (name, "*"):
                if not source.has(use.node) or source.statement(use.node) not in fitting | others:
                    return frozenset()
        for node in fitting:
            guard, function = source.parent(node), source.function_around(node)
            is_own = isinstance(function, FUNCTIONS) and function.name == "__init__"
            if not isinstance(guard, ast.If) or not is_own or source.parent(guard) is not function:
                return frozenset()
            other = guard.body if node in guard.orelse else guard.orelse
            behind = (each for each in walk(function) if _is_behind(each, node))
            if not others <= {*other} or any(getattr(each, "attr", "") == name for each in behind):
                return frozenset()
        return frozenset(fitting)

    def _norms(
        self, owner: ast.ClassDef, name: str, nodes: set[ast.AST], given: Values
    ) -> dict[Value, tuple[tuple[str, ...], Object] | None]:
        """For each that an attribute may be: the norm that it is, or that is the first it does."""
        found: dict[Value, tuple[tuple[str, ...], Object] | None] = {}
        for instance in self.facts.instances(owner):
            for value in self.facts.heap.attribute(instance, name):
                found[value] = None
                if isinstance(value, Object) and value.kind in NORMS:
                    is_alone = self._is_alone(value, instance, given, nodes)
                    found[value] = ((name,), value) if is_alone else None
                elif isinstance(value, Instance):
                    found[value] = self._first(value, name, nodes)
        return found

    def _first(
        self, module: Instance, name: str, nodes: set[ast.AST]
    ) -> tuple[tuple[str, ...], Object] | None:
        """The norm that alone takes what a module is given."""
        calls = {each.node for each in self.facts.uses(module) if each.kind == "call"}
        attribute = self._attribute(next(iter(nodes)))
        same = {each for each in calls if self._attribute(each) == attribute}
        inputs = [*self.facts.given_to(module)]
        taken = [use for each in inputs for use in self.facts.uses(each)]
        place = self._attribute(taken[0].node) if len(taken) == 1 else None
        is_shared = place is None or same != nodes or self._is_handed_on(module)
        if place is None or is_shared or taken[0].kind != "input":
            return None
        norm = taken[0].by
        if isinstance(norm, Object) and norm.kind in NORMS:
            if self._is_alone(norm, module, frozenset(inputs), {taken[0].node}):
                return (name, place[1]), norm
        return None

    def _is_alone(
        self, norm: Object, holder: Instance, given: frozenset[Value], nodes: set[ast.AST]
    ) -> bool:
        """Whether a norm takes what is given, at some places, and nothing else is done with it."""
        for use in self.facts.uses(norm):
            if use.kind == "call":
                inputs = self.facts.inputs_of(use.result) if isinstance(use.result, Tensor) else {}
                if use.node not in nodes or not given.issuperset(inputs):
                    return False
            elif use.kind in _HANDING or not self._is_built(use):
                return False
        return {each for each, _ in self.facts.heap.holders(norm)} == {holder}

    def _is_built(self, use: Use) -> bool:
        """Whether a use only asks for a setting, or is one by a constructor."""
        function = self.index.source.function_around(use.node)
        return use.name in _ASKED or getattr(function, "name", "") == "__init__"


def _is_behind(node: ast.AST, statement: ast.stmt) -> bool:
    return getattr(node, "lineno", 0) > (statement.end_lineno or 0)
