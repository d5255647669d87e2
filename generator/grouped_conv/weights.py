"""What a source does with the weight or the bias of a convolution, or of the norm after it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass, field, replace
from typing import Final

from ..reading.classes import ClassIndex
from ..reading.names import meaning
from ..reading.source import Source
from .built.ties import may_be_tied
from .initialisation import is_exact_by_branch, whole_initialiser
from .reading import is_only_read

ALIKE: Final = frozenset(("device", "dtype", "requires_grad", "is_cuda"))
"""What is the same of all branches."""

_FILLING: Final = frozenset(("copy_", "fill_", "zero_", "normal_", "uniform_", "mul_", "div_"))
"""The methods of a tensor that give it, or a part of it, other values."""


@dataclass(frozen=True)
class Application:
    """A call of weight_norm, or of a variable that may be that.

    Attributes:
        call: the call.
        paths: the functions that the source gives the variable.
        may_couple: whether it may be a function that takes the weight as a whole.
    """

    call: ast.Call
    paths: frozenset[str]
    may_couple: bool = False


@dataclass(frozen=True)
class Obstacle:
    """What only the whole can take.

    Attributes:
        node: where.
        reason: what is done there, with its line.
        is_loud: whether it would raise for what is split.
        is_apart: whether a test or a script does it, which no model runs.
        may_be_lost: whether it would go on to no effect where what is split gives its weight.
    """

    node: ast.expr
    reason: str
    is_loud: bool = False
    is_apart: bool = False
    may_be_lost: bool = False


@dataclass
class Uses:
    """What is done with an object that only the whole can take.

    Attributes:
        writes: what gives the weights their values; the attribute, or the method that does so.
        reads: what takes the values of a weight, and keeps nothing else of it.
        asked: those of reads that ask whether there is a weight.
        applications: the calls of weight_norm.
        obstacles: what only the whole can take.
        bars: what keeps an object from being split, be it done to the whole.
    """

    writes: dict[ast.expr, str] = field(default_factory=dict)
    reads: dict[ast.expr, None] = field(default_factory=dict)
    asked: dict[ast.expr, None] = field(default_factory=dict)
    applications: dict[ast.Call, Application] = field(default_factory=dict)
    obstacles: list[Obstacle] = field(default_factory=list)
    bars: list[Obstacle] = field(default_factory=list)

    def add(self, others: Uses) -> None:
        """Add what another file does."""
        self.writes |= others.writes
        self.reads |= others.reads
        self.asked |= others.asked
        self.applications |= others.applications
        self.obstacles += others.obstacles
        self.bars += others.bars

    def add_apart(self, others: Uses, line: Callable[[ast.AST], str]) -> None:
        """Add what a test or a script does, to be said."""
        found = [*others.obstacles, *others.bars]
        for node in (*others.writes, *others.reads, *others.applications):
            found.append(Obstacle(node, f"its weight is used ({line(node)})"))
        self.obstacles += (replace(each, is_apart=True) for each in found)

    def obstacles_after(
        self,
        done: Set[ast.AST],
        seen: Set[ast.AST],
        place: ast.AST,
        line: Callable[[ast.AST], str],
    ) -> Iterator[Obstacle]:
        """What is in the way of an object that is split.

        Args:
            done: the nodes that are done with when it is.
            seen: those of them for which it is known that nothing is kept of it.
            place: where it is split.
            line: how a reason names the line of a node.
        """
        when = f"once it is split ({line(place)})"
        yield from self.bars
        yield from (each for each in self.obstacles if each.node not in seen)
        for node, name in self.writes.items():
            if node not in done:
                reason = f"its {name} is set ({line(node)}) {when}"
                is_whole = isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load)
                is_reset = getattr(node, "attr", "") == "reset_parameters"
                yield Obstacle(node, reason, True, may_be_lost=not is_whole and not is_reset)
        for call in self.applications:
            if call not in done:
                reason = f"{_name(call.func)} is applied to it ({line(call)}) {when}"
                yield Obstacle(call, reason, is_loud=True)


class Weights:
    """Notes what is done with the weights of one object."""

    def __init__(self, index: ClassIndex) -> None:
        self.index = index
        self.source = index.source
        self.uses = Uses()

    def look_at(self, weight: ast.Attribute) -> None:
        """Note what is done with the weight or the bias of what may be the object."""
        parent = self.source.parent(weight)
        if isinstance(parent, ast.Compare) and _is_none_test(parent, weight):
            self.uses.reads[weight] = None
        elif isinstance(parent, ast.Attribute) and parent.attr in ALIKE:
            is_read = isinstance(parent.ctx, ast.Load)
            self.note_read(weight) if is_read else self.note_write(weight)
        elif self._is_written(weight):
            self.note_write(weight)
        elif is_only_read(self.index, weight):
            self.note_read(weight)
        else:
            reason = f"its {weight.attr} is used directly ({self.index.source.line(weight)})"
            self.uses.obstacles.append(Obstacle(weight, reason, True, may_be_lost=True))

    def note_write(self, node: ast.Attribute) -> None:
        """Note that weights are given values, by an attribute or a method."""
        self.uses.writes[node] = node.attr if node.attr != "reset_parameters" else "weight"

    def note_read(self, node: ast.expr) -> None:
        """Note that a weight is read."""
        self.uses.reads[node] = None

    def _is_written(self, weight: ast.Attribute) -> bool:
        """Whether a statement gives a weight its values, and does nothing else with it."""
        if is_exact_by_branch(self.source, weight) or whole_initialiser(self.source, weight):
            return True
        place = _values_of(self.source, weight)
        parent = self.source.parent(place)
        if not isinstance(getattr(place, "ctx", None), ast.Load):
            if place is weight:
                return isinstance(parent, ast.Assign) and not may_be_tied(self.index, weight)
            return isinstance(parent, (ast.Assign, ast.AugAssign))
        match parent, self.source.statement(weight):
            case ast.Call(args=[first, *_]), ast.Expr(value=call) if first is place:
                is_of_torch = meaning(self.source, parent.func).path.startswith("torch.nn.init.")
                return is_of_torch and call is parent
            case ast.Attribute(attr=name), ast.Expr(value=ast.Call(func=method)):
                return name in _FILLING and method is parent
        return False


def _values_of(source: Source, weight: ast.expr) -> ast.expr:
    """The expression for the values of a weight, or for some of them, that it is in."""
    match source.parent(weight):
        case ast.Attribute(attr="data") as values:
            return _values_of(source, values)
        case ast.Subscript(value=value) as values if value is weight:
            return _values_of(source, values)
    return weight


def _name(function: ast.expr) -> str:
    return str(getattr(function, "attr", getattr(function, "id", "a function")))


def _is_none_test(test: ast.Compare, weight: ast.expr) -> bool:
    right = test.comparators[0]
    is_none = isinstance(right, ast.Constant) and right.value is None
    return test.left is weight and len(test.ops) == 1 and is_none
