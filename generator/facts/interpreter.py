"""The abstract interpreter: what it knows, and what all that interprets a kind of node shares.

Which function interprets what is told it by the others, which know it and not each other's callers.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace
from typing import Final, Protocol

from .. import torch_api
from .arguments import AnyFunction, Arguments
from .classes import Class
from .frames import Frame
from .heap import Around, Heap, Slot, Use, UseKind, union
from .project import Project
from .shapes import Shapes
from .values import (
    ANY_OF_SEVERAL,
    ANYTHING,
    NOTHING,
    STRANGE,
    ClassValue,
    Constant,
    External,
    Function,
    Instance,
    Interned,
    Object,
    Tensor,
    Unknown,
    Value,
    Values,
)
from .worklist import Worklist

_NEVER_TOLD: Final = (Constant, Unknown)
"""What has no uses of its own."""
_MOST_VALUES: Final = 24
"""How many values an expression may have for them to be told apart."""


class GaveUp(Exception):
    """The interpretation takes too long; nothing is known."""


class _Call(Protocol):
    def __call__(
        self, callee: Value, given: Arguments, node: ast.AST, frame: Frame, step: object = None
    ) -> Values: ...


class _Read(Protocol):
    def __call__(
        self, node: ast.Attribute, receivers: Values, frame: Frame, is_called: bool = False
    ) -> Values: ...


class Interpreter:
    """Interprets functions, and notes what each expression may be and who uses what it is.

    Attributes:
        at: what each expression may be, in any context.
        loose: where an attribute of what is not known is read, called or set, by its name; ``*``
            where the name is not known either.
        given: what each module of torch is constructed with.
        copies: what may be a copy of an object.
        is_last_pass: whether what nobody has stored counts as unknown, no more as not yet known.
        evaluations: how many expressions have been interpreted.
        budget: how many may be.
        classes: those that are defined, by where and in which frame.
        inputs_of: what each tensor is made of.
        expressions: what interprets each kind of expression.
        statements: the same for statements; it says whether what follows is reached.
        call: what calling something gives.
        read: what an attribute of something may be, ``is_called`` where it is at once called.
        items: what iterating over something gives.
    """

    call: _Call
    read: _Read
    items: Callable[[Values, ast.AST, Frame], list[Slot]]

    def __init__(self, project: Project) -> None:
        self.project = project
        self.worklist = Worklist()
        self.heap = Heap(self.worklist)
        self.intern = Interned()
        self.at: dict[ast.AST, Values] = {}
        self.loose: dict[str, dict[ast.Attribute, None]] = {}
        self.given: dict[Value, Arguments] = {}
        self.copies: dict[Value, dict[Value, None]] = {}
        self.is_last_pass = False
        self._constants: dict[tuple[type, str], Values] = {}
        self._externals: dict[str, Value] = {}
        self.evaluations = 0
        self.budget = 0
        self._born: dict[Value, tuple[tuple[Around, ...], tuple[ast.AST, ...]]] = {}
        self._made_nodes: dict[tuple[ast.AST, str], ast.Attribute] = {}
        self._made_for: dict[ast.AST, ast.AST] = {}
        self.classes: dict[tuple[ast.ClassDef, Frame], Class] = {}
        self.inputs_of: dict[Value, Values] = {}
        self.shapes = Shapes(self.given)
        self.expressions: dict[type[ast.expr], Callable[..., Values]] = {}
        self.statements: dict[type[ast.stmt], Callable[..., bool]] = {}

    # --- nodes -------------------------------------------------------------------------------

    def ev(self, node: ast.expr, frame: Frame) -> Values:
        """What an expression may be."""
        self.evaluations += 1  # here and below what others have functions for: it is called most
        if self.evaluations > self.budget:
            raise GaveUp
        before = self.at.get(node)
        if before is not None and type(node) is ast.Constant:  # which is always the same
            return before
        visit = self.expressions.get(type(node), self._unknown)
        values = visit(node, frame)
        if len(values) > _MOST_VALUES:
            values = self.widened(values, node, frame)
        if before is not values:
            self.note(node, values)
        return values

    def spend(self, expressions: int = 1) -> None:
        """Count some more expressions, or what takes as long.

        Raises:
            GaveUp: there were as many as may be.
        """
        self.evaluations += expressions
        if self.evaluations > self.budget:
            raise GaveUp

    def note(self, node: ast.AST, values: Values) -> None:
        """Note that a node may be something, in one context."""
        before = self.at.get(node)
        if before is None:
            self.at[node] = values
        elif before is not values and not values <= before:
            self.at[node] = before | values

    def widened(
        self,
        values: Values,
        node: ast.AST,
        frame: Frame,
        step: object = None,
        most: int = _MOST_VALUES,
    ) -> Values:
        """The same, or if they are too many, what stands for them: they are tensors or escape."""
        if len(values) <= most:
            return values
        tensors = frozenset(each for each in values if isinstance(each, Tensor))
        self.escape(values - tensors, node, frame, "any of many")
        if not tensors:
            return ANYTHING
        one = self.any_of(tensors, node, frame, step)
        return one if tensors == values else one | ANYTHING

    def _unknown(self, node: ast.AST, frame: Frame) -> Values:
        """An expression of a kind that is not known: it is handed all that is in it."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.escape(self.ev(child, frame), node, frame)
        return ANYTHING

    def block(self, body: Iterable[ast.stmt], frame: Frame) -> bool:
        """Interpret statements; whether what follows them is reached."""
        return all(self.statement(each, frame) for each in body)

    def statement(self, node: ast.stmt, frame: Frame) -> bool:
        """Interpret one."""
        visit = self.statements.get(type(node))
        if visit is not None:
            return visit(node, frame)
        self._unknown(node, frame)
        return True

    # --- what values are made ----------------------------------------------------------------

    def constant(self, value: object) -> Values:
        """A constant, or anything where it is not one of the kinds that are told apart."""
        if value is None or isinstance(value, (int, float, complex, str, bytes, bool)):
            key = type(value), value if isinstance(value, str) else repr(value)  # 1 == True
            found = self._constants.get(key)
            if found is None:
                found = self._constants[key] = frozenset((Constant(value),))
            return found
        return ANYTHING

    def external(self, path: str) -> Value:
        """What lies outside of the project at a path."""
        found = self._externals.get(path)
        if found is None:
            found = self._externals[path] = self.intern(External, torch_api.canonical(path))
        return found

    def made_at(self, site: ast.AST, kind: str, frame: Frame) -> Object:
        """What is made at a place."""
        made = self.intern(Object, site, kind, frame.context, frame.owner)
        assert isinstance(made, Object)
        return made

    def of_class(self, cls: Class) -> Values:
        """A class of the project."""
        return frozenset((self.intern(ClassValue, cls),))

    def strange(self, site: ast.AST, frame: Frame) -> Values:
        """What code that is not known has given."""
        return frozenset((self.made_at(site, STRANGE, frame),))

    def container(self, site: ast.AST, kind: str, frame: Frame) -> Object:
        """A container that is made at a place."""
        made = self.made_at(site, kind, frame)
        self.born(made, frame)
        return made

    def born(self, value: Value, frame: Frame) -> None:
        """Note that something has items, and where it begins to have them."""
        self.heap.rewind(value)
        self._born.setdefault(value, (frame.path, frame.left))

    def put(self, value: Value, key: Hashable, slot: Slot, frame: Frame) -> None:
        """Put something into a container that may have been made elsewhere: perhaps, or often."""
        path, left = self._born.get(value, ((), ()))
        common = 0
        for one, other in zip(path, frame.path, strict=False):
            if one != other:
                break
            common += 1
        inside = frame.path[common:]
        inside += tuple(Around(each, False) for each in frame.left[len(left) :])
        many = slot.many or any(each.repeats for each in inside)
        is_optional = slot.is_optional or bool(inside)
        is_optional = is_optional or any(each.repeats for each in path[common:])
        if inside and isinstance(inside[0].node, AnyFunction):  # in which order to others?
            self.heap.loosen(value)
        path = (*inside, *slot.path)
        self.heap.put(value, key, replace(slot, many=many, is_optional=is_optional, path=path))

    def nothing_yet(self) -> Values:
        """What is not there: not yet, or unknown in the end."""
        if self.is_last_pass:
            return ANYTHING
        self.worklist.wait()
        return NOTHING

    def finish(self) -> None:
        """Have what was not there count as unknown."""
        self.is_last_pass = True
        self.worklist.stop_waiting()

    def tensor(
        self,
        producer: Value,
        inputs: Values,
        node: ast.AST,
        frame: Frame,
        step: object = None,
        first: Values = NOTHING,
        given: Arguments | None = None,
    ) -> Tensor:
        """The tensor that something gives.

        Args:
            producer: what gives it.
            inputs: the tensors that it is made of.
            node: where.
            frame: in which context.
            step: which of several that are given there.
            first: the one of them that its shape depends on.
            given: the other arguments that its shape depends on.
        """
        made = self.intern(Tensor, node, producer, frame.context, frame.owner, step)
        assert isinstance(made, Tensor)
        self.shapes.note(made, first, given)
        before = self.inputs_of.get(made)
        if before is None or not inputs <= before:
            self.inputs_of[made] = inputs if before is None else before | inputs
        self.use(inputs, "input", node, frame, by=producer, result=made)
        return made

    def any_of(self, values: Values, node: ast.AST, frame: Frame, step: object) -> Values:
        """One tensor that stands for any of some; the same at each asking."""
        producer = self.external(ANY_OF_SEVERAL)
        return frozenset((self.tensor(producer, values, node, frame, step, values),))

    def of_class_body(self, cls: Class, name: str, after: Class | None = None) -> Values:
        """What an attribute is by the bodies of a class and its bases; nothing if it is not."""
        found = NOTHING
        for each in cls.resolution(after):
            found |= self.heap.attribute(self.intern(ClassValue, each), name)
            if each.binds(name):
                break
        return found

    # --- what is done with them --------------------------------------------------------------

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
        if values is ANYTHING:  # as so often
            return
        told = [each for each in values if type(each) not in _NEVER_TOLD]
        if told:
            node = self._made_for.get(node, node)
            self.heap.use(told, Use(kind, node, name, by, result))

    def escape(self, values: Iterable[Value], node: ast.AST, frame: Frame, name: str = "") -> None:
        """Note that values are handed to what is not known, with all that they hold."""
        self.use(values, "escape", node, frame, name=name)

    def noted(self, node: ast.AST, name: str) -> None:
        """Note that an attribute of what is not known is read or set."""
        attribute = node if isinstance(node, ast.Attribute) else self.attribute_node(node, name)
        self.loose.setdefault(name, {})[attribute] = None

    def attribute_node(self, node: ast.AST, name: str) -> ast.Attribute:
        """A node that stands for an attribute that is read or set without one, by ``getattr``."""
        key = node, name
        if key not in self._made_nodes:
            made = ast.Attribute(ast.Name("_", ast.Load()), name, ast.Load())
            self._made_nodes[key] = ast.fix_missing_locations(ast.copy_location(made, node))
            self._made_for[self._made_nodes[key]] = node
        return self._made_nodes[key]

    def unknown(self, given: Arguments, node: ast.AST, frame: Frame, name: str = "") -> Values:
        """What code that is not known gives: it may keep and change all that it is given."""
        for values in given.all():
            self.escape(values, node, frame, name)
        return self.strange(node, frame)

    def special(
        self, value: Instance, name: str, given: Arguments, node: ast.AST, frame: Frame
    ) -> Values:
        """What a method that Python calls by itself gives; the instance escapes if it has none."""
        found = self.of_class_body(value.cls, name)
        inner = given.behind(frozenset((value,)))
        functions = [each for each in found if isinstance(each, Function)]
        if not functions:
            is_container = any(each in torch_api.HOLDING for each in value.cls.externals)
            if is_container and not self.is_last_pass:
                return self.nothing_yet()  # its constructor makes it one
            self.escape((value,), node, frame, name)
            return ANYTHING
        return union([self.call(each, inner, node, frame) for each in functions])
