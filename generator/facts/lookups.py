"""What names and attributes stand for: variables, imports, attributes of objects and classes."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .. import torch_api
from .arguments import Arguments
from .classes import Class, Definition
from .frames import Frame, everything
from .heap import union
from .project import Module
from .values import (
    ANYTHING,
    NOTHING,
    STRANGE,
    Bound,
    ClassValue,
    External,
    Function,
    Instance,
    ModuleValue,
    Object,
    Parameter,
    Partial,
    Size,
    Super,
    Tensor,
    Unknown,
    Value,
    Values,
)

if TYPE_CHECKING:
    from .interpreter import Interpreter

_DEEPEST = 3
"""How many attributes in a row are told apart, as in ``conv.weight.data``."""
_BY_ANY_NAME = "*"
"""The attribute that stands for those whose name is not known."""


class Lookups:
    """Resolves names and attributes."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        self.classes: dict[ast.ClassDef, Class] = {}
        self._frames: dict[Module, Frame] = {}
        self._globals: dict[tuple[Module, str], Values] = {}
        self._resolving: set[tuple[Module, str]] = set()

    # --- names -------------------------------------------------------------------------------

    def module_frame(self, module: Module) -> Frame:
        """The frame of the body of a module."""
        if module not in self._frames:
            self._frames[module] = Frame(module.tree, module, None)
        return self._frames[module]

    def name(self, name: str, frame: Frame) -> Values:
        """What a name may stand for."""
        if name not in frame.outer:
            found = frame.env.get(name)
            if found is not None:
                return found
        if frame.node is not frame.module.tree:
            found = everything(frame, name)
            if found:
                return found
        return self.of_module(frame.module, name)

    def bind(self, name: str, values: Values, frame: Frame) -> None:
        """Assign to a name."""
        if name not in frame.outer:
            frame.bind(name, values)
            return
        around = frame.parent
        while around is not None:
            if name in around.every or around.parent is None:
                around.widen(name, values)
                return
            around = around.parent

    def of_module(self, module: Module, name: str) -> Values:
        """What a name of a module, or a builtin, may be."""
        key = module, name
        found = self._globals.get(key)
        if found is None:
            if key in self._resolving:
                return NOTHING
            self._resolving.add(key)
            found = self._globals[key] = self._resolved(module, name)
            self._resolving.discard(key)
        return found

    def _resolved(self, module: Module, name: str) -> Values:
        frame = self.module_frame(module)
        statements = module.bindings.get(name, [])
        values = union(self._bound_by(each, name, module, frame) for each in statements)
        if name in module.rebound:
            values |= ANYTHING
        if statements:
            return values
        for each in module.bindings.get("*", ()):
            assert isinstance(each, ast.ImportFrom)
            values |= self._starred(each, name, module)
        if values:
            return values
        return frozenset((self.interpreter.external(f"builtins.{name}"),))

    def _starred(self, node: ast.ImportFrom, name: str, module: Module) -> Values:
        """What a star import may bind a name to."""
        path = module.absolute(node.level, node.module)
        imported = self.interpreter.project.module(path)
        if imported is None:  # torch's own functions are seldom imported so
            return NOTHING if path.startswith("typing") else ANYTHING
        found = name in imported.bindings or "*" in imported.bindings
        values = self.of_module(imported, name) if found else NOTHING
        is_builtin = any(
            isinstance(each, External) and each.path == f"builtins.{name}" for each in values
        )
        return NOTHING if is_builtin else values

    def _bound_by(self, node: ast.AST, name: str, module: Module, frame: Frame) -> Values:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            return self.imported(node, name, module)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return self.function(node, frame, None)
        if isinstance(node, ast.ClassDef):
            return self.class_of(node, frame)
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            return self._assigned(node, name, frame)
        return ANYTHING

    def _assigned(self, node: ast.Assign | ast.AnnAssign, name: str, frame: Frame) -> Values:
        """What an assignment of a module gives a name: others may add to what can hold more."""
        frame.every.pop(name, None)
        self.interpreter.statement(node, frame)
        values = frame.every.get(name, ANYTHING)
        heap = self.interpreter.heap
        for each in values:
            if (
                isinstance(each, Object)
                and each.kind != "builtins.tuple"
                and heap.is_container(each)
            ):
                heap.put(each, "others", ANYTHING, many=True)
        return values

    def imported(self, node: ast.Import | ast.ImportFrom, name: str, module: Module) -> Values:
        """What an import binds a name to."""
        project = self.interpreter.project
        for alias in node.names:
            if (alias.asname or alias.name.partition(".")[0]) != name and alias.asname != name:
                continue
            if isinstance(node, ast.Import):
                path = alias.name if alias.asname else name
                return self._module(path)
            path = module.absolute(node.level, node.module)
            if not path:
                return ANYTHING
            imported = project.module(path)
            if imported is not None and imported is not module:
                if alias.name in imported.bindings or "*" in imported.bindings:
                    return self.of_module(imported, alias.name)
            inner = project.module(f"{path}.{alias.name}")
            if inner is not None:
                return frozenset((self.interpreter.intern(ModuleValue, inner),))
            if node.level or imported is not None:
                return ANYTHING
            return frozenset((self.interpreter.external(f"{path}.{alias.name}"),))
        return ANYTHING

    def _module(self, path: str) -> Values:
        module = self.interpreter.project.module(path)
        if module is not None:
            return frozenset((self.interpreter.intern(ModuleValue, module),))
        return frozenset((self.interpreter.external(path),))

    # --- definitions -------------------------------------------------------------------------

    def function(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef, frame: Frame, cls: Class | None
    ) -> Values:
        """What a definition gives its name: the function, or what its decorators make of it."""
        interpreter = self.interpreter
        made = interpreter.intern(Function, node, frame, cls)
        assert isinstance(made, Function)
        values: Values = frozenset((made,))
        for decorator in reversed(node.decorator_list):
            values = self._decorated(decorator, values, frame)
        return values | {made}

    def _decorated(self, decorator: ast.expr, values: Values, frame: Frame) -> Values:
        callee = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(callee, ast.Attribute) and callee.attr in ("setter", "getter", "deleter"):
            return values
        interpreter = self.interpreter
        found = interpreter.ev(decorator, frame)
        for each in interpreter.at.get(callee, NOTHING):
            if isinstance(each, External) and torch_api.TRANSPARENT_DECORATORS.fullmatch(each.path):
                return values
        arguments = Arguments((values,))
        return union(interpreter.calls.call(each, arguments, decorator, frame) for each in found)

    def class_of(self, node: ast.ClassDef, frame: Frame) -> Values:
        """The class that a definition makes."""
        interpreter = self.interpreter
        if node not in self.classes:

            def bases() -> list[Values]:
                return [interpreter.ev(each, frame) for each in node.bases]

            self.classes[node] = Class(node, frame.module, bases)
            interpreter.calls.defined_class(self.classes[node], frame)
        made = interpreter.intern(ClassValue, self.classes[node])
        return frozenset((made,))

    # --- attributes --------------------------------------------------------------------------

    def attribute(
        self, node: ast.Attribute, receivers: Values, frame: Frame, is_called: bool
    ) -> Values:
        """What an attribute of something may be; ``is_called`` where it is at once called."""
        interpreter = self.interpreter
        if not is_called:
            interpreter.use(receivers, "read", node, frame, name=node.attr)
        return union(self._attribute(node, each, frame, is_called) for each in receivers)

    def _attribute(
        self, node: ast.Attribute, value: Value, frame: Frame, is_called: bool
    ) -> Values:
        interpreter, name = self.interpreter, node.attr
        match value:
            case External(path=path):
                return frozenset((interpreter.external(f"{path}.{name}"),))
            case ModuleValue(module=module):
                if name in module.bindings or "*" in module.bindings:
                    return self.of_module(module, name)
                inner = interpreter.project.module(f"{module.name}.{name}")
                return self._module(inner.name) if inner is not None else ANYTHING
            case Instance():
                return self.of_instance(value, name, node, frame)
            case Super(receiver=receiver, after=after):
                return self._behind(receiver, after, name, node, frame)
            case ClassValue(cls=cls):
                return self._of_class(cls, name, node, frame)
            case Tensor() | Parameter() | Object() if name == "shape" and not is_called:
                return frozenset((interpreter.intern(Size, value, None),))
            case Unknown() | Parameter() | Object(kind="?"):
                interpreter.loose.setdefault(name, {})[node] = None
            case Tensor() if not is_called:
                return interpreter.calls.tensors.property(node, value, frame)
        is_known = isinstance(value, Object) and value.kind != STRANGE
        if is_known or (isinstance(value, Bound) and _depth(value) < _DEEPEST):
            stored = interpreter.heap.attribute(value, name)
            return stored | {interpreter.intern(Bound, value, name, None)}
        if is_called and not isinstance(value, (Function, Partial)):
            return frozenset((interpreter.intern(Bound, value, name, None),))
        return ANYTHING

    def of_instance(self, value: Instance, name: str, node: ast.AST, frame: Frame) -> Values:
        """What an attribute of an instance of a class of the project may be."""
        interpreter = self.interpreter
        stored = interpreter.heap.attribute(value, name)
        unnamed = interpreter.heap.attribute(value, _BY_ANY_NAME)
        if unnamed and not stored:
            stored = unnamed | ANYTHING
        definition = value.cls.definition(name)
        if definition is not None:
            return stored | self._defined(value, definition, node, frame)
        if stored:
            return stored
        if not value.cls.is_known or value.cls.definition("__getattr__") is not None:
            return ANYTHING | {interpreter.intern(Bound, value, name, None)}
        if value.cls.externals:
            return frozenset((interpreter.intern(Bound, value, name, None),))
        return interpreter.calls.nothing_yet()

    def _behind(self, value: Value, after: Class, name: str, node: ast.AST, frame: Frame) -> Values:
        """What ``super()`` finds."""
        assert isinstance(value, (Instance, ClassValue))
        definition = value.cls.definition(name, after)
        if definition is not None and isinstance(value, Instance):
            return self._defined(value, definition, node, frame)
        return frozenset((self.interpreter.intern(Bound, value, f"super.{name}", None),))

    def _defined(
        self, value: Instance, definition: Definition, node: ast.AST, frame: Frame
    ) -> Values:
        interpreter = self.interpreter
        found = self._in_body(definition)
        kinds = _decorators(definition.statement)
        result: set[Value] = set()
        for each in found:
            if not isinstance(each, Function) or "staticmethod" in kinds:
                result.add(each)
            elif "property" in kinds or "cached_property" in kinds:
                arguments = Arguments((frozenset((value,)),))
                result |= interpreter.calls.run(each, arguments, node, frame)
            elif "classmethod" in kinds:
                cls = interpreter.intern(ClassValue, value.cls)
                result.add(interpreter.intern(Bound, cls, each.node.name, each))  # type: ignore[union-attr]
            else:
                name = getattr(each.node, "name", "<lambda>")
                result.add(interpreter.intern(Bound, value, name, each))
        return frozenset(result)

    def _in_body(self, definition: Definition) -> Values:
        """What a statement in the body of a class binds."""
        statement, cls = definition.statement, definition.cls
        frame = self.module_frame(cls.module)
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return self.function(statement, self.interpreter.calls.frame_of_class(cls), cls)
        if isinstance(statement, ast.ClassDef):
            return self.class_of(statement, frame)
        assert isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None
        return self.interpreter.ev(statement.value, self.interpreter.calls.frame_of_class(cls))

    def _of_class(self, cls: Class, name: str, node: ast.AST, frame: Frame) -> Values:
        definition = cls.definition(name)
        value = self.interpreter.intern(ClassValue, cls)
        if definition is None:
            stored = self.interpreter.heap.attribute(value, name)
            return stored | {self.interpreter.intern(Bound, value, name, None)}
        found = self._in_body(definition)
        if "classmethod" not in _decorators(definition.statement):
            return found
        return frozenset(
            self.interpreter.intern(Bound, value, name, each)
            if isinstance(each, Function)
            else each
            for each in found
        )

    def store(self, node: ast.Attribute, receivers: Values, values: Values, frame: Frame) -> None:
        """Assign to an attribute of something."""
        interpreter = self.interpreter
        interpreter.use(receivers, "write", node, frame, name=node.attr)
        for receiver in receivers:
            self.store_named(receiver, node.attr, values, node, frame)

    def store_named(
        self, receiver: Value, name: str, values: Values, node: ast.AST, frame: Frame
    ) -> None:
        """Assign to the attribute of a name, or of any name."""
        interpreter = self.interpreter
        is_strange = isinstance(receiver, Object) and receiver.kind == STRANGE
        if is_strange or isinstance(receiver, (Unknown, Parameter, External, ModuleValue, Bound)):
            if isinstance(node, ast.Attribute):
                interpreter.loose.setdefault(name, {})[node] = None
            interpreter.escape(values, node, frame)
            return
        setter = receiver.cls.setter(name) if isinstance(receiver, Instance) else None
        if setter is None:
            interpreter.heap.store(receiver, name, values)
            if interpreter.heap.is_container(receiver):
                interpreter.calls.modules.register(receiver, name, values, node, frame)
            return
        assert isinstance(setter.statement, (ast.FunctionDef, ast.AsyncFunctionDef))
        frame_of_class = interpreter.calls.frame_of_class(setter.cls)
        function = interpreter.intern(Function, setter.statement, frame_of_class, setter.cls)
        assert isinstance(function, Function)
        arguments = Arguments((frozenset((receiver,)), values))
        interpreter.calls.run(function, arguments, node, frame)


def _depth(value: Value) -> int:
    """How many attributes in a row something is."""
    return 1 + _depth(value.receiver) if isinstance(value, Bound) else 0


def _decorators(statement: ast.stmt) -> set[str]:
    """The last names of the decorators of a function."""
    found = getattr(statement, "decorator_list", [])
    callees = [each.func if isinstance(each, ast.Call) else each for each in found]
    return {str(getattr(each, "attr", None) or getattr(each, "id", "")) for each in callees}
