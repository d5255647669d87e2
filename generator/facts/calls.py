"""What calls do, by what is called."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from .. import torch_api
from . import emitted
from .arguments import Arguments
from .classes import Class
from .frames import Frame
from .heap import PARTIAL, Slot, union
from .tensors import NUMBERS
from .values import (
    ANYTHING,
    NOTHING,
    Bound,
    ClassValue,
    Constant,
    External,
    Function,
    Instance,
    Object,
    Parameter,
    Partial,
    Tensor,
    Unknown,
    Value,
    Values,
    only_text,
)

if TYPE_CHECKING:
    from .interpreter import Interpreter

_MOST_PARTIALS = 3
"""How many callables of ``functools.partial`` in one another are told apart."""


class Calls:
    """Interprets calls."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        self._partials: dict[Value, Arguments] = {}

    def call(
        self, callee: Value, given: Arguments, node: ast.AST, frame: Frame, step: object = None
    ) -> Values:
        """What calling something gives."""
        interpreter = self.interpreter
        name = emitted.usual_name(callee)
        if name:
            return emitted.called(interpreter, name, given, node, frame)
        match callee:
            case Constant():  # which raises
                return NOTHING
            case Function():
                return interpreter.functions.run(callee, given, node, frame)
            case ClassValue(cls=cls):
                return self._instantiate(cls, given, node, frame)
            case External(path=path):
                return interpreter.builtins.call(path, given, node, frame)
            case Instance() | Object():
                return interpreter.modules.apply(callee, given, node, frame, step)
            case Bound(receiver=receiver, function=Function() as function):
                inner = given.behind(frozenset((receiver,)))
                return interpreter.functions.run(function, inner, node, frame)
            case Bound(receiver=receiver, name=name):
                return self._method(receiver, name, given, node, frame)
            case Partial(function=function):
                interpreter.worklist.read(("partial", callee))
                both = self._partials[callee].and_then(given)
                return self.call(function, both, node, frame, step)
        interpreter.escape((callee,), node, frame, "()")
        return self.unknown(given, node, frame)

    def any_of(self, callees: Values, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        """What calling one of many gives."""
        interpreter, found = self.interpreter, NOTHING
        for each in callees:
            if isinstance(each, Function):
                for values in given.all():
                    interpreter.use(values, "argument", node, frame, by=each)
                found |= interpreter.functions.merged(each, None, given)
            else:
                found |= self.call(each, given, node, frame)
        return found

    def unknown(self, given: Arguments, node: ast.AST, frame: Frame, name: str = "") -> Values:
        """What code that is not known gives: it may keep and change all that it is given."""
        for values in given.all():
            self.interpreter.escape(values, node, frame, name)
        return self.interpreter.strange(node, frame)

    def special(
        self, value: Instance, name: str, given: Arguments, node: ast.AST, frame: Frame
    ) -> Values:
        """What a method that Python calls by itself gives; the instance escapes if it has none."""
        interpreter = self.interpreter
        found = interpreter.attributes.of_class_body(value.cls, name)
        inner = given.behind(frozenset((value,)))
        functions = [each for each in found if isinstance(each, Function)]
        if not functions:
            is_container = any(each in torch_api.HOLDING for each in value.cls.externals)
            if is_container and not interpreter.is_last_pass:
                return interpreter.nothing_yet()  # its constructor makes it one
            interpreter.escape((value,), node, frame, name)
            return ANYTHING
        run = interpreter.functions.run
        return union([run(each, inner, node, frame) for each in functions])

    def partial(self, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        """What ``functools.partial`` gives."""
        interpreter = self.interpreter
        rest = given.without_first()
        made: set[Value] = set()
        for function in given.get(0, "func"):
            if _partials(function) >= _MOST_PARTIALS:
                interpreter.escape((function,), node, frame)
                made |= self.unknown(rest, node, frame)
                continue
            value = interpreter.intern(Partial, node, function, frame.context)
            before = self._partials.get(value)
            both = rest if before is None else before.or_else(rest)
            if before is None or both.key != before.key:
                self._partials[value] = both
                interpreter.worklist.grew(("partial", value))
            interpreter.heap.store(value, PARTIAL, union(rest.all()))
            made.add(value)
        return frozenset(made)

    def _instantiate(self, cls: Class, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        """What calling a class gives."""
        interpreter = self.interpreter
        value = interpreter.intern(Instance, cls)
        assert isinstance(value, Instance)
        interpreter.functions.used(value)
        found = interpreter.attributes.of_class_body(cls, "__init__")
        is_special = bool(interpreter.attributes.of_class_body(cls, "__new__"))
        for each in found:
            if isinstance(each, Function):
                for values in given.all():
                    interpreter.use(values, "argument", node, frame, by=each)
                inner = given.behind(frozenset((value,)))
                interpreter.functions.merged(each, value, inner)
            else:
                is_special = True
        if not found:
            interpreter.modules.construct(value, given, node, frame)
        if is_special:
            self.unknown(given, node, frame, cls.name)
        return frozenset((value,))

    # --- methods that no code of the project defines -----------------------------------------

    def _method(
        self, receiver: Value, name: str, given: Arguments, node: ast.AST, frame: Frame
    ) -> Values:
        interpreter = self.interpreter
        interpreter.use((receiver,), "method", node, frame, name=name)
        if isinstance(receiver, Constant):
            return self._of_constant(receiver, name, given, node, frame)
        if name in torch_api.WALKS and not isinstance(receiver, (Instance, Object)):
            return interpreter.walks.over((receiver,), name, node, frame)
        if name in torch_api.BY_PATH and not isinstance(receiver, (Instance, Object)):
            return interpreter.walks.by_path(receiver, name, given, node, frame)
        if name == "apply" and isinstance(receiver, (Parameter, Bound, Unknown)):
            interpreter.walks.apply_to_all(receiver, given, node, frame)
        if interpreter.heap.is_container(receiver):
            found = interpreter.containers.method(receiver, name, given, node, frame)
            if found is not None:
                return found
        if isinstance(receiver, (Tensor, Parameter)):
            return interpreter.tensors.method(receiver, name, given, node, frame)
        if isinstance(receiver, Object) and receiver.kind == torch_api.WALKED["parameters"]:
            return self._of_weight(receiver, name, given, node, frame)
        if isinstance(receiver, (Instance, Object, ClassValue)):
            return interpreter.modules.method(receiver, name, given, node, frame)
        if isinstance(receiver, Bound):
            return self._of_part(receiver, name, given, node, frame)
        return self.unknown(given, node, frame, name)

    def _of_constant(
        self, receiver: Constant, name: str, given: Arguments, node: ast.AST, frame: Frame
    ) -> Values:
        """A method of a number or text: ``"a.b".split(".")`` is told."""
        between = only_text(given.get(0, "sep"))
        if name != "split" or not isinstance(receiver.value, str) or not between:
            return ANYTHING
        interpreter = self.interpreter
        made = interpreter.container(node, "builtins.list", frame)
        for place, text in enumerate(receiver.value.split(between)):
            interpreter.heap.put(made, place, Slot(interpreter.constant(text)))
        return frozenset((made,))

    def _of_part(
        self, receiver: Bound, name: str, given: Arguments, node: ast.AST, frame: Frame
    ) -> Values:
        """A method of an attribute, such as ``conv.weight.data.normal_()``."""
        interpreter = self.interpreter
        root: Value = receiver
        path = name
        while isinstance(root, Bound):
            path = f"{root.name}.{path}"
            root = root.receiver
        interpreter.use((root,), "method", node, frame, name=path)
        return self._of_weight(receiver, name, given, node, frame)

    def _of_weight(
        self, receiver: Value, name: str, given: Arguments, node: ast.AST, frame: Frame
    ) -> Values:
        """A method of a weight: what is made of it element by element counts as the same."""
        interpreter = self.interpreter
        if name not in torch_api.METHODS:
            if name in torch_api.ELEMENT_BY_ELEMENT | NUMBERS:
                return ANYTHING
            interpreter.escape((receiver,), node, frame, name)
            return self.unknown(given, node, frame, name)
        for values in given.all():
            interpreter.use(values, "argument", node, frame, by=receiver)
        is_same = torch_api.keeps_channels(name) or name in torch_api.ELEMENT_BY_ELEMENT
        return frozenset((receiver,)) if is_same else ANYTHING


def _partials(value: Value) -> int:
    """How many callables of ``functools.partial`` are in one another."""
    return 1 + _partials(value.function) if isinstance(value, Partial) else 0
