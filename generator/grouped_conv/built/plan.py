"""Decide which convolutions are split by a line of their class, and where it goes."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from ...reading.classes import ClassIndex
from ...reading.directives import Directives
from ..classify import Deferred
from ..module_calls import CallPlan
from ..modules import ModulePlan, ModuleStyle, is_by_filter, is_partial
from ..norms.lists import ListPair
from ..norms.pairs import Pair
from ..norms.sequential import Sequence
from ..weights import Uses
from .ends import Elsewhere, End, InAttribute, InSequence, find_ends
from .places import Place, find_place


@dataclass(frozen=True)
class Line:
    """A statement that splits what an attribute holds.

    Attributes:
        place: where it goes.
        target: the attribute.
        norm: the attribute of the norm that follows; empty for none.
    """

    place: Place
    target: ast.Attribute
    norm: str = ""


@dataclass(frozen=True)
class BuiltPlan:
    """What is to be done in one source to split convolutions once they are built.

    Attributes:
        sites: the constructions.
        lines: the statements that split attributes.
        sequences: the nn.Sequential to be split.
        lists: those of convolutions, each with one of the norms after them.
        calls: what is done where a convolution is called.
        kinds: the blocks of the helper that the classes of the convolutions need.
        wrapped: the constructions that are split at once, in the place where they stand.
        moved: for each construction, the norms that are split with it, as a person calls them.
        notes: for each, why a norm stays.
    """

    sites: tuple[Deferred, ...]
    lines: tuple[Line, ...]
    sequences: tuple[Sequence, ...]
    lists: tuple[ListPair, ...]
    calls: CallPlan
    kinds: frozenset[str]
    wrapped: tuple[ast.Call, ...]
    moved: Mapping[ast.Call, tuple[str, ...]] = field(default_factory=dict)
    notes: Mapping[ast.Call, tuple[str, ...]] = field(default_factory=dict)

    @property
    def functions(self) -> set[str]:
        """The functions of the helper that it takes."""
        found = {"split_norm" if each.norm else "split" for each in self.lines}
        if self.sequences:
            found.add("layers")
        if self.wrapped:
            found.add("split")
        if self.lists:
            found.add("pairs")
        if self.calls.feeds or self.calls.collected:
            found.add("outputs")
        return found

    def users(self) -> list[ast.expr]:
        """Expressions that need the helper to be there."""
        found: list[ast.expr] = [each.site.call for each in self.sites]
        found += [each.target for each in self.lines]
        return found + [each.node for each in self.sequences]

    def changed(self) -> list[ast.expr]:
        """For each statement that changes, an expression in it."""
        sequences = [each.node for each in self.sequences if each.after is None]
        return [*sequences, *self.wrapped]

    def is_done_before(self, node: ast.AST) -> bool:
        """Whether a node of the source is done with before anything is split."""
        places = [each.place for each in self.lines]
        others = (*self.sequences, *self.wrapped, *self.lists)
        is_by_lines = bool(places) and not others
        return is_by_lines and all(node in each.before for each in places)


class _NotBuilt(Exception):
    """Some convolution of the source has to be split in another way."""


def plan_built(
    style: ModuleStyle,
    directives: Directives,
    modules: ModulePlan,
    deferred: Iterable[tuple[Deferred, Uses]],
    stays: Iterable[ast.Call],
) -> BuiltPlan | None:
    """How the convolutions of a source are split once they are built.

    Args:
        style: what has followed them.
        directives: the comments that leave something alone.
        modules: how they would be split where they are built, and their norms.
        deferred: each with what would have to change besides.
        stays: the constructions of those that are to stay as they are.

    Returns:
        None where that cannot be said of all of them.
    """
    planning = _Planning(style, directives, modules)
    try:
        planning.check()
        for site, uses in deferred:
            planning.add(site, uses)
        for call in stays:
            planning.spare(call)
    except _NotBuilt:
        return None
    return planning.plan()


class _Planning:
    def __init__(self, style: ModuleStyle, directives: Directives, modules: ModulePlan) -> None:
        self.index: ClassIndex = style.index
        self.style = style
        self.directives = directives
        self.modules = modules
        self.norms = modules.norms
        self.pairs = {(each.owner, each.conv): each for each in self.norms.pairs}
        self.lines: dict[tuple[ast.ClassDef, str], Line] = {}
        self.sequences: dict[ast.AST, Sequence] = {}
        self.lists: dict[ListPair, None] = {}
        self.wrapped: list[ast.Call] = []

    def check(self) -> None:
        """See that nothing is to be done for which there is no line."""
        uses, norms = self.modules.uses, self.norms
        is_more = uses.applications or self.modules.calls.padded
        if is_more or self.modules.normalised or self.index.reparametrisations:
            raise _NotBuilt
        if any(each.is_joined_elsewhere for each in norms.pairs):
            raise _NotBuilt
        if any(each.has_padding for each in norms.sequences):
            raise _NotBuilt

    def add(self, deferred: Deferred, uses: Uses) -> None:
        """Take a convolution in."""
        site = deferred.site
        if is_by_filter(deferred) or (site.conv is not None and site.conv.lazy):
            raise _NotBuilt
        if self._may_be_transposed(deferred) and self.norms.moved.get(site.call):
            raise _NotBuilt
        reached = self.style.reached(site.call)
        ends = find_ends(self.style.flow, site, reached)
        lines, sequences = [], []
        for end in ends.found:
            match self._way(end, site.call):
                case Line() as line:
                    lines.append(line)
                case Sequence() as sequence:
                    sequences.append(sequence)
                case None:
                    self._at_once(deferred, uses)
                    return
        before = {node for each in ends.functions for node in ast.walk(each)}
        for line in lines:
            done = before | line.place.before
            pair = self.pairs.get((self._owner(line), line.target.attr))
            self._check_done(uses, done)
            self._check_done(pair.uses if pair is not None else Uses(), done)
        if sequences:
            self._check_done(uses, before)
        self._check_covered(site.call, lines, sequences)
        self.lines |= {(self._owner(each), each.target.attr): each for each in lines}
        self.sequences |= {each.place: each for each in sequences}

    def _may_be_transposed(self, deferred: Deferred) -> bool:
        conv = self.style.conv(deferred)
        return conv.transposed if conv is not None else "ConvTranspose" in self.index.source.text

    def _owner(self, line: Line) -> ast.ClassDef:
        owner = self.index.self_class(line.target.value)
        assert owner is not None
        return owner

    def _way(self, end: End, call: ast.Call) -> Line | Sequence | None:
        """How the convolution is split where it ends up; None where that is not seen."""
        match end:
            case InAttribute(owner, target):
                return self._line(owner, target)
            case InSequence(around):
                source = self.index.source
                codes = end.codes(source)
                for each in self.norms.around[call]:
                    is_here = source.scope(each.node) is source.scope(around)
                    if each.node is around or (is_here and each.code in codes):
                        return each
            case Elsewhere():
                pass
        return None

    def _line(self, owner: ast.ClassDef, target: ast.Attribute) -> Line:
        known = self.lines.get((owner, target.attr))
        if known is not None:
            return known
        finder = self.style.pairs
        pair: Pair | None = self.pairs.get((owner, target.attr))
        names = [target.attr, *([pair.norm] if pair is not None else [])]
        stores = [list(finder.stores_of(owner, name)) for name in names]
        place = find_place(self.index, owner, stores)
        if place is None:
            raise _NotBuilt
        nodes: list[ast.expr | ast.stmt] = [place.after, *chain.from_iterable(stores)]
        if any(self.directives.forbids(each) is not None for each in nodes):
            raise _NotBuilt
        return Line(place, target, pair.norm if pair is not None else "")

    def _at_once(self, deferred: Deferred, uses: Uses) -> None:
        """Have a convolution split in a list of such, or else at once where it is built."""
        call = deferred.site.call
        attributes = self.style.reached(call).attributes
        held = [each for each in self.norms.lists if (each.owner, each.convs.attr) in attributes]
        if len(held) == len(attributes) == 1 and not uses.changed():
            self.lists[held[0]] = None
            return
        if uses.changed() or is_partial(deferred) or self.norms.moved.get(call):
            raise _NotBuilt
        self.wrapped.append(call)

    def _check_done(self, uses: Uses, done: Iterable[ast.AST]) -> None:
        """See that whatever is done with a weight is done before it is split."""
        done = set(done)
        if any(each not in done for each in uses.changed()):
            raise _NotBuilt

    def _check_covered(self, call: ast.Call, lines: list[Line], sequences: list[Sequence]) -> None:
        """See that each norm after the convolution is split by one of the lines."""
        own = {each.place for each in self.norms.around[call]}
        if own != {each.place for each in sequences} or not (lines or sequences):
            raise _NotBuilt

    def spare(self, call: ast.Call) -> None:
        """See that no line splits what is to stay."""
        reached = self.style.reached(call)
        known: set[tuple[ast.ClassDef | None, str]] = {*self.lines}
        known |= {*((each.owner, each.convs.attr) for each in self.lists)}
        is_in_line = not known.isdisjoint(reached.attributes)
        if is_in_line or any(each.node in reached.expressions for each in self.sequences.values()):
            raise _NotBuilt

    def plan(self) -> BuiltPlan | None:
        """The plan for all that was taken in."""
        paired = {(owner, conv) for (owner, conv), each in self.lines.items() if each.norm}
        if paired != self.pairs.keys() or set(self.norms.lists) != self.lists.keys():
            return None
        return BuiltPlan(
            self.modules.sites,
            tuple(self._sorted_lines()),
            tuple(self.sequences.values()),
            self.norms.lists,
            self.modules.calls,
            self._kinds(),
            tuple(self.wrapped),
            self.norms.moved,
            self.norms.notes,
        )

    def _kinds(self) -> frozenset[str]:
        found = set()
        for each in self.modules.sites:
            if self._may_be_transposed(each):
                found.add("transposed")
            if each.site.indirect is not None and each.site.indirect.subclass is not None:
                found.add("subclass")
        return frozenset(found)

    def _sorted_lines(self) -> Iterator[Line]:
        return iter(
            sorted(self.lines.values(), key=lambda each: self.index.source.span(each.target))
        )
