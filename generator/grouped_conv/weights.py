"""What a source does with the weight or the bias of a convolution that is split."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Final

from ..reading.calls import is_repeatable
from ..reading.naming import outermost_function
from ..reading.source import Source
from .initialisation import is_exact_by_branch, whole_initialiser
from .reading import is_only_read
from .refusal import Refusal, check_length, line_of

ALIKE: Final = frozenset(("device", "dtype", "requires_grad", "is_cuda"))
"""What is the same of all branches."""


@dataclass(frozen=True)
class Repeat:
    """A statement to be repeated for each branch of the object that stands in it."""

    statement: ast.stmt
    object: ast.expr


@dataclass(frozen=True)
class Assignment:
    """A statement that gives the weight or the bias of an object its values.

    Attributes:
        statement: the statement.
        object: the object.
        weight: its weight or bias, in the statement.
        value: what it is given; where it is initialised, the call that does so.
        initialises: whether it is.
    """

    statement: ast.stmt
    object: ast.expr
    weight: ast.Attribute
    value: ast.expr
    initialises: bool = False

    @property
    def expands(self) -> bool:
        """Whether the values may have to be brought to the shape of the weight, as by copy_."""
        return self.reads_whole and not self.initialises

    @property
    def reads_whole(self) -> bool:
        """Whether the weight that is there is made use of."""
        return isinstance(self.statement, ast.Expr)


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

    @property
    def conv(self) -> ast.expr:
        """What it is applied to."""
        return self.call.args[0]

    @property
    def is_parametrization(self) -> bool:
        """Whether it may keep its parts under other names than weight_norm once did."""
        return any(".parametrizations." in each for each in self.paths)


@dataclass
class Uses:
    """What must change besides the construction where some objects are split.

    Attributes:
        repeats: the statements to be repeated for each branch.
        firsts: expressions for an object of which any branch tells what is asked.
        applications: the calls of weight_norm, to be made for each branch.
        readings: the weights and biases that are read, and nothing else, by the objects.
        assignments: the statements that give them their values.
    """

    repeats: dict[ast.stmt, Repeat] = field(default_factory=dict)
    firsts: dict[ast.expr, None] = field(default_factory=dict)
    applications: dict[ast.Call, Application] = field(default_factory=dict)
    readings: dict[ast.Attribute, ast.expr] = field(default_factory=dict)
    assignments: dict[ast.stmt, Assignment] = field(default_factory=dict)

    def changed(self) -> list[ast.expr | ast.stmt]:
        """The statements, or where these stay the expressions, that change."""
        statements = [*self.repeats, *self.assignments]
        return [*statements, *self.firsts, *self.applications, *self.readings]

    def add(self, other: Uses) -> None:
        """Take in what other objects need."""
        self.repeats |= other.repeats
        self.firsts |= other.firsts
        self.applications |= other.applications
        self.readings |= other.readings
        self.assignments |= other.assignments


class Weights:
    """Notes for the weight of one object what must change besides its construction."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.uses = Uses()

    def check_aliases(self) -> None:
        """Refuse a variable that holds a weight where the same function gives that new values."""
        changing: list[Repeat | Assignment] = [*self.uses.repeats.values()]
        changing += self.uses.assignments.values()
        changed = {
            (outermost_function(self.source, each.statement), self.source.code(each.object))
            for each in changing
        }
        for weight, node in self.uses.readings.items():
            is_named = isinstance(self.source.statement(weight), ast.Assign)
            place = outermost_function(self.source, weight), self.source.code(node)
            if is_named and place in changed:
                raise Refusal(f"its {weight.attr} is kept and changed ({line_of(weight)})")

    def look_at(self, node: ast.expr, weight: ast.Attribute) -> None:
        """Note what is done with the weight or the bias of an object.

        Raises:
            Refusal: that cannot be carried over to the branches.
        """
        parent = self.source.parent(weight)
        if isinstance(parent, ast.Compare) and _is_none_test(parent, weight):
            self._first(node)
        elif isinstance(parent, ast.Attribute) and parent.attr in ALIKE:
            if isinstance(parent.ctx, ast.Load):
                self._first(node)
            else:
                self.repeat(node, weight)
        elif is_exact_by_branch(self.source, weight):
            self.repeat(node, weight)
        elif is_only_read(self.source, weight):
            self.keep_whole(weight, node)
            self.uses.readings[weight] = node
        elif not self._assign(node, weight):
            raise Refusal(f"its {weight.attr} is used by itself ({line_of(weight)})")

    def _assign(self, node: ast.expr, weight: ast.Attribute) -> bool:
        """Note that a statement gives a weight its values; False where it does not."""
        statement = self.source.statement(weight)
        initialiser = whole_initialiser(self.source, weight)
        value = initialiser or _assigned_value(statement, weight)
        if value is None or not _stands_alone(self.source, statement):
            return False
        if not is_repeatable(self.source, node):
            return False
        check_length(self.source, statement)
        if initialiser is not None:
            self.keep_whole(initialiser, weight)
        self.uses.assignments[statement] = Assignment(
            statement, node, weight, value, initialises=initialiser is not None
        )
        return True

    def _first(self, node: ast.expr) -> None:
        self.keep_whole(node, node)
        self.uses.firsts[node] = None

    def keep_whole(self, expression: ast.expr, part: ast.expr) -> None:
        """See that an expression can be written anew around a part of it."""
        where = line_of(expression)
        if any(isinstance(each, ast.JoinedStr) for each in self.source.ancestors(expression)):
            raise Refusal(f"its weight is used inside an f-string ({where})")
        if "#" in self.source.code(expression).replace(self.source.code(part), "", 1):
            raise Refusal(f"a comment stands inside of what uses its weight ({where})")

    def repeat(self, node: ast.expr, place: ast.expr) -> None:
        """Have the statement repeated that a place is in."""
        statement = self.source.statement(place)
        if not _stands_alone(self.source, statement) or not is_repeatable(self.source, node):
            raise Refusal(
                f"its {getattr(place, 'attr', 'weight')} is used by itself ({line_of(place)})"
            )
        check_length(self.source, statement)
        self.uses.repeats[statement] = Repeat(statement, node)


def _is_none_test(test: ast.Compare, weight: ast.expr) -> bool:
    right = test.comparators[0]
    is_none = isinstance(right, ast.Constant) and right.value is None
    return test.left is weight and len(test.ops) == 1 and is_none


def _assigned_value(statement: ast.stmt, weight: ast.Attribute) -> ast.expr | None:
    """What ``conv.weight.data = value`` or ``conv.weight.data.copy_(value)`` gives a weight."""
    match statement:
        case ast.Assign(targets=[ast.Attribute(value=target, attr="data")], value=value):
            return value if target is weight else None
        case ast.Expr(
            value=ast.Call(
                func=ast.Attribute(value=target, attr="copy_"), args=[value], keywords=[]
            )
        ):
            if isinstance(target, ast.Attribute) and target.attr == "data":
                target = target.value
            return value if target is weight else None
    return None


def _stands_alone(source: Source, statement: ast.stmt) -> bool:
    """Whether it is a simple statement that has its lines to itself."""
    return isinstance(statement, (ast.Expr, ast.Assign)) and source.has_own_lines(statement)
