"""Find the norm that an object is given together with the convolution before it.

conv = nn.Conv2d(16, 32, 3, groups=g)     conv = nn.Conv2d(16, 32, 3, groups=g)
norm = nn.BatchNorm2d(32)                 norm = nn.BatchNorm2d(32)
                                          conv, norm = split_conv_norm(conv, norm)
return Block(conv, norm)                  return Block(conv, norm)

The object applies the norm to what the convolution gives, wherever it does so; that its class may
keep all that it is given by ``locals()`` is a matter of facts.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ...facts.heap import Use
from ...facts.values import Instance, Object, Value
from ...reading.calls import values_given
from ...reading.classes import ClassIndex
from ...reading.parts import walk
from .attributes import Attributes
from .following import Following, find_following
from .kinds import TRYING
from .sequential import is_sequential

_HARMLESS = frozenset(("argument", "compare", "test", "call"))
"""What may be done with a module on its way to the object."""


@dataclass(frozen=True)
class Given:
    """A convolution and a norm in variables of one function.

    Attributes:
        conv: the variable of the convolution, where the object is given it.
        norm: what stands for the norm.
        after: the statement behind which both are there, and nothing but the object gets them.
        before: what is done with by then.
        applied: where the object applies both.
    """

    conv: ast.Name
    norm: str
    after: ast.stmt
    before: frozenset[ast.AST]
    applied: frozenset[ast.AST]


class Givens:
    """Finds them in one source."""

    def __init__(self, attributes: Attributes) -> None:
        self.modules = attributes.modules
        self.facts = attributes.modules.facts
        self.source = attributes.source
        self.surroundings = attributes.surroundings
        self.directives = attributes.directives

    def of(self, construction: ast.Call) -> Given | None:
        """The norm that an object is given beside what a construction makes, if that is all."""
        convs = self._made(self.facts.values(construction))
        place, call = self._place(convs), self._handing(convs)
        if not self.facts.is_complete or place is None or call is None:
            return None
        around = self.source.function_around
        if around(call) is None or around(call) is not around(construction):
            return None
        names = [each for each in values_given(call) if isinstance(each, ast.Name)]
        own = [each for each in names if not self.facts.values(each).isdisjoint(convs)]
        if len(own) != 1 or not self._are_alone(convs, call):
            return None
        for each in names:
            found = self._norm(each, convs, place) if each is not own[0] else None
            after = self._after(call, (own[0], each)) if found is not None else None
            if found is not None and after is not None:
                return Given(own[0], found[0], *after, found[1])
        return None

    def _made(self, values: Iterable[Value]) -> list[Object]:
        return [each for each in values if isinstance(each, Object)]

    def _place(self, modules: Iterable[Object]) -> str | None:
        """The attribute of one object that alone keeps some modules, besides lists and dicts."""
        found = {
            (holder, name)
            for each in modules
            for holder, name in self.facts.heap.holders(each)
            if not isinstance(holder, Object) or not holder.kind.startswith("builtins.")
        }
        (place,) = found if len(found) == 1 else (None,)
        return place[1] if place and isinstance(place[0], Instance) else None

    def _handing(self, modules: Iterable[Object]) -> ast.Call | None:
        """The call that alone is given some modules."""
        uses = [use for each in modules for use in self.facts.uses(each)]
        nodes = {use.node for use in uses if use.kind == "argument"}
        (node,) = nodes if len(nodes) == 1 else (None,)
        is_own = node is not None and self.source.has(node) and all(map(_is_harmless, uses))
        return node if isinstance(node, ast.Call) and is_own else None

    def _are_alone(self, modules: Iterable[Object], call: ast.Call) -> bool:
        """Whether each is another one whenever the object is made, that no comment is about."""
        return all(
            self.modules.is_alone(each, call)
            and isinstance(each.site, ast.Call)
            and self.directives.skip(each.site) is None
            for each in modules
        )

    def _norm(
        self, name: ast.Name, convs: Iterable[Object], conv: str
    ) -> tuple[str, frozenset[ast.AST]] | None:
        """What stands for a norm in a variable, and where the object applies both, if it does."""
        code, modules = name.id, self._made(self.facts.values(name))
        held, applied = modules, self._place(modules)
        call = self._handing(modules)
        if applied is None or call is None:
            return None
        kind = self.modules.kinds.of(name)
        if modules and all(map(is_sequential, modules)):
            held = [first for each in modules for first in self._first(each)]
            kind, code = self.modules.kinds.of_values(frozenset(held), name.id), f"{name.id}[0]"
            holders = {each for norm in held for each, _ in self.facts.heap.holders(norm)}
            if not holders <= {*modules} or not all(map(_is_harmless, self._uses(held))):
                return None
        if kind.name not in TRYING or kind.reason:
            return None
        steps = [self._step(use, conv, applied) for use in self._calls(convs)]
        # An nn.Sequential applies its layers where it is made too, to whatever it may be given.
        own = {each.site for each in modules if is_sequential(each)}
        calls = {use.node for use in self._calls([*modules, *held])} - own
        known = [each for each in steps if each is not None]
        if len(known) < len(steps) or calls != {each.norm for each in known}:
            return None
        nodes = calls.union(own, (each.call for each in known))
        return (code, frozenset(nodes)) if self._are_alone([*modules, *held], call) else None

    def _first(self, sequence: Object) -> list[Object]:
        """What is surely the first module of an nn.Sequential, if that is known."""
        slots = self.facts.heap.slots(sequence)
        is_known = bool(slots) and slots[0].is_one and not self.facts.heap.is_loose(sequence)
        return self._made(slots[0].values) if is_known else []

    def _uses(self, modules: Iterable[Object]) -> Iterator[Use]:
        for each in modules:
            yield from self.facts.uses(each)

    def _calls(self, modules: Iterable[Object]) -> Iterator[Use]:
        return (use for use in self._uses(modules) if use.kind == "call")

    def _step(self, use: Use, conv: str, norm: str) -> Following | None:
        """How a norm of an object takes what a convolution of it gives, if that is all."""
        call, index = use.node, self.surroundings.index_of(use.node)
        if not isinstance(call, ast.Call) or not _is_of_self(index, call.func, conv):
            return None

        def is_norm(function: ast.expr) -> bool:
            return _is_of_self(index, function, norm)

        found = find_following(index.source, call, is_norm)
        return found if found and found.condition is None and not found.alternative else None

    def _after(
        self, call: ast.Call, names: Iterable[ast.Name]
    ) -> tuple[ast.stmt, frozenset[ast.AST]] | None:
        """Where some variables are there for the object alone, and what is done with by then."""
        statement = self.source.statement(call)
        block = self.source.block(statement)
        end = block.index(statement)
        starts = [self._last(block[:end], each.id) for each in names]
        function = self.source.function_around(call)
        if function is None or None in starts or not end:
            return None
        start = max(each for each in starts if each is not None)
        behind = {*walk(function)}.difference(*map(walk, block[: start + 1]))
        wanted = {each.id for each in names}
        reads = [each for each in behind if isinstance(each, ast.Name) and each.id in wanted]
        is_late = any(each.lineno > block[start].lineno and each not in names for each in reads)
        after = block[end - 1]
        if is_late or self.directives.forbids_beside(after) or self.directives.skip(statement):
            return None
        if not self.source.is_first_on_line(statement):
            return None
        return after, frozenset(node for each in block[:end] for node in walk(each))

    def _last(self, block: list[ast.stmt], name: str) -> int | None:
        """Which statement of a block is the last to give a variable its value."""
        for at in reversed(range(len(block))):
            match block[at]:
                case ast.Assign(targets=[ast.Name(id=found)]) if found == name:
                    return at
        return None


def _is_harmless(use: Use) -> bool:
    """Whether a module is only handed to the object, asked whether it is there, and applied."""
    return use.kind in _HARMLESS or (use.kind == "escape" and use.name == "()")


def _is_of_self(index: ClassIndex, function: ast.expr, name: str) -> bool:
    is_named = isinstance(function, ast.Attribute) and function.attr == name
    return is_named and index.self_class(getattr(function, "value", function)) is not None
