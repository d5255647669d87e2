"""Find the list that holds the norms after the convolutions of another, or why they are to stay."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ...reading.classes import Access
from ..refusal import Refusal, check_free, line_of
from .building import BuiltList, find_built
from .entries import Entries, Step
from .kinds import TRYING, is_like_a_norm, kind_of
from .naming import strings_naming
from .pairs import Pairs


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
class Found:
    """What follows the convolutions of a list.

    Attributes:
        pair: the list of norms; a reason where these are to stay.
        calls: the calls of the convolutions and of the norms.
    """

    pair: ListPair | Refusal
    calls: frozenset[ast.Call]


class Lists:
    """Finds such lists in one source."""

    def __init__(self, pairs: Pairs) -> None:
        self.pairs = pairs
        self.index = pairs.index
        self.source = pairs.source
        self.entries = Entries(pairs.index, pairs.flow)
        self._found: dict[tuple[ast.ClassDef, str], Found | None] = {}

    def items(self, owner: ast.ClassDef, name: str) -> tuple[ast.expr, ...]:
        """What builds the entries of an attribute that is a list, as far as it is seen."""
        try:
            built = find_built(self.pairs.flow, list(self.pairs.accesses(owner, name)))
        except Refusal:
            return ()
        return built.items if built is not None else ()

    def find(self, owner: ast.ClassDef, convs: str) -> Found | None:
        """The norms after the convolutions of a list; None where none are seen."""
        if (owner, convs) not in self._found:
            self._found[owner, convs] = self._find(owner, convs)
        return self._found[owner, convs]

    def _find(self, owner: ast.ClassDef, convs: str) -> Found | None:
        accesses = self._accesses(owner, convs)
        own = [each.node for each in accesses if each.owner is not None]
        found = [step for each in own if (step := self.entries.step(each)) is not None]
        steps = [each for each in found if self._may_be_norms(owner, each.norms.attr)]
        if not steps:
            return None
        followings = [each.following for each in steps]
        calls = frozenset(call for each in followings for call in (each.call, each.norm))
        try:
            return Found(self._pair(owner, accesses, steps), calls)
        except Refusal as refusal:
            norms = steps[0].norms.attr
            return Found(Refusal(f"self.{norms} stays after the concatenation: {refusal}"), calls)

    def _accesses(self, owner: ast.ClassDef, name: str) -> list[Access]:
        return list(self.pairs.accesses(owner, name))

    def _may_be_norms(self, owner: ast.ClassDef, name: str) -> bool:
        """Whether a norm may be in a list; if it is not seen what is, by the name of the list."""
        items = self.items(owner, name)
        if not items:
            return is_like_a_norm(name)
        return any(kind_of(self.index, each, name).name != "other" for each in items)

    def _pair(self, owner: ast.ClassDef, accesses: list[Access], steps: list[Step]) -> ListPair:
        """The two lists.

        Raises:
            Refusal: the norms are to stay.
        """
        for step in steps:
            if step.reason:
                raise Refusal(step.reason)
        convs, norms = steps[0].convs.attr, steps[0].norms.attr
        if any(each.norms.attr != norms for each in steps):
            raise Refusal(f"another norm follows self.{convs} too")
        built_convs = self._only_list(accesses, convs, [each.convs for each in steps])
        others = self._accesses(owner, norms)
        built = self._only_list(others, norms, [each.norms for each in steps])
        self._check_unnamed(owner, convs)
        self._check_unnamed(owner, norms)
        self._check_kinds(norms, built)
        known = [each for step in steps for each in (step.convs, step.norms)]
        self._check_held(built_convs, known)
        self._check_held(built, known, is_norm=True)
        last = self._last(built_convs, built)
        statements = [self.source.statement(each) for each in (built.target, *built.items)]
        statements += [self.source.statement(each.following.norm) for each in steps]
        check_free(self.pairs.directives, ((each, "at it") for each in (*statements, last)))
        self.pairs.check_elsewhere(owner, convs, norms)
        applied = tuple(each.following.norm for each in steps)
        return ListPair(owner, built_convs.target, built.target, last, applied)

    def _only_list(
        self, accesses: list[Access], name: str, known: list[ast.Attribute]
    ) -> BuiltList:
        """The list that an attribute is, all of whose uses are known."""
        built = find_built(self.pairs.flow, accesses)
        if built is None:
            raise Refusal(f"self.{name} is not built at one place")
        for each in accesses:
            node = each.node
            is_known = node in known or node is built.target or node in built.adding
            if each.owner is None or not (is_known or self.entries.is_harmless(node)):
                raise Refusal(f"self.{name} is used elsewhere too ({line_of(node)})")
        return built

    def _check_unnamed(self, owner: ast.ClassDef, name: str) -> None:
        """See that a list is reached in no other way than by its name."""
        for node in strings_naming(self.index, name):
            raise Refusal(f"{name!r} appears in a string ({line_of(node)})")
        for node in self.index.mentions.computed(name):
            raise Refusal(f"self.{name} may be reached by a computed name ({line_of(node)})")
        for each in self.index.classes[owner].relatives():
            for node in each.walks:
                raise Refusal(f"self.{name} may be gone through with others ({line_of(node)})")

    def _check_kinds(self, norms: str, built: BuiltList) -> None:
        kinds = [kind_of(self.index, each, norms) for each in built.items]
        if not any(each.name in TRYING and not each.reason for each in kinds):
            raise Refusal(next(each.reason for each in kinds if each.reason))

    def _check_held(
        self, built: BuiltList, known: list[ast.Attribute], is_norm: bool = False
    ) -> None:
        """See that no module of a list is held elsewhere too, or used by itself."""
        holding = self.pairs.holding
        found = (holding.obstacle(each, known, is_norm) for each in built.items)
        for node in filter(None, found):
            what = f"what is in self.{built.target.attr} is used directly"
            raise Refusal(f"{what} ({line_of(node)})")

    def _last(self, one: BuiltList, other: BuiltList) -> ast.stmt:
        """The statement after which both lists are there, whenever one of them is."""
        block = self.source.block(one.last)
        if other.last not in block:
            raise Refusal(f"the two are not built together ({line_of(other.target)})")
        last = max(one.last, other.last, key=block.index)
        if not self.source.has_own_lines(last):
            raise Refusal(f"there is no line to split them on ({line_of(last)})")
        return last
