"""What expressions give, but for displays, comprehensions and subscripts."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from .arguments import Arguments
from .assignment import Assignment
from .calls import Calls
from .children import is_module
from .definitions import Definitions
from .folding import can_fold, folded
from .frames import Frame, joined
from .heap import Around, Slot, union
from .interpreter import Interpreter
from .iteration import Iteration
from .lookups import Lookups, lasting
from .narrowing import is_none, narrowed, truth_of
from .new_containers import NewContainers
from .tensors import Tensors
from .values import (
    ANYTHING,
    NOTHING,
    Object,
    Tensor,
    Value,
    Values,
    only_constant,
)
from .walks import Walks

_MOST_CALLEES: Final = 8
"""How many functions a call may be of for their results to be told apart."""
_MOST_METHODS: Final = 40
"""How many methods a call may be of for them to be told apart, be they of unknown objects."""
_WALKS_OF_DICT: Final = {"values": "children", "items": "named_children"}
"""What the methods of ``_modules`` are of a module."""


@dataclass(eq=False)
class Expressions:
    """One function for each kind of expression."""

    interpreter: Interpreter
    assignment: Assignment
    calls: Calls
    definitions: Definitions
    iteration: Iteration
    lookups: Lookups
    new_containers: NewContainers
    tensors: Tensors
    walks: Walks

    def __post_init__(self) -> None:
        self.interpreter.expressions.update(
            {
                ast.Constant: self._constant,
                ast.JoinedStr: self._joined_text,
                ast.Name: self._name,
                ast.Attribute: self._attribute,
                ast.NamedExpr: self._named,
                ast.IfExp: self._conditional,
                ast.BoolOp: self._and_or,
                ast.UnaryOp: self._unary,
                ast.BinOp: self._binary,
                ast.Compare: self._compare,
                ast.Lambda: self._lambda,
                ast.Await: self._await,
                ast.Yield: self._yield,
                ast.YieldFrom: self._yield_from,
                ast.Call: self._call,
            }
        )

    def _constant(self, node: ast.Constant, frame: Frame) -> Values:
        return self.interpreter.constant(node.value)

    def _joined_text(self, node: ast.JoinedStr, frame: Frame) -> Values:
        text: str | None = ""
        for part in node.values:
            is_plain = True
            value: ast.expr = part
            if isinstance(part, ast.FormattedValue):
                value, is_plain = part.value, part.conversion == -1 and part.format_spec is None
                if part.format_spec is not None:
                    self.interpreter.ev(part.format_spec, frame)
            values = self.interpreter.ev(value, frame)
            by = self.interpreter.external("builtins.format")
            self.interpreter.use(values, "argument", part, frame, by=by)
            known = only_constant(values)
            if known is None or text is None or not is_plain:
                text = None
            else:
                text += str(known.value)
        return ANYTHING if text is None else self.interpreter.constant(text)

    def _name(self, node: ast.Name, frame: Frame) -> Values:
        return self.lookups.name(node.id, frame)

    def _attribute(self, node: ast.Attribute, frame: Frame) -> Values:
        receivers = self.interpreter.ev(node.value, frame)
        return self.interpreter.read(node, receivers, frame)

    def _named(self, node: ast.NamedExpr, frame: Frame) -> Values:
        values = self.interpreter.ev(node.value, frame)
        before = frame.env.get(node.target.id, NOTHING)  # it may stand behind ``and``
        self.assignment.assign(node.target, values | before, frame)
        return values

    def _yield(self, node: ast.Yield, frame: Frame) -> Values:
        values = self.interpreter.constant(None)
        if node.value is not None:
            values = self.interpreter.ev(node.value, frame)
        return self._yielded(values, node, frame)

    def _yield_from(self, node: ast.YieldFrom, frame: Frame) -> Values:
        values = self.interpreter.ev(node.value, frame)
        slots = self.interpreter.items(values, node, frame)
        return self._yielded(union(each.values for each in slots), node, frame)

    def _yielded(self, values: Values, node: ast.expr, frame: Frame) -> Values:
        frame.yielded |= lasting(values)
        if not frame.context:  # whoever calls it has them
            self.interpreter.use(values, "return", node, frame)
            for each in values:
                self.interpreter.heap.opened(each)
        return ANYTHING

    def _lambda(self, node: ast.Lambda, frame: Frame) -> Values:
        return frozenset((self.definitions.made(node, frame),))

    def _await(self, node: ast.Await, frame: Frame) -> Values:
        values = self.interpreter.ev(node.value, frame)
        self.interpreter.escape(values, node, frame)
        return values | ANYTHING

    # --- conditions --------------------------------------------------------------------------

    def _conditional(self, node: ast.IfExp, frame: Frame) -> Values:
        truth = truth_of(self.interpreter, node.test, frame)
        if truth is not None:
            return self.interpreter.ev(node.body if truth else node.orelse, frame)
        before, path = frame.env, frame.path
        frame.path = (*path, Around(node, False))
        frame.env = narrowed(self.interpreter, node.test, before, True)
        body = self.interpreter.ev(node.body, frame)
        after = frame.env
        frame.env = narrowed(self.interpreter, node.test, before, False)
        orelse = self.interpreter.ev(node.orelse, frame)
        frame.env, frame.path = joined([before, after, frame.env]), path
        return body | orelse

    def _and_or(self, node: ast.BoolOp, frame: Frame) -> Values:
        interpreter, path, env = self.interpreter, frame.path, frame.env
        is_and = isinstance(node.op, ast.And)
        found: Values = NOTHING
        for each in node.values:
            values = interpreter.ev(each, frame)
            interpreter.use(values, "test", node, frame)
            known = None if isinstance(each, ast.Attribute) else only_constant(values)
            goes_on = known is not None and bool(known.value) == is_and
            if not goes_on or each is node.values[-1]:
                found |= values
            if known is not None and not goes_on:
                break
            frame.path = (*path, Around(node, False))
            frame.env = narrowed(interpreter, each, frame.env, is_and)
        frame.path, frame.env = path, env if frame.env is env else joined([env, frame.env])
        return found

    def _unary(self, node: ast.UnaryOp, frame: Frame) -> Values:
        interpreter = self.interpreter
        values = interpreter.ev(node.operand, frame)
        known = only_constant(values)
        if isinstance(node.op, ast.Not):
            interpreter.use(values, "test", node, frame)
            return ANYTHING if known is None else interpreter.constant(not known.value)
        if known is not None and isinstance(node.op, ast.USub):
            if isinstance(known.value, (int, float)):
                return interpreter.constant(-known.value)
        return self.tensors.operation(node, [values], frame)

    def _binary(self, node: ast.BinOp, frame: Frame) -> Values:
        interpreter = self.interpreter
        left, right = interpreter.ev(node.left, frame), interpreter.ev(node.right, frame)
        a, b = only_constant(left), only_constant(right)
        if a is not None and b is not None and can_fold(node.op):
            return interpreter.constant(folded(node.op, a.value, b.value))
        if isinstance(node.op, (ast.Add, ast.Mult)):
            if any(interpreter.heap.is_container(each) for each in (*left, *right)):
                times = isinstance(node.op, ast.Mult)
                return self.new_containers.added(node, left, right, times, frame)
        return self.tensors.operation(node, [left, right], frame)

    def _compare(self, node: ast.Compare, frame: Frame) -> Values:
        interpreter = self.interpreter
        values = [interpreter.ev(each, frame) for each in (node.left, *node.comparators)]
        for each in values:
            interpreter.use(each, "compare", node, frame)
        if len(values) != 2:
            return ANYTHING
        operation = node.ops[0]
        a, b = only_constant(values[0]), only_constant(values[1])
        if a is not None and b is not None and can_fold(operation):
            return interpreter.constant(folded(operation, a.value, b.value))
        if isinstance(operation, (ast.Is, ast.IsNot)) and b is not None and b.value is None:
            none = is_none(values[0])
            if none is not None:
                return interpreter.constant(none is isinstance(operation, ast.Is))
        tensors = any(isinstance(each, Tensor) for side in values for each in side)
        is_plain = isinstance(operation, (ast.Is, ast.IsNot, ast.In, ast.NotIn))
        if tensors and not is_plain:
            return self.tensors.operation(node, values, frame)
        return ANYTHING

    # --- calls -------------------------------------------------------------------------------

    def _call(self, node: ast.Call, frame: Frame) -> Values:
        interpreter = self.interpreter
        walk = _WALKS_OF_DICT.get(getattr(node.func, "attr", "")) if not node.args else None
        if walk is not None:
            match node.func:
                case ast.Attribute(value=ast.Attribute(value=whole, attr="_modules")):
                    wholes = interpreter.ev(whole, frame)
                    if wholes and all(map(is_module, wholes)):
                        return self.walks.over(wholes, walk, node, frame)
        if isinstance(node.func, ast.Attribute):
            receivers = interpreter.ev(node.func.value, frame)
            callees = interpreter.read(node.func, receivers, frame, is_called=True)
            callees = interpreter.widened(callees, node.func, frame, "callee", most=_MOST_METHODS)
            interpreter.note(node.func, callees)
        else:
            callees = interpreter.ev(node.func, frame)
        given = self._arguments(node, frame)
        if len(callees) == 1:
            (callee,) = callees
            return interpreter.call(callee, given, node, frame)
        path = frame.path
        frame.path = (*path, Around(node, False))
        if len(callees) > _MOST_CALLEES:
            found = self.calls.any_of(callees, given, node, frame)
        else:
            found = union([interpreter.call(each, given, node, frame) for each in callees])
        frame.path = path
        return found

    def _arguments(self, node: ast.Call, frame: Frame) -> Arguments:
        interpreter = self.interpreter
        positional: list[Values] = []
        items: list[Slot] = []
        rest, is_open, is_loose = NOTHING, False, False
        for argument in node.args:
            if not isinstance(argument, ast.Starred):
                values = interpreter.ev(argument, frame)
                items.append(Slot(values, node=argument))
                if is_open:
                    rest |= values
                else:
                    positional.append(values)
                continue
            values = interpreter.ev(argument.value, frame)
            interpreter.use(values, "iterate", argument, frame)
            slots = interpreter.items(values, argument, frame)
            items += slots
            is_ordered = len(values) == 1 and not any(map(interpreter.heap.is_loose, values))
            is_loose = is_loose or not is_ordered
            is_end = argument is node.args[-1] and all(map(_is_of_stars, values))
            told = _told(slots, is_end) if is_ordered and not is_open else []
            positional += [each.values for each in told]
            if len(told) < len(slots) or not all(each.is_one for each in slots):
                rest, is_open = rest | union(each.values for each in slots[len(told) :]), True
        named, more = self._keywords(node, frame)
        rest, is_open = (rest | more, True) if more is not None else (rest, is_open)
        return Arguments(tuple(positional), named, rest, is_open, tuple(items), is_loose)

    def _keywords(self, node: ast.Call, frame: Frame) -> tuple[dict[str, Values], Values | None]:
        """The named arguments, and what else there may be."""
        named: dict[str, Values] = {}
        more: Values | None = None
        for keyword in node.keywords:
            values = self.interpreter.ev(keyword.value, frame)
            if keyword.arg is not None:
                named[keyword.arg] = values
                continue
            for slot in self.iteration.entries(values, keyword.value, frame):
                if isinstance(slot.name, str) and not slot.is_optional:
                    named[slot.name] = named.get(slot.name, NOTHING) | slot.values
                else:
                    more = (more or NOTHING) | slot.values
        return named, more


def _is_of_stars(value: Value) -> bool:
    """Whether something is what ``*args`` takes, of which but the last may be missing."""
    return isinstance(value, Object) and isinstance(value.site, ast.arg)


def _told(slots: list[Slot], is_end: bool) -> list[Slot]:
    """The items behind a star of which the place is known; at the end some may be missing."""
    return [*takewhile(lambda each: each.is_one or (is_end and not each.many), slots)]
