"""What is to be done in one source to split convolutions once they are built."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Literal, TypeAlias

from ..call_plan import CallPlan
from ..classify import Deferred
from ..find import Site
from ..norms.norm_after import Pair
from ..norms.outside import Outside
from ..norms.own_norms import OwnNorm

if TYPE_CHECKING:
    from ...rules.carrying import Carrying

LineKind: TypeAlias = Literal[
    "conv", "conv_norm", "layers", "pairs", "padding", "source", "source_norm"
]
WrapKind: TypeAlias = Literal["split", "by_filter", "build", "listed"]


Mark: TypeAlias = Literal["multiplier", "identity"]
"""In which manner something is split: a depthwise multiplier becomes depthwise convolutions, or an
identity convolution is put behind."""


@dataclass(frozen=True)
class Line:
    """A statement that splits what is there.

    Attributes:
        kind: of its template.
        after: the statement that it follows.
        code: of what it splits.
        norm: of the norm, or the norms, after that; or of what pads before.
        condition: that without which the norm is not applied, if there is one.
        returns: the statements that it precedes as well.
        slices: the code of the convolution that slices what it gives, or of their width.
        marks: in which manner.
    """

    kind: LineKind
    after: ast.stmt
    code: str
    norm: str = ""
    condition: str = ""
    returns: tuple[ast.Return, ...] = ()
    slices: str = ""
    marks: frozenset[Mark] = frozenset()

    @property
    def place(self) -> ast.stmt:
        """The statement that it follows."""
        return self.after


@dataclass(frozen=True)
class Wrap:
    """An expression that is split in the place where it stands.

    Attributes:
        kind: of its template.
        node: the expression.
        marks: in which manner.
    """

    kind: WrapKind
    node: ast.expr
    marks: frozenset[Mark] = frozenset()

    @property
    def place(self) -> ast.expr:
        """The expression."""
        return self.node


@dataclass(frozen=True)
class Renamed:
    """A statement that returns an expression, which a variable is given first, to be split.

    Attributes:
        kind: of its template.
        statement: the statement.
        name: of the variable.
        marks: in which manner.
    """

    kind: WrapKind
    statement: ast.Return
    name: str
    marks: frozenset[Mark] = frozenset()

    @property
    def place(self) -> ast.stmt:
        """The statement, which what splits it follows."""
        return self.statement


Change: TypeAlias = Line | Wrap | Renamed


@dataclass(frozen=True)
class Way:
    """How a convolution is split in one of the places where it ends up.

    Attributes:
        change: what does so; None where a comment leaves it alone.
        done: what is done with when that comes.
        seen: what of that is known to keep nothing of it.
        norm: the norm that is split with it, as a person calls it.
        note: what else there is to know: why a norm stays, say.
        held: the class and the attribute that hold what is split, or an expression for it.
        joined: the norm outside of its class that joins a convolution which is split already.
        applied: where an object of any class applies both, the one behind the other.
    """

    change: Change | None
    done: Set[ast.AST] = frozenset()
    seen: Set[ast.AST] = frozenset()
    norm: str = ""
    note: str = ""
    held: tuple[ast.ClassDef, str] | ast.expr | None = None
    joined: Outside | None = None
    applied: Set[ast.AST] = frozenset()

    def has(self, mark: Mark) -> bool:
        """Whether something is split in some manner."""
        return self.change is not None and mark in self.change.marks


def marked(
    ways: Mapping[ast.Call, tuple[Way, ...]], changes: Set[Change], mark: Mark
) -> dict[ast.Call, tuple[Way, ...]]:
    """Some ways, where some of their changes are made in a manner wherever they are."""

    def one(way: Way) -> Way:
        if way.change is None or way.change not in changes:
            return way
        return replace(way, change=replace(way.change, marks=way.change.marks | {mark}))

    return {call: tuple(map(one, found)) for call, found in ways.items()}


@dataclass(frozen=True, eq=False)
class Carried:
    """A call that takes slices of what a norm gives, through activations.

    Attributes:
        call: of ``split``.
        tensor: what the norm is given.
        norm: the norm.
        activations: in the order in which they are applied.
        width: the channels of a slice.
        statements: what applies them, if that is no part of the call.
    """

    call: ast.Call
    tensor: ast.expr
    norm: ast.expr
    activations: tuple[ast.expr, ...]
    width: ast.expr
    statements: tuple[ast.stmt, ...]


@dataclass(frozen=True, eq=False)
class SlicedConv:
    """A plain convolution in an attribute, of whose output slices are taken.

    Attributes:
        owner: the class.
        name: the attribute.
        slices: that of the grouped convolution which alone reads them, or of their width; empty
            where that is a number.
        pair: the norm that is applied between the two, if one is.
        sites: what it may be built by.
        carried: the call that takes them, if one does.
    """

    owner: ast.ClassDef
    name: str
    slices: str
    pair: Pair | None
    sites: tuple[Site, ...]
    carried: Carried | None = None


@dataclass(frozen=True)
class BuiltPlan:
    """What is to be done in one source.

    Attributes:
        sites: the convolutions that are split.
        sources: the constructions of those that are plain, each with what is split.
        ways: for the construction of each, how.
        notes: for each, what there is to know.
        calls: what is done where one is called.
        padding: the lines that have a padding done for each slice.
        blocks: the parts of the helper that they need for what they are.
        own_norms: the norms of the project with layers behind that are split.
        warnings: what will raise, once it is run: a place in the source, and what is done.
        halved: the sums of two branches that are taken of parts, each with what is in parts.
    """

    sites: tuple[Deferred, ...] = ()
    ways: Mapping[ast.Call, tuple[Way, ...]] = field(default_factory=dict)
    notes: Mapping[ast.Call, tuple[str, ...]] = field(default_factory=dict)
    sources: Mapping[ast.Call, SlicedConv] = field(default_factory=dict)
    calls: CallPlan = field(default_factory=CallPlan)
    padding: tuple[Line, ...] = ()
    blocks: frozenset[str] = frozenset()
    own_norms: tuple[OwnNorm, ...] = ()
    warnings: tuple[tuple[ast.expr, str], ...] = ()
    halved: Mapping[ast.AST, Carrying] = field(default_factory=dict)

    @property
    def carried(self) -> list[Carried]:
        """The calls that take slices, which carry the outputs of parts instead."""
        found = dict.fromkeys(each.carried for each in self.sources.values())
        return [each for each in found if each is not None]

    @property
    def changes(self) -> list[Change]:
        """What is to be written, in the order of the sites; what pads is last."""
        found = (each.change for each in chain.from_iterable(self.ways.values()))
        return [*dict.fromkeys(each for each in found if each is not None), *self.padding]

    def users(self) -> Iterator[ast.AST]:
        """What needs the helper to be there."""
        for each in self.sites:
            yield each.site.call
        for change in self.changes:
            yield change.place

    def is_done_before(self, node: ast.AST) -> bool:
        """Whether a node of the source is done with before anything is split."""
        ways = list(chain.from_iterable(self.ways.values()))
        return bool(ways) and all(node in each.seen for each in ways)

    def norms(self, call: ast.Call) -> list[str]:
        """The norms that are split with what a construction builds."""
        return [each.norm for each in self.ways[call] if each.norm]

    def joined(self) -> set[ast.AST]:
        """What builds, or calls, norms that join convolutions which are split already."""
        ways = chain.from_iterable(self.ways.values())
        found = [each.joined for each in ways if each.joined is not None]
        return {node for each in found for node in each.nodes}

    def applied(self) -> set[ast.AST]:
        """Where it is known already that norms take what convolutions give, and nothing else."""
        return {node for each in chain.from_iterable(self.ways.values()) for node in each.applied}

    def names(self) -> set[str]:
        """The attributes that hold what is split, a convolution or the norm after it."""
        ways = [*chain.from_iterable(self.ways.values())]
        held = {each.held[1] for each in ways if isinstance(each.held, tuple)}
        return held | {each.norm.rpartition(".")[2] for each in ways if each.norm}

    def places(self) -> Iterator[tuple[ast.Call, ast.AST]]:
        """The constructions of what is split, each with a node in the function that splits it."""
        for call, ways in self.ways.items():
            for change in (each.change for each in ways):
                if change is not None:
                    yield call, change.place
