"""Find the norm that alone takes what a convolution in an attribute gives."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from ...facts.heap import Use
from ...facts.values import Object, Tensor
from ...reading.parts import walk
from ..refusal import Refusal, check_free, line_of
from ..weights import Uses
from .attribute import Attribute
from .attributes import Attributes, Store
from .behind import applied_walk, sequence_of
from .following import Following, find_following
from .kinds import NORMS


@dataclass(frozen=True, eq=False)
class Pair:
    """A convolution and the norm that takes what it gives, as attributes of one object.

    Attributes:
        owner: the class whose attribute the convolution is.
        conv: its attribute.
        norm: that of the norm.
        convs: the targets that are given the convolution.
        stores: where the norm is given to its attribute.
        followed: the calls of the convolution that the norm follows.
        alone: those that it does not follow.
        uses: what else is done with the norm.
        is_plain: whether nothing else is done with the norm than to call it.
    """

    owner: ast.ClassDef
    conv: str
    norm: str
    convs: tuple[ast.Attribute, ...]
    stores: tuple[Store, ...]
    followed: tuple[Following, ...]
    alone: tuple[ast.Call, ...]
    uses: Uses = field(default_factory=Uses)
    is_plain: bool = True

    @property
    def conditions(self) -> list[ast.expr | None]:
        """On what it depends whether the norm is applied, each of these once; None for nothing."""
        tests = [each.condition for each in self.followed]
        return list({each and ast.dump(each): each for each in tests}.values())


class _Flow(NamedTuple):
    """A norm that takes what a call of a convolution gives.

    Attributes:
        norm: the attribute that has it.
        node: where it is called, or what keeps it where it is.
        reason: why it is to stay, if it is.
    """

    norm: str
    node: ast.AST
    reason: str


class NormAfter:
    """Looks for the norm after one convolution."""

    def __init__(self, attributes: Attributes, owner: ast.ClassDef, conv: str) -> None:
        self.attributes = attributes
        self.modules = attributes.modules
        self.facts = attributes.surroundings.facts
        self.source = attributes.source
        self.conv = Attribute(attributes, owner, conv)

    def pair(self) -> Pair | None:
        """The convolution with its norm; None where none is seen.

        Raises:
            Refusal: the norm is to stay.
        """
        if not self.facts.is_complete:
            return None
        followed, alone = [], list[ast.Call]()
        for call in self.conv.calls:
            found = find_following(self.source, call, self._is_norm)
            if found is not None:
                followed.append((found.attribute, found))
            elif (by_flow := self._by_flow(call)) is not None:
                followed.append(by_flow)
            else:
                alone.append(call)
        names = {name for name, _ in followed}
        if not names:
            return None
        norm = min(names)
        try:
            if len(names) > 1:
                raise Refusal(f"another norm follows self.{self.conv.name} too")
            return self._checked(norm, tuple(each for _, each in followed), tuple(alone))
        except Refusal as refusal:
            reason = f"self.{norm} stays after the concatenation: {refusal}"
            raise Refusal(reason) from refusal

    def _checked(
        self, name: str, followed: tuple[Following, ...], alone: tuple[ast.Call, ...]
    ) -> Pair:
        attributes, conv = self.attributes, self.conv
        norm = Attribute(attributes, conv.owner, name)
        norm.check_kind()
        try:
            conv.check([*(each.call for each in followed), *alone], is_norm=False)
        except Refusal as refusal:
            raise Refusal(f"self.{conv.name} may be used elsewhere: {refusal}") from refusal
        uses, is_plain = norm.check({each.norm for each in followed}, is_norm=True)
        convs = tuple(attributes.stores_of(conv.owner, conv.name))
        places: list[ast.expr] = [*convs, *(each.target for each in norm.stores)]
        places += [each.norm for each in followed]
        free = [(self.source.statement(each), "at it") for each in places]
        free += [(each, "at it") for one in followed for each in one.alternative]
        free += [(self.source.statement(each), "at its convolution") for each in alone]
        check_free(attributes.of_norms, free)
        attributes.check_elsewhere(conv.owner, conv.name, name, known={*self._elsewhere(name)})
        return Pair(
            *(conv.owner, conv.name, name, convs, norm.stores, followed, alone, uses, is_plain)
        )

    # --- what follows ------------------------------------------------------------------------

    def _is_norm(self, function: ast.expr) -> bool:
        """Whether what is called is an attribute of self, and may be a norm."""
        is_of_self = isinstance(function, ast.Attribute) and (
            self.attributes.index.self_class(function.value) is not None
        )
        return is_of_self and self.modules.kinds.of(function).name != "other"

    def _by_flow(self, call: ast.Call) -> tuple[str, Following] | None:
        """The norm that alone takes what the convolution gives, as the flow of tensors shows it.

        Raises:
            Refusal: something else does too, or it may be that of another object.
        """
        flow = self._flow(call)
        if flow is None:
            return None
        if not self.source.has(flow.node):
            flow = flow._replace(reason="it is applied in another file")
        if flow.reason:
            where = line_of(flow.node)
            raise Refusal(
                f"self.{flow.norm} stays after the concatenation: {flow.reason} ({where})"
            )
        assert isinstance(flow.node, ast.Call)
        return flow.norm, Following(call, flow.node, "flow")

    def _elsewhere(self, norm: str) -> Iterator[ast.expr]:
        """What is called in other files where the two go together as they do here."""
        for use in (use for each in self.conv.values for use in self.facts.calls(each)):
            if isinstance(use.node, ast.Call) and not self.source.has(use.node):
                flow = self._flow(use.node)
                if flow is not None and (flow.norm, flow.reason) == (norm, ""):
                    assert isinstance(flow.node, ast.Call)
                    yield from (use.node.func, flow.node.func)

    def _flow(self, call: ast.Call) -> _Flow | None:
        """The norm that takes what a call of the convolution gives, if an attribute has it."""
        calls = (use for each in self.conv.values for use in self.facts.calls(each))
        uses = [use for use in calls if use.node is call]
        taken = [one for use in uses if use.result for one in self.facts.uses(use.result)]
        norms = [each for each in taken if isinstance(each.by, Object) and each.by.kind in NORMS]
        names = {
            name
            for each in norms
            if each.by is not None
            for holder, name in self.facts.heap.holders(each.by)
            if holder in self.conv.instances and name
        }
        if not names:
            return None
        name = min(names)
        node = norms[0].node
        reason = ""
        is_kept = any(use.result and [*self.facts.heap.holders(use.result)] for use in uses)
        if len(names) > 1 or len({each.node for each in taken}) > 1 or is_kept:
            reason = "what it takes has another use too"
        elif not isinstance(node, ast.Call):
            reason = "it is not called"
        elif not self._is_of_same(uses[0], norms[0], name):
            reason = "it may be that of another object"
        elif not self._takes_no_other(name, node):
            reason = "it takes something else too"
        elif (walk_use := applied_walk(self.attributes.surroundings)) is not None:
            node, reason = walk_use.node, "it may be applied with others"
        return _Flow(name, node, reason)

    def _takes_no_other(self, norm: str, node: ast.AST) -> bool:
        """Whether a norm takes what the convolution gives at a place, and nothing else."""
        return all(
            getattr(each, "producer", None) in self.conv.values
            for value in self.facts.attribute(self.conv.owner, norm)
            for use in self.facts.uses(value)
            if use.kind == "call" and use.node is node and isinstance(use.result, Tensor)
            for each in self.facts.inputs_of(use.result) or (value,)
        )

    def _is_of_same(self, conv: Use, norm: Use, name: str) -> bool:
        """Whether a convolution and a norm are reached from the same object."""
        wholes = {sequence_of(conv), sequence_of(norm)}
        if wholes != {None}:
            return len(wholes) == 1 and not wholes.isdisjoint(self.conv.instances)
        source_of = self.attributes.surroundings.source_of
        around = {source_of(each.node).function_around(each.node) for each in (conv, norm)}
        (function,) = around if len(around) == 1 else (None,)
        if function is not None and self._is_of_self(conv) and self._is_of_self(norm):
            return True
        return function is not None and not any(
            self._is_another(each, name) for each in walk(function) if isinstance(each, ast.expr)
        )

    def _is_of_self(self, use: Use) -> bool:
        """Whether what is called is written as an attribute of self."""
        function = getattr(use.node, "func", None)
        index = self.attributes.surroundings.index_of(use.node)
        return isinstance(function, ast.Attribute) and index.self_class(function.value) is not None

    def _is_another(self, node: ast.expr, norm: str) -> bool:
        """Whether an expression may be another instance, or an attribute of one."""
        index = self.attributes.surroundings.index_of(node)
        if isinstance(node, ast.Attribute) and node.attr in (self.conv.name, norm):
            return index.self_class(node.value) is None
        is_self = isinstance(node, ast.Name) and index.self_class(node) is not None
        return not is_self and not self.facts.values(node).isdisjoint(self.conv.instances)
