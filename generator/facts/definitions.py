"""What the definitions of functions and classes make."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field

from .. import torch_api
from .arguments import AnyFunction, Arguments, defaults
from .classes import Base, Class, accessor
from .frames import Frame
from .heap import union
from .interpreter import Interpreter
from .values import ANYTHING, NOTHING, ClassValue, External, Function, Values
from .worklist import Unit


@dataclass(eq=False)
class Definitions:
    """Interprets definitions."""

    interpreter: Interpreter
    _bodies: dict[Class, Frame] = field(default_factory=dict)
    _metaclasses: dict[Class, Callable[[], Values]] = field(default_factory=dict)
    """What the definition of each class gives for a metaclass."""

    # --- functions ---------------------------------------------------------------------------

    def made(
        self, node: AnyFunction, frame: Frame, cls: Class | None = None, around: Frame | None = None
    ) -> Function:
        """The function that a definition or a lambda makes, whose defaults are evaluated there.

        Args:
            node: the definition.
            frame: where it stands.
            cls: the class that it is a method of.
            around: the frame whose names it sees, if that is another.
        """
        interpreter = self.interpreter
        made = interpreter.intern(Function, node, around or frame, cls)
        assert isinstance(made, Function)
        for name, default in defaults(node).items():
            interpreter.heap.store(made, name, interpreter.ev(default, frame))
        return made

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, frame: Frame) -> Values:
        """What a definition gives its name: the function, or what its decorators make of it.

        Nothing for the setter of a property, which is noted for the class.
        """
        cls, around = None, frame
        if isinstance(frame.holder, ClassValue):
            cls = frame.holder.cls
        while isinstance(around.holder, ClassValue) and around.parent is not None:
            around = around.parent  # a function does not see the names of its class
        made = self.made(node, frame, cls, around)
        kind = accessor(node)
        if kind and frame.holder is not None:
            accessors = frozenset((made,))
            self.interpreter.heap.store(frame.holder, f"{node.name}.{kind}", accessors)
            return NOTHING
        values: Values = frozenset((made,))
        for decorator in reversed(node.decorator_list):
            values = self._decorated(decorator, values, frame)
        return values

    def _decorated(self, decorator: ast.expr, values: Values, frame: Frame) -> Values:
        """What a decorator makes of something; an unknown one may also leave it as it is."""
        interpreter = self.interpreter
        callee = decorator.func if isinstance(decorator, ast.Call) else decorator
        found = interpreter.ev(decorator, frame)
        made_by = interpreter.at.get(callee, NOTHING)
        is_known = made_by and all(
            isinstance(each, External) and torch_api.TRANSPARENT_DECORATORS.fullmatch(each.path)
            for each in made_by
        )
        if is_known:
            return values
        arguments = Arguments((values,))
        made = union([interpreter.call(each, arguments, decorator, frame) for each in found])
        is_ours = all(isinstance(each, Function) for each in found)
        return made if is_ours else made | values

    # --- classes -----------------------------------------------------------------------------

    def class_of(self, node: ast.ClassDef, frame: Frame) -> Values:
        """The class that a definition makes, or what its decorators make of it."""
        interpreter = self.interpreter
        key = node, frame
        if key not in interpreter.classes:

            def bases() -> list[Base]:
                return [self._base(each, node, frame) for each in node.bases]

            def metaclasses() -> Values:
                given = [each.value for each in node.keywords if each.arg in ("metaclass", None)]
                return union([interpreter.ev(each, frame) for each in given])

            interpreter.classes[key] = Class(node, frame.module, bases)
            self._metaclasses[interpreter.classes[key]] = metaclasses
        cls = interpreter.classes[key]
        made = interpreter.intern(ClassValue, cls)
        assert isinstance(made, ClassValue)
        interpreter.worklist.demand(Unit(cls), lambda: self._body(made, frame))
        values: Values = frozenset((made,))
        for decorator in reversed(node.decorator_list):
            values |= self._decorated(decorator, values, frame)
        return values

    def _body(self, made: ClassValue, around: Frame) -> None:
        """Interpret the body of a class."""
        interpreter, cls = self.interpreter, made.cls
        frame = self._bodies.get(cls)
        if frame is None:  # one for all times: what it reads of its own would grow each time
            frame = Frame(cls.node, cls.module, around, interpreter.worklist, holder=made)
            frame.context, frame.owner = around.context, around.owner
            self._bodies[cls] = frame
        frame.start(None, ())
        for keyword in cls.node.keywords:
            interpreter.escape(interpreter.ev(keyword.value, around), cls.node, around)
        assert cls.bases is not None  # they are evaluated here
        interpreter.block(cls.node.body, frame)
        self._made_by_others(made, around)

    def _made_by_others(self, made: ClassValue, frame: Frame) -> None:
        """Do with a class what its bases do by ``__init_subclass__``, and its metaclass."""
        interpreter, cls = self.interpreter, made.cls
        given = Arguments((frozenset((made,)),), rest=ANYTHING, is_open=True)
        called = interpreter.of_class_body(cls, "__init_subclass__", cls)
        for metaclass in union([self._metaclasses[each]() for each in cls.order]):
            if isinstance(metaclass, ClassValue):
                called |= interpreter.of_class_body(metaclass.cls, "__call__")
        for each in called:
            interpreter.call(each, given, cls.node, frame)

    def _base(self, node: ast.expr, cls: ast.ClassDef, frame: Frame) -> Base:
        """What a base may be, without its parameters: ``Generic`` of ``Generic[T]``."""
        plain = node.value if isinstance(node, ast.Subscript) else node
        values = self.interpreter.ev(plain, frame)
        classes = tuple(each.cls for each in values if isinstance(each, ClassValue))
        paths = tuple(each.path for each in values if isinstance(each, External))
        known = len(classes) + len(paths)
        unknown = [each for each in values if not isinstance(each, (ClassValue, External))]
        self.interpreter.escape(unknown, cls, frame)
        return Base(classes, paths, is_known=len(values) == known == 1)
