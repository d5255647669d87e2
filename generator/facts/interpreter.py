"""The abstract interpreter: one transfer function for each kind of expression and statement."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from .. import torch_api
from . import calls, lookups
from .arguments import Arguments
from .frames import Env, Frame, joined
from .heap import Heap, Slot, Use, UseKind, union
from .project import Project
from .values import (
    ANYTHING,
    NOTHING,
    UNKNOWN,
    Bound,
    ClassValue,
    Constant,
    External,
    Function,
    Instance,
    Interned,
    Object,
    Parameter,
    Size,
    Tensor,
    Value,
    Values,
)
from .worklist import Worklist

_BINARY: Final[dict[type, Callable[..., object]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
}
_COMPARE: Final[dict[type, Callable[..., object]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
_MOST_TURNS: Final = 12
"""How many turns loops in loops may have for their turns to be told apart."""
_MOST_CALLEES: Final = 8
"""How many functions a call may be of for their results to be told apart."""
_MOST_VALUES: Final = 24
"""How many values an expression may have for them to be told apart."""
_MOST_ROUNDS: Final = 4
"""How often a loop is gone through for its variables to settle."""


class GaveUp(Exception):
    """The interpretation takes too long; nothing is known."""


class Interpreter:
    """Interprets functions, and notes what each expression may be and who uses what it is.

    Attributes:
        at: what each expression may be, in any context.
        loose: where an attribute of what is not known is read, called or set, by its name.
    """

    def __init__(self, project: Project, budget: int) -> None:
        self.project = project
        self.worklist = Worklist()
        self.heap = Heap(self.worklist)
        self.intern = Interned()
        self.at: dict[ast.AST, Values] = {}
        self.loose: dict[str, dict[ast.Attribute, None]] = {}
        self.calls = calls.Calls(self)
        self.lookups = lookups.Lookups(self)
        self._budget = budget
        self.given: dict[Value, Arguments] = {}
        self.made_nodes: dict[tuple[ast.AST, str], ast.Attribute] = {}
        self._expressions: dict[type, Callable[..., Values]] = {
            kind: getattr(self, f"_{kind.__name__}")
            for kind in ast.expr.__subclasses__()
            if hasattr(self, f"_{kind.__name__}")
        }
        self._statements: dict[type, Callable[..., bool]] = {
            kind: getattr(self, f"_{kind.__name__}")
            for kind in ast.stmt.__subclasses__()
            if hasattr(self, f"_{kind.__name__}")
        }

    # --- what values are made ----------------------------------------------------------------

    def constant(self, value: object) -> Values:
        """A constant, or anything where it is not one of the kinds that are told apart."""
        if value is None or isinstance(value, (int, float, complex, str, bytes, bool)):
            return frozenset((self.intern(Constant, value),))
        return ANYTHING

    def external(self, path: str) -> Value:
        """What lies outside of the project at a path."""
        return self.intern(External, torch_api.canonical(path))

    def made_at(self, site: ast.AST, kind: str, frame: Frame) -> Object:
        """What is made at a place."""
        made = self.intern(Object, site, kind, frame.context, frame.owner)
        assert isinstance(made, Object)
        return made

    def container(self, site: ast.AST, kind: str, frame: Frame) -> Object:
        """A container that is made at a place."""
        made = self.made_at(site, kind, frame)
        self.heap.make_container(made)
        return made

    def use(
        self,
        values: Iterable[Value],
        kind: UseKind,
        node: ast.AST,
        frame: Frame,
        *,
        name: str = "",
        by: Value | None = None,
        result: Value | None = None,
    ) -> None:
        """Note that something is done with each of some values."""
        use = Use(kind, node, name, by, result)
        for value in values:
            self.heap.use(value, use, frame.context)

    def escape(self, values: Iterable[Value], node: ast.AST, frame: Frame, name: str = "") -> None:
        """Note that values are handed to what is not known, with all that they hold."""
        for value in values:
            for each in self.heap.reachable(value):
                self.use((each,), "escape", node, frame, name=name)
                if isinstance(each, Function):
                    self.calls.anybody_may_call(each)
                elif self.heap.is_container(each):
                    self.heap.loosen(each)

    # --- expressions -------------------------------------------------------------------------

    def ev(self, node: ast.expr, frame: Frame) -> Values:
        """What an expression may be."""
        self._budget -= 1
        if self._budget < 0:
            raise GaveUp
        visit = self._expressions.get(type(node))
        values = visit(node, frame) if visit is not None else self._any(node, frame)
        if len(values) > _MOST_VALUES:
            values = self._widened(values, node, frame)
        before = self.at.get(node)
        if before is not values:
            self.at[node] = values if before is None else before | values
        return values

    def _widened(self, values: Values, node: ast.expr, frame: Frame) -> Values:
        """Fewer values that stand for many: they have escaped, or are tensors."""
        tensors = frozenset(each for each in values if isinstance(each, Tensor))
        self.escape(values - tensors, node, frame, "any of many")
        if not tensors:
            return ANYTHING
        one = self.calls.tensors.any_of(tensors, node, frame, None)
        return one if tensors == values else one | ANYTHING

    def _any(self, node: ast.expr, frame: Frame) -> Values:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.escape(self.ev(child, frame), node, frame)
        return ANYTHING

    def _Constant(self, node: ast.Constant, frame: Frame) -> Values:
        return self.constant(node.value)

    def _JoinedStr(self, node: ast.JoinedStr, frame: Frame) -> Values:
        text: str | None = ""
        for part in node.values:
            value = part.value if isinstance(part, ast.FormattedValue) else part
            assert isinstance(value, ast.expr)
            known = self._only_constant(self.ev(value, frame))
            is_plain = not isinstance(part, ast.FormattedValue) or part.format_spec is None
            if known is None or text is None or not is_plain:
                text = None
            else:
                text += f"{known.value!s}" if not isinstance(known.value, bytes) else ""
        return ANYTHING if text is None else self.constant(text)

    def _FormattedValue(self, node: ast.FormattedValue, frame: Frame) -> Values:
        self.ev(node.value, frame)
        return ANYTHING

    def _only_constant(self, values: Values) -> Constant | None:
        if len(values) != 1:
            return None
        (value,) = values
        return value if isinstance(value, Constant) else None

    def _Name(self, node: ast.Name, frame: Frame) -> Values:
        return self.lookups.name(node.id, frame)

    def _Attribute(self, node: ast.Attribute, frame: Frame) -> Values:
        return self.lookups.attribute(node, self.ev(node.value, frame), frame, is_called=False)

    def _NamedExpr(self, node: ast.NamedExpr, frame: Frame) -> Values:
        values = self.ev(node.value, frame)
        self.assign(node.target, values, frame)
        return values

    def _IfExp(self, node: ast.IfExp, frame: Frame) -> Values:
        truth = self.truth(node.test, frame)
        if truth is not None:
            return self.ev(node.body if truth else node.orelse, frame)
        before = frame.env
        frame.env = self._narrowed(node.test, before, True)
        body = self.ev(node.body, frame)
        frame.env = self._narrowed(node.test, before, False)
        orelse = self.ev(node.orelse, frame)
        frame.env = before
        return body | orelse

    def _BoolOp(self, node: ast.BoolOp, frame: Frame) -> Values:
        values = [self.ev(each, frame) for each in node.values]
        for each in values:
            self.use(each, "test", node, frame)
        first = self._only_constant(values[0])
        if first is not None and len(values) == 2:
            is_or = isinstance(node.op, ast.Or)
            return values[0] if bool(first.value) == is_or else values[1]
        return union(values)

    def _UnaryOp(self, node: ast.UnaryOp, frame: Frame) -> Values:
        values = self.ev(node.operand, frame)
        known = self._only_constant(values)
        if isinstance(node.op, ast.Not):
            self.use(values, "test", node, frame)
            return ANYTHING if known is None else self.constant(not known.value)
        if known is not None and isinstance(node.op, ast.USub):
            if isinstance(known.value, (int, float)):
                return self.constant(-known.value)
        return self._operation(node, [values], frame)

    def _BinOp(self, node: ast.BinOp, frame: Frame) -> Values:
        left, right = self.ev(node.left, frame), self.ev(node.right, frame)
        a, b = self._only_constant(left), self._only_constant(right)
        if a is not None and b is not None and type(node.op) in _BINARY:
            return self._folded(_BINARY[type(node.op)], a.value, b.value)
        if isinstance(node.op, (ast.Add, ast.Mult)):
            containers = [each for each in (*left, *right) if self.heap.is_container(each)]
            if containers:
                return self._joined_containers(node, containers, left | right, frame)
        return self._operation(node, [left, right], frame)

    def _folded(self, operate: Callable[..., object], *values: object) -> Values:
        if any(isinstance(each, (str, bytes)) and len(each) > 1000 for each in values):
            return ANYTHING
        try:
            return self.constant(operate(*values))
        except (TypeError, ValueError, ArithmeticError):
            return ANYTHING

    def _joined_containers(
        self, node: ast.BinOp, containers: list[Value], values: Values, frame: Frame
    ) -> Values:
        made = self.container(node, "builtins.list", frame)
        times = isinstance(node.op, ast.Mult)
        for number, each in enumerate(containers):
            for place, slot in enumerate(self.heap.slots(each)):
                many = slot.many or times
                self.heap.put(made, (number, place), slot.values, slot.name, many, slot.node)
            if self.heap.is_loose(each):
                self.heap.loosen(made)
        if len(containers) < 2 and not times:
            self.heap.put(made, "rest", ANYTHING, many=True)
        if not values <= frozenset(containers) and not times:
            self.heap.loosen(made)
        return frozenset((made,))

    def _operation(self, node: ast.expr, operands: list[Values], frame: Frame) -> Values:
        """What an operator gives: a tensor, if one of what it is applied to is one."""
        return self.calls.tensors.operation(node, operands, frame)

    def _Compare(self, node: ast.Compare, frame: Frame) -> Values:
        values = [self.ev(each, frame) for each in (node.left, *node.comparators)]
        for each in values:
            self.use(each, "compare", node, frame)
        known = [self._only_constant(each) for each in values]
        a, b = known[0], known[1]
        if len(known) == 2 and a is not None and b is not None and type(node.ops[0]) in _COMPARE:
            return self._folded(_COMPARE[type(node.ops[0])], a.value, b.value)
        if len(known) == 2 and isinstance(node.ops[0], (ast.Is, ast.IsNot)):
            is_none = self._is_none(values[0], values[1])
            if is_none is not None:
                return self.constant(is_none is isinstance(node.ops[0], ast.Is))
        return ANYTHING

    def _is_none(self, left: Values, right: Values) -> bool | None:
        """Whether ``left is right`` where one of them is None and the other surely is not."""
        known = self._only_constant(right)
        if known is None or known.value is not None:
            return None
        solid = (Constant, Object, Instance, Function, ClassValue, Tensor, External, Bound)
        if all(isinstance(each, solid) for each in left) and left:
            nones = [isinstance(each, Constant) and each.value is None for each in left]
            return nones[0] if len(set(nones)) == 1 else None
        return None

    def _List(self, node: ast.List, frame: Frame) -> Values:
        return self._display(node, "builtins.list", node.elts, frame)

    def _Tuple(self, node: ast.Tuple, frame: Frame) -> Values:
        return self._display(node, "builtins.tuple", node.elts, frame)

    def _Set(self, node: ast.Set, frame: Frame) -> Values:
        made = self._display(node, "builtins.set", node.elts, frame)
        for each in made:
            self.heap.loosen(each)
        return made

    def _display(self, node: ast.expr, kind: str, elements: list[ast.expr], frame: Frame) -> Values:
        made = self.container(node, kind, frame)
        for place, element in enumerate(elements):
            if not isinstance(element, ast.Starred):
                values = self.ev(element, frame)
                self.heap.put(made, (place, frame.turns), values, node=element)
                continue
            for number, slot in enumerate(self.items(self.ev(element.value, frame), frame)):
                key = place, number, frame.turns
                self.heap.put(made, key, slot.values, slot.name, slot.many, slot.node)
        return frozenset((made,))

    def _Dict(self, node: ast.Dict, frame: Frame) -> Values:
        made = self.container(node, "builtins.dict", frame)
        for place, (key, value) in enumerate(zip(node.keys, node.values, strict=True)):
            values = self.ev(value, frame)
            if key is None:
                for number, slot in enumerate(self.items(values, frame)):
                    self.heap.put(made, (place, number), slot.values, slot.name, slot.many)
                continue
            known = self._only_constant(self.ev(key, frame))
            name = known.name if known is not None else None
            self.heap.put(made, place, values, name, node=value)
        return frozenset((made,))

    def _ListComp(self, node: ast.ListComp, frame: Frame) -> Values:
        return self._comprehension(node, "builtins.list", [node.elt], node.generators, frame)

    def _SetComp(self, node: ast.SetComp, frame: Frame) -> Values:
        return self._comprehension(node, "builtins.set", [node.elt], node.generators, frame)

    def _GeneratorExp(self, node: ast.GeneratorExp, frame: Frame) -> Values:
        return self._comprehension(node, "builtins.list", [node.elt], node.generators, frame)

    def _DictComp(self, node: ast.DictComp, frame: Frame) -> Values:
        parts = [node.key, node.value]
        return self._comprehension(node, "builtins.dict", parts, node.generators, frame)

    def _comprehension(
        self,
        node: ast.expr,
        kind: str,
        elements: list[ast.expr],
        generators: list[ast.comprehension],
        frame: Frame,
    ) -> Values:
        made = self.container(node, kind, frame)
        before, loops, turns = frame.env, frame.loops, frame.turns
        frame.env = dict(before)

        def go(left: list[ast.comprehension]) -> None:
            if not left:
                for each in elements[:-1]:
                    self.ev(each, frame)
                values = self.ev(elements[-1], frame)
                many = len(frame.loops) > len(loops)
                self.heap.put(made, frame.turns, values, None, many, elements[-1])
                return
            for slot in self._turns(node, left[0].iter, frame):
                self.assign(left[0].target, slot.values, frame)
                for test in left[0].ifs:
                    self.truth(test, frame)
                    self.heap.loosen(made)
                go(left[1:])

        go(generators)
        frame.env, frame.loops, frame.turns = before, loops, turns
        return frozenset((made,))

    def _turns(self, node: ast.AST, iterable: ast.expr, frame: Frame) -> Iterator[Slot]:
        """The turns of a loop: each item by itself where they are few and known."""
        values = self.ev(iterable, frame)
        self.use(values, "iterate", iterable, frame)
        loops, turns = frame.loops, frame.turns
        slots = self.items(values, frame)
        known = len(values) == 1 and not self.heap.is_loose(next(iter(values)))
        before = frame.turn_count
        is_told_apart = known and not any(each.many for each in slots)
        is_told_apart = is_told_apart and before * len(slots) <= _MOST_TURNS
        frame.turn_count = before * (len(slots) if is_told_apart else 1)
        for number, slot in enumerate(slots):
            if is_told_apart:
                frame.turns = (*turns, number)
            else:
                frame.loops = (*loops, node)
            yield slot
        frame.loops, frame.turns, frame.turn_count = loops, turns, before

    def items(self, values: Values, frame: Frame) -> list[Slot]:
        """What iterating over something gives."""
        found: list[Slot] = []
        for value in values:
            if self.heap.is_container(value):
                found += self.heap.slots(value)
            elif isinstance(value, (Tensor, Parameter, Size)):
                found.append(Slot(self.calls.tensors.elements(value, frame), many=True))
            else:
                found.append(Slot(ANYTHING, many=True))
        return found

    def _Subscript(self, node: ast.Subscript, frame: Frame) -> Values:
        values, index = self.ev(node.value, frame), self.ev(node.slice, frame)
        self.use(values, "item", node, frame)
        return union(self._item(node, each, index, frame) for each in values)

    def _item(self, node: ast.Subscript, value: Value, index: Values, frame: Frame) -> Values:
        known = self._only_constant(index)
        if isinstance(value, Size) and value.dimension is None and known is not None:
            if isinstance(known.value, int):
                return frozenset((self.intern(Size, value.of, known.value),))
        if isinstance(value, (Tensor, Parameter)):
            return self.calls.tensors.sliced(node, value, frame)
        if not self.heap.is_container(value):
            return ANYTHING
        if isinstance(node.slice, ast.Slice):
            return self._part(node, value, frame)
        return self.heap.item(value, known)

    def _part(self, node: ast.Subscript, value: Value, frame: Frame) -> Values:
        """A slice of a container."""
        kind = value.kind if isinstance(value, Object) else "torch.nn.Sequential"
        made = self.container(node, kind, frame)
        slots = self.heap.slots(value)
        bounds = self._bounds(node.slice, frame)
        if bounds is None or self.heap.is_loose(value) or any(each.many for each in slots):
            self.heap.loosen(made)
        else:
            slots = slots[bounds]
        for place, slot in enumerate(slots):
            self.heap.put(made, place, slot.values, slot.name, slot.many, slot.node)
        return frozenset((made,))

    def _bounds(self, node: ast.expr, frame: Frame) -> slice | None:
        assert isinstance(node, ast.Slice)
        found: list[int | None] = []
        for part in (node.lower, node.upper, node.step):
            known = None if part is None else self._only_constant(self.ev(part, frame))
            if part is not None and (known is None or not isinstance(known.value, int)):
                return None
            found.append(None if known is None else int(str(known.value)))
        return slice(*found)

    def _Slice(self, node: ast.Slice, frame: Frame) -> Values:
        for part in (node.lower, node.upper, node.step):
            if part is not None:
                self.ev(part, frame)
        return ANYTHING

    def _Starred(self, node: ast.Starred, frame: Frame) -> Values:
        return union(slot.values for slot in self.items(self.ev(node.value, frame), frame))

    def _Lambda(self, node: ast.Lambda, frame: Frame) -> Values:
        made = self.intern(Function, node, frame, None)
        return frozenset((made,))

    def _Await(self, node: ast.Await, frame: Frame) -> Values:
        return self.ev(node.value, frame)

    def _Yield(self, node: ast.Yield, frame: Frame) -> Values:
        if node.value is not None:
            self.escape(self.ev(node.value, frame), node, frame)
        return ANYTHING

    def _Call(self, node: ast.Call, frame: Frame) -> Values:
        if isinstance(node.func, ast.Attribute):
            receivers = self.ev(node.func.value, frame)
            callees = self.lookups.attribute(node.func, receivers, frame, is_called=True)
            self.at[node.func] = self.at.get(node.func, NOTHING) | callees
        else:
            callees = self.ev(node.func, frame)
        arguments = self._arguments(node, frame)
        if len(callees) > _MOST_CALLEES:
            return self.calls.any_of(callees, arguments, node, frame)
        return union([self.calls.call(each, arguments, node, frame) for each in callees])

    def _arguments(self, node: ast.Call, frame: Frame) -> Arguments:
        positional: list[Values] = []
        rest, is_open = NOTHING, False
        for argument in node.args:
            if not isinstance(argument, ast.Starred):
                values = self.ev(argument, frame)
                if is_open:
                    rest |= values
                else:
                    positional.append(values)
                continue
            values = self.ev(argument.value, frame)
            slots = self.items(values, frame)
            is_sure = len(values) == 1 and not any(each.many for each in slots)
            if is_sure and not is_open and not self.heap.is_loose(next(iter(values))):
                positional += [each.values for each in slots]
            else:
                rest, is_open = rest | union(each.values for each in slots), True
        named: dict[str, Values] = {}
        for keyword in node.keywords:
            values = self.ev(keyword.value, frame)
            if keyword.arg is not None:
                named[keyword.arg] = values
                continue
            for slot in self.items(values, frame):
                if isinstance(slot.name, str):
                    named[slot.name] = named.get(slot.name, NOTHING) | slot.values
                else:
                    rest, is_open = rest | slot.values, True
        return Arguments(tuple(positional), named, rest, is_open)

    # --- conditions --------------------------------------------------------------------------

    def truth(self, test: ast.expr, frame: Frame) -> bool | None:
        """Whether a condition surely holds or surely does not; None for either."""
        values = self.ev(test, frame)
        self.use(values, "test", test, frame)
        known = self._only_constant(values)
        return None if known is None else bool(known.value)

    def _narrowed(self, test: ast.expr, env: Env, holds: bool) -> Env:
        """The variables where a condition holds, or does not: one that is None, or is not."""
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            return self._narrowed(test.operand, env, not holds)
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) is holds:
            for each in test.values:
                env = self._narrowed(each, env, holds)
            return env
        name, is_none = "", False
        match test:
            case ast.Name(id=name):
                is_none = not holds
                if is_none:  # or empty
                    return env
            case ast.Compare(
                left=ast.Name(id=name),
                ops=[ast.Is() | ast.IsNot() as op],
                comparators=[ast.Constant(value=None)],
            ):
                is_none = isinstance(op, ast.Is) is holds
        values = env.get(name)
        if values is None:
            return env
        none = self.constant(None)
        left = values & none if is_none else values - none
        if is_none and any(isinstance(each, (Parameter, type(UNKNOWN))) for each in values):
            left = none
        return {**env, name: left} if left and left != values else env

    # --- statements --------------------------------------------------------------------------

    def block(self, body: Iterable[ast.stmt], frame: Frame) -> bool:
        """Interpret statements; whether what follows them is reached."""
        return all(self.statement(each, frame) for each in body)

    def statement(self, node: ast.stmt, frame: Frame) -> bool:
        """Interpret one."""
        visit = self._statements.get(type(node))
        if visit is not None:
            return visit(node, frame)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.escape(self.ev(child, frame), node, frame)
        return True

    def _Expr(self, node: ast.Expr, frame: Frame) -> bool:
        self.ev(node.value, frame)
        return True

    def _Return(self, node: ast.Return, frame: Frame) -> bool:
        values = self.constant(None) if node.value is None else self.ev(node.value, frame)
        frame.returned |= values
        if not frame.context:
            self.use(values, "return", node, frame)
        return False

    def _Raise(self, node: ast.Raise, frame: Frame) -> bool:
        for each in (node.exc, node.cause):
            if each is not None:
                self.ev(each, frame)
        return False

    def _Assert(self, node: ast.Assert, frame: Frame) -> bool:
        self.truth(node.test, frame)
        if node.msg is not None:
            self.ev(node.msg, frame)
        return True

    def _Pass(self, node: ast.stmt, frame: Frame) -> bool:
        return True

    def _Break(self, node: ast.stmt, frame: Frame) -> bool:
        frame.exits.append(dict(frame.env))
        return False

    _Continue = _Break

    def _Assign(self, node: ast.Assign, frame: Frame) -> bool:
        values = self.ev(node.value, frame)
        for target in node.targets:
            self.assign(target, values, frame)
        return True

    def _AnnAssign(self, node: ast.AnnAssign, frame: Frame) -> bool:
        if node.value is not None:
            self.assign(node.target, self.ev(node.value, frame), frame)
        return True

    def _AugAssign(self, node: ast.AugAssign, frame: Frame) -> bool:
        before = self.ev(node.target, frame)
        values = self.ev(node.value, frame)
        containers = [each for each in before if self.heap.is_container(each)]
        if containers:
            for each in containers:
                self.calls.containers.extend(each, values, node, frame)
            return True
        a, b = self._only_constant(before), self._only_constant(values)
        if a is not None and b is not None and type(node.op) in _BINARY:
            result = self._folded(_BINARY[type(node.op)], a.value, b.value)
        else:
            result = self.calls.tensors.operation(node, [before, values], frame)
        self.assign(node.target, result, frame)
        return True

    def _Delete(self, node: ast.Delete, frame: Frame) -> bool:
        for target in node.targets:
            if isinstance(target, ast.Subscript):
                for value in self.ev(target.value, frame):
                    self.heap.loosen(value)
            elif isinstance(target, ast.Attribute):
                values = self.ev(target.value, frame)
                self.lookups.store(target, values, NOTHING, frame)
        return True

    def _If(self, node: ast.If, frame: Frame) -> bool:
        truth = self.truth(node.test, frame)
        if truth is not None:
            return self.block(node.body if truth else node.orelse, frame)
        before, ends = frame.env, []
        frame.branches += 1
        for body, holds in ((node.body, True), (node.orelse, False)):
            frame.env = dict(self._narrowed(node.test, before, holds))
            if self.block(body, frame):
                ends.append(frame.env)
        frame.branches -= 1
        frame.env = joined(ends) if ends else before
        return bool(ends)

    def _For(self, node: ast.For | ast.AsyncFor, frame: Frame) -> bool:
        ways, exits = [dict(frame.env)], frame.exits
        frame.exits = []
        for slot in self._turns(node, node.iter, frame):
            self._settle(node.body, frame, slot.many or len(frame.loops) > 0, node, slot)
            ways.append(dict(frame.env))
        frame.env = joined([*ways, *frame.exits])
        frame.exits = exits
        self.block(node.orelse, frame)
        return True

    _AsyncFor = _For

    def _While(self, node: ast.While, frame: Frame) -> bool:
        ways, exits, loops = [dict(frame.env)], frame.exits, frame.loops
        frame.exits, frame.loops = [], (*loops, node)
        truth = self.truth(node.test, frame)
        if truth is not False:
            self._settle(node.body, frame, True, node, None)
            self.truth(node.test, frame)
            ways.append(frame.env)
        frame.env = joined([*ways, *frame.exits])
        frame.exits, frame.loops = exits, loops
        self.block(node.orelse, frame)
        return True

    def _settle(
        self,
        body: list[ast.stmt],
        frame: Frame,
        repeats: bool,
        node: ast.For | ast.AsyncFor | ast.While,
        slot: Slot | None,
    ) -> None:
        """Go through the body of a loop until its variables are what they were."""
        frame.branches += 1
        for _ in range(_MOST_ROUNDS if repeats else 1):
            before = dict(frame.env)
            if slot is not None and not isinstance(node, ast.While):
                self.assign(node.target, slot.values, frame)
            self.block(body, frame)
            frame.env = joined([before, frame.env, *frame.exits])
            if frame.env == before:
                break
        frame.branches -= 1

    def _With(self, node: ast.With | ast.AsyncWith, frame: Frame) -> bool:
        for item in node.items:
            self.ev(item.context_expr, frame)
            if item.optional_vars is not None:
                self.assign(item.optional_vars, ANYTHING, frame)
        return self.block(node.body, frame)

    _AsyncWith = _With

    def _Try(self, node: ast.Try, frame: Frame) -> bool:
        before, ends = dict(frame.env), []
        frame.branches += 1
        if self.block(node.body, frame) and self.block(node.orelse, frame):
            ends.append(frame.env)
        thrown = joined([before, frame.env])
        for handler in node.handlers:
            frame.env = dict(thrown)
            if handler.name is not None:
                frame.bind(handler.name, ANYTHING)
            if self.block(handler.body, frame):
                ends.append(frame.env)
        frame.branches -= 1
        frame.env = joined(ends) if ends else thrown
        return self.block(node.finalbody, frame) and bool(ends)

    _TryStar = _Try

    def _Match(self, node: ast.Match, frame: Frame) -> bool:
        self.escape(self.ev(node.subject, frame), node, frame)
        before, ends = frame.env, [dict(frame.env)]
        for case in node.cases:
            frame.env = dict(before)
            for each in ast.walk(case.pattern):
                name = getattr(each, "name", None) or getattr(each, "rest", None)
                if isinstance(name, str):
                    frame.bind(name, ANYTHING)
            if case.guard is not None:
                self.truth(case.guard, frame)
            if self.block(case.body, frame):
                ends.append(frame.env)
        frame.env = joined(ends)
        return True

    def _FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef, frame: Frame) -> bool:
        frame.bind(node.name, self.lookups.function(node, frame, None))
        return True

    _AsyncFunctionDef = _FunctionDef

    def _ClassDef(self, node: ast.ClassDef, frame: Frame) -> bool:
        frame.bind(node.name, self.lookups.class_of(node, frame))
        return True

    def _Import(self, node: ast.Import, frame: Frame) -> bool:
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            frame.bind(name, self.lookups.imported(node, name, frame.module))
        return True

    def _ImportFrom(self, node: ast.ImportFrom, frame: Frame) -> bool:
        for alias in node.names:
            if alias.name != "*":
                name = alias.asname or alias.name
                frame.bind(name, self.lookups.imported(node, name, frame.module))
        return True

    # --- assignment --------------------------------------------------------------------------

    def assign(self, target: ast.expr, values: Values, frame: Frame) -> None:
        """Put values into the target of an assignment."""
        match target:
            case ast.Name(id=name):
                self.lookups.bind(name, values, frame)
                self.at[target] = self.at.get(target, NOTHING) | values
            case ast.Attribute():
                self.lookups.store(target, self.ev(target.value, frame), values, frame)
            case ast.Starred():
                self.assign(target.value, ANYTHING, frame)
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                for place, element in enumerate(elements):
                    parts = [self._unpacked(v, place, elements, target, frame) for v in values]
                    self.assign(element, union(parts), frame)
            case ast.Subscript():
                index = self._only_constant(self.ev(target.slice, frame))
                for value in self.ev(target.value, frame):
                    self.calls.containers.set_item(value, index, values, target, frame)

    def _unpacked(
        self, value: Value, place: int, targets: list[ast.expr], node: ast.expr, frame: Frame
    ) -> Values:
        has_star = any(isinstance(each, ast.Starred) for each in targets)
        if has_star:
            return union(slot.values for slot in self.items(frozenset((value,)), frame))
        if isinstance(value, Size) and value.dimension is None:
            return frozenset((self.intern(Size, value.of, place),))
        if self.heap.is_container(value):
            slots = self.heap.slots(value)
            if len(slots) == len(targets) and not any(each.many for each in slots):
                return slots[place].values
            return union(each.values for each in slots)
        if isinstance(value, (Tensor, Parameter)):
            return self.calls.tensors.part(targets[place], value, place, frame)
        return ANYTHING
