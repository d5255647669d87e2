"""Find the norms that take what a module gives whose convolution is split, where that is called.

self.conv = Same(16, 32, groups=4)    self.conv = Same(16, 32, groups=4)
self.bn = nn.BatchNorm2d(32)          self.bn = nn.BatchNorm2d(32)
                                      self.conv.conv, self.bn = split_conv_norm(
                                          self.conv.conv, self.bn
                                      )

The norm may also be the first of the next module, wherever it is called.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from ...facts.values import Instance, Object, Tensor, Value
from ...reading.parts import walk
from ...reading.scopes import FUNCTIONS
from ..refusal import Refusal
from ..weights import Uses
from .attribute import Attribute
from .attributes import Attributes, Store
from .behind import applied_walk
from .kinds import TRYING


@dataclass(frozen=True)
class Outside:
    """A module with a convolution, and the norm that takes what it gives.

    Attributes:
        owner: the class that has both.
        module: its attribute that is the module.
        norm: the path to the norm: an attribute, or one of an attribute.
        stores: where the norm is given to its attribute.
        nodes: what builds the norm, and what calls it.
    """

    owner: ast.ClassDef
    module: str
    norm: tuple[str, ...]
    stores: tuple[Store, ...]
    nodes: frozenset[ast.AST]


class Outsides:
    """Finds them in one source."""

    def __init__(self, attributes: Attributes) -> None:
        self.attributes = attributes
        self.index = attributes.index
        self.source = attributes.source
        self.facts = attributes.surroundings.facts

    def of(self, inner: ast.ClassDef, conv: str) -> list[Outside]:
        """The norms outside of a class that take what a convolution gives, which that returns."""
        if applied_walk(self.attributes.surroundings) is not None or not self._only_returns(
            inner, conv
        ):
            return []
        calls = [use.node for each in self.facts.instances(inner) for use in self.facts.calls(each)]
        places = dict.fromkeys(map(self._place, calls))
        found = []
        for owner, name in filter(None, places):
            with suppress(Refusal):  # what stays is said by the flow of tensors
                found.append(self._taker(inner, Attribute(self.attributes, owner, name)))
        return found

    def _place(self, node: ast.AST) -> tuple[ast.ClassDef, str] | None:
        """The class, and the attribute of its self, that a call applies."""
        match node:
            case ast.Call(func=ast.Attribute(value=instance, attr=name), args=[_], keywords=[]) if (
                self.source.has(node)
            ):
                owner = self.index.self_class(instance)
                return (owner, name) if owner is not None else None
        return None

    def _only_returns(self, inner: ast.ClassDef, name: str) -> bool:
        """Whether the forward of a class gives what its convolution does, and nothing else."""
        conv = Attribute(self.attributes, inner, name)
        try:
            self._check_alone(conv, conv.calls, is_norm=False)
        except Refusal:
            return False
        forwards = {self.source.function_around(each) for each in conv.calls}
        (forward,) = forwards if len(forwards) == 1 else (None,)
        if not isinstance(forward, FUNCTIONS) or forward.name != "forward":
            return False
        results = {value for each in conv.calls for value in self.facts.values(each)}
        returns = [each.value for each in walk(forward) if isinstance(each, ast.Return)]
        return all(map(self._is_returned, results)) and all(
            each is not None and results.issuperset(self.facts.values(each)) for each in returns
        )

    def _is_returned(self, result: Value) -> bool:
        """Whether what a convolution gives is returned, and no more is done with it."""
        is_step = isinstance(result, Tensor) and isinstance(result.step, tuple)  # of a Sequential
        is_kept = is_step or bool([*self.facts.heap.holders(result)])
        return not is_kept and {use.kind for use in self.facts.uses(result)} == {"return"}

    def _taker(self, inner: ast.ClassDef, module: Attribute) -> Outside:
        """The norm that alone takes what a module gives where it is called.

        Raises:
            Refusal: there is none.
        """
        if not all(isinstance(each, Instance) and each.cls.node is inner for each in module.values):
            raise Refusal("it may be another module")
        self._check_only_called(module, module.calls)
        nodes = {node for each in module.calls for node in self._uses(each)}
        places = {self._place(each) for each in nodes}
        (place,) = places if len(places) == 1 else (None,)
        if place is None or place[0] is not module.owner:
            raise Refusal("several take what it gives")
        taker = Attribute(self.attributes, *place)
        if {*taker.calls} != nodes:
            raise Refusal("it takes something else too")
        path: tuple[str, ...] = (taker.name,)
        norms = {taker: nodes}
        if not self._is_norm(nodes):
            norms = self._first(taker, nodes)
            path += (next(iter(norms)).name,)
        for norm, calls in norms.items():
            self._check_norm(norm, calls)
        stores = tuple(store for norm in norms for store in norm.stores)
        values = (each for norm in norms for each in norm.values if isinstance(each, Object))
        sites = frozenset(each.site for each in values).union(*norms.values())
        return Outside(module.owner, module.name, path, stores, sites)

    def _uses(self, call: ast.Call) -> set[ast.Call]:
        """The calls that are given what another one gives, in the same function.

        Raises:
            Refusal: more is done with it.
        """
        results, around = self.facts.values(call), self.source.function_around
        nodes = {use.node for each in results for use in self.facts.uses(each)}
        is_kept = any([*self.facts.heap.holders(each)] for each in results)
        calls = {each for each in nodes if isinstance(each, ast.Call)}
        if is_kept or calls != nodes or {*map(around, nodes)} != {around(call)}:
            raise Refusal("it has another use")
        return calls

    def _first(self, module: Attribute, nodes: set[ast.Call]) -> dict[Attribute, set[ast.Call]]:
        """The norms that alone take what a module is given, by the classes that it may be of."""
        self._check_only_called(module, nodes)
        found: dict[tuple[ast.ClassDef, str], set[ast.Call]] = {}
        for each in module.values:
            inputs = self.facts.given_to(each) if isinstance(each, Instance) else ()
            taking = {use.node for one in inputs for use in self.facts.uses(one)}
            taking = {each for each in taking if not self._is_of_tuples(each)}
            (node,) = taking if len(taking) == 1 else (None,)
            place = self._place(node) if node is not None else None
            if place is None or not isinstance(node, ast.Call) or not self._is_norm((node,)):
                raise Refusal("no norm comes first in it")
            found.setdefault(place, set()).add(node)
        if len({name for _, name in found}) != 1:
            raise Refusal("it is not always the same norm")
        return {Attribute(self.attributes, *place): calls for place, calls in found.items()}

    def _is_of_tuples(self, node: ast.AST) -> bool:
        """Whether a node asks for a tuple, or is there for one: what is in parts gives a list."""
        inner = node
        for outer in self.source.ancestors(node):
            if isinstance(outer, (ast.If, ast.IfExp)) and _asks_for_tuple(outer.test):
                body = outer.body if isinstance(outer, ast.If) else [outer.body]
                if inner in (outer.test, *body):
                    return True
            inner = outer
        return False

    def _is_norm(self, nodes: Iterable[ast.Call]) -> bool:
        kinds = self.attributes.modules.kinds
        return all(kinds.of(each.func).name in TRYING for each in nodes)

    # --- what else is done with them ---------------------------------------------------------

    def _check_norm(self, norm: Attribute, calls: Iterable[ast.Call]) -> None:
        """See that a norm can be split, and takes nothing else.

        Raises:
            Refusal: it cannot.
        """
        norm.check_kind()
        uses = self._check_alone(norm, calls, is_norm=True)
        functions = [self.source.function_around(each) for each in (*uses.writes, *uses.reads)]
        is_built = all(getattr(each, "name", "") == "__init__" for each in functions)
        if uses.obstacles or not is_built:
            raise Refusal("its weights are used")

    def _check_alone(self, attribute: Attribute, calls: Iterable[ast.Call], is_norm: bool) -> Uses:
        uses, _ = attribute.check({*calls}, is_norm=is_norm)
        self.attributes.check_elsewhere(attribute.owner, attribute.name)
        return uses

    def _check_only_called(self, module: Attribute, calls: Iterable[ast.Call]) -> None:
        """See that nothing is done with a module but to call it.

        Raises:
            Refusal: something is.
        """
        _, is_plain = module.check({*calls}, is_norm=False)
        self.attributes.check_elsewhere(module.owner, module.name)
        if not is_plain or not module.stores:
            raise Refusal("it is not only called")


def _asks_for_tuple(test: ast.expr) -> bool:
    match test:
        case ast.Call(func=ast.Name(id="isinstance"), args=[_, ast.Name(id="tuple")]):
            return True
    return False
