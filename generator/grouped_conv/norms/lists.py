"""Find the list that holds the norms after the convolutions of another, or why they are to stay."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ...facts.heap import union
from ...facts.values import Object, Values
from ..refusal import Refusal, check_free, line_of
from ..weights import Weights
from .kinds import TRYING
from .pairs import Pairs
from .together import Together


@dataclass(frozen=True, eq=False)
class ListPair:
    """A list of convolutions, and one of norms that each take what one of these gives.

    Attributes:
        owner: the class whose attributes they are.
        convs: the list of convolutions.
        norms: that of norms.
        last: the statement after which both are there.
        applied: the calls of the norms.
    """

    owner: ast.ClassDef
    convs: ast.Attribute
    norms: ast.Attribute
    last: ast.stmt
    applied: tuple[ast.Call, ...]


@dataclass(frozen=True)
class _Step:
    """A place where each module of one list is applied to what that of another gives."""

    conv: ast.Call
    norm: ast.Call
    convs: ast.Attribute
    norms: ast.Attribute


class Lists:
    """Finds such lists in one source."""

    def __init__(self, pairs: Pairs) -> None:
        self.pairs = pairs
        self.index = pairs.index
        self.source = pairs.source
        self.facts = pairs.surroundings.facts
        self.together = Together(pairs.index)
        self._found: dict[tuple[ast.ClassDef, str], ListPair | Refusal | None] = {}

    def find(self, owner: ast.ClassDef, convs: str) -> ListPair | Refusal | None:
        """The norms after the convolutions of a list; None where none are seen."""
        if (owner, convs) not in self._found:
            self._found[owner, convs] = self._find(owner, convs)
        return self._found[owner, convs]

    def _find(self, owner: ast.ClassDef, convs: str) -> ListPair | Refusal | None:
        items = self._items(self.facts.attribute(owner, convs))
        calls = self._calls(items)
        steps = [step for each in calls if (step := self._step(each)) is not None]
        if not steps:
            return None
        norms = steps[0].norms.attr
        try:
            if {each.conv for each in steps} != {*calls}:
                raise Refusal(f"self.{convs} is used elsewhere too")
            if {(each.convs.attr, each.norms.attr) for each in steps} != {(convs, norms)}:
                raise Refusal(f"another norm follows self.{convs} too")
            return self._pair(owner, steps)
        except Refusal as refusal:
            return Refusal(f"self.{norms} stays after the concatenation: {refusal}")

    # --- where they are applied --------------------------------------------------------------

    def _items(self, lists: Values) -> Values:
        """What is in an nn.ModuleList among some values."""
        return union(
            slot.values
            for each in lists
            if isinstance(each, Object) and each.kind == "torch.nn.ModuleList"
            for slot in self.facts.heap.slots(each)
        )

    def _calls(self, modules: Values) -> list[ast.Call]:
        calls = {use.node for each in modules for use in self.pairs.modules.calls(each)}
        own = (each for each in calls if isinstance(each, ast.Call) and self.source.has(each))
        return sorted(own, key=self.source.span)

    def _step(self, call: ast.Call) -> _Step | None:
        """The norm that alone takes what a call of a convolution gives, if both are in lists."""
        results = [each for each in self.facts.values(call) if getattr(each, "site", None) is call]
        taking = {use.node for each in results for use in self.facts.uses(each)}
        if any([*self.facts.heap.holders(each)] for each in results):
            return None
        (norm,) = taking if len(taking) == 1 else (None,)
        if not isinstance(norm, ast.Call) or len(norm.args) != 1 or norm.keywords:
            return None
        if self.pairs.modules.kinds.of(norm.func).name == "other":
            return None
        lists = self.together.lists(call, norm)
        return _Step(call, norm, *lists) if lists is not None else None

    # --- what else is done with them ---------------------------------------------------------

    def _pair(self, owner: ast.ClassDef, steps: list[_Step]) -> ListPair:
        """The two lists.

        Raises:
            Refusal: the norms are to stay.
        """
        convs = self._only_list(owner, [each.convs for each in steps])
        norms = self._only_list(owner, [each.norms for each in steps])
        kinds = [
            self.pairs.modules.kinds.of_values(slot.values, norms.attr)
            for value in self.facts.attribute(owner, norms.attr)
            for slot in self.facts.heap.slots(value)
        ]
        if not any(each.name in TRYING and not each.reason for each in kinds):
            raise Refusal(next((each.reason for each in kinds if each.reason), "it is none"))
        last = self._last(convs, norms)
        calls = [call for each in steps for call in (each.conv, each.norm)]
        self._check_items(owner, convs.attr, calls, is_norm=False)
        self._check_items(owner, norms.attr, calls, is_norm=True)
        statements = [self.source.statement(each) for each in (norms, *(one.norm for one in steps))]
        check_free(self.pairs.of_norms, ((each, "at it") for each in (*statements, last)))
        self.pairs.check_elsewhere(owner, convs.attr, norms.attr)
        return ListPair(owner, convs, norms, last, tuple(each.norm for each in steps))

    def _only_list(self, owner: ast.ClassDef, known: list[ast.Attribute]) -> ast.Attribute:
        """The target of the list that an attribute is, all of whose uses are known."""
        name = known[0].attr
        targets = [*self.pairs.stores(owner, name)]
        values = self.facts.attribute(owner, name)
        sites = {getattr(each, "site", None) for each in values}
        if len(targets) != 1 or sites != {targets[0].value}:
            raise Refusal(f"self.{name} is not built at one place")
        target = targets[0].target
        accesses = (each.node for each in self.pairs.accesses(owner, name))
        nodes = {*accesses, *self.pairs.modules.expressions(values)}
        harmless = {*known, target, targets[0].value, *self._asking(nodes)}
        for each in sorted(nodes - harmless, key=self.source.span):
            raise Refusal(f"self.{name} is used elsewhere too ({line_of(each)})")
        for value in values:
            if any(key != name for _, key in self.facts.heap.holders(value)):
                raise Refusal(f"self.{name} is held elsewhere too")
        for cls in self.index.classes[owner].relatives():
            for node in cls.walks:
                raise Refusal(f"self.{name} may be gone through with others ({line_of(node)})")
        return target

    def _asking(self, nodes: set[ast.expr]) -> Iterator[ast.expr]:
        """The uses of a list that ask for its length, or append to it."""
        for each in nodes:
            parent = self.source.parent(each)
            if isinstance(parent, ast.Call) and self.together.calls_builtin(parent, "len"):
                yield each
            if isinstance(parent, ast.Attribute) and parent.attr == "append":
                if self.index.self_class(getattr(each, "value", each)) is not None:
                    yield each

    def _check_items(
        self, owner: ast.ClassDef, name: str, calls: list[ast.Call], *, is_norm: bool
    ) -> None:
        """See that no module of a list is held elsewhere too, or used by itself."""
        modules, weights = self.pairs.modules, Weights(self.index)
        wholes = self.facts.attribute(owner, name)
        what = f"what is in self.{name} is used directly"
        try:
            for slot in (slot for each in wholes for slot in self.facts.heap.slots(each)):
                modules.check_items(slot, wholes, ())
                modules.look_at_items(weights, slot, calls, is_norm)
        except Refusal as refusal:
            raise Refusal(f"{what}: {refusal}") from refusal
        if weights.uses.writes or weights.uses.obstacles:
            raise Refusal(what)

    def _last(self, one: ast.Attribute, other: ast.Attribute) -> ast.stmt:
        """The statement after which both lists are there, whenever one of them is."""
        block = self.source.block(self.source.statement(one))
        if self.source.statement(other) not in block:
            raise Refusal(f"the two are not built together ({line_of(other)})")
        places = [block.index(self.source.statement(each)) for each in (one, other)]
        for name in (one.attr, other.attr):
            for node in (each.node for each in self.index.accesses(name)):
                if getattr(self.source.parent(node), "attr", "") == "append":
                    inside = [each for each in self.source.ancestors(node) if each in block]
                    own = self.source.function_around(one)
                    if not inside or self.source.function_around(node) is not own:
                        raise Refusal(f"self.{name} is added to elsewhere ({line_of(node)})")
                    places.append(block.index(inside[0]))
        last = block[max(places)]
        if not self.source.has_own_lines(last):
            raise Refusal(f"there is no line to split them on ({line_of(last)})")
        return last
