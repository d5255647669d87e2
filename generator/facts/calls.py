"""What calls do, by what is called."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from .. import torch_api
from . import emitted
from .arguments import Arguments
from .builtins import Builtins
from .classes import Class
from .containers import Containers
from .frames import Frame
from .functions import Functions
from .heap import Slot
from .interpreter import Interpreter
from .modules import Modules
from .partials import Partials
from .tensors import NUMBERS, Tensors
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
from .walks import Walks


@dataclass(eq=False)
class Calls:
    """Interprets calls."""

    interpreter: Interpreter
    builtins: Builtins
    containers: Containers
    functions: Functions
    modules: Modules
    partials: Partials
    tensors: Tensors
    walks: Walks

    def __post_init__(self) -> None:
        self.interpreter.call = self.call

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
                return self.functions.run(callee, given, node, frame)
            case ClassValue(cls=cls):
                return self._instantiate(cls, given, node, frame)
            case External(path=path):
                return self.builtins.call(path, given, node, frame)
            case Instance() | Object():
                return self.modules.apply(callee, given, node, frame, step)
            case Bound(receiver=receiver, function=Function() as function):
                inner = given.behind(frozenset((receiver,)))
                return self.functions.run(function, inner, node, frame)
            case Bound(receiver=receiver, name=name):
                return self._method(receiver, name, given, node, frame)
            case Partial(function=function):
                both = self.partials.given(callee).and_then(given)
                return self.call(function, both, node, frame, step)
        interpreter.escape((callee,), node, frame, "()")
        return self.interpreter.unknown(given, node, frame)

    def any_of(self, callees: Values, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        """What calling one of many gives."""
        interpreter, found = self.interpreter, NOTHING
        for each in callees:
            if isinstance(each, Function):
                for values in given.all():
                    interpreter.use(values, "argument", node, frame, by=each)
                found |= self.functions.merged(each, None, given)
            else:
                found |= self.call(each, given, node, frame)
        return found

    def _instantiate(self, cls: Class, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        """What calling a class gives."""
        interpreter = self.interpreter
        value = interpreter.intern(Instance, cls)
        assert isinstance(value, Instance)
        self.functions.used(value)
        found = interpreter.of_class_body(cls, "__init__")
        is_special = bool(interpreter.of_class_body(cls, "__new__"))
        for each in found:
            if isinstance(each, Function):
                for values in given.all():
                    interpreter.use(values, "argument", node, frame, by=each)
                inner = given.behind(frozenset((value,)))
                self.functions.merged(each, value, inner)
            else:
                is_special = True
        if not found:
            self.modules.construct(value, given, node, frame)
        if is_special:
            self.interpreter.unknown(given, node, frame, cls.name)
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
            return self.walks.over((receiver,), name, node, frame)
        if name in torch_api.BY_PATH and not isinstance(receiver, (Instance, Object)):
            return self.walks.by_path(receiver, name, given, node, frame)
        if name == "apply" and isinstance(receiver, (Parameter, Bound, Unknown)):
            self.walks.apply_to_all(receiver, given, node, frame)
        if interpreter.heap.is_container(receiver):
            found = self.containers.method(receiver, name, given, node, frame)
            if found is not None:
                return found
        if isinstance(receiver, (Tensor, Parameter)) and name != "set_submodule":
            return self.tensors.method(receiver, name, given, node, frame)
        if isinstance(receiver, Object) and receiver.kind == torch_api.WALKED["parameters"]:
            return self._of_weight(receiver, name, given, node, frame)
        if isinstance(receiver, (Instance, Object, ClassValue)) or name == "set_submodule":
            return self.modules.method(receiver, name, given, node, frame)
        if isinstance(receiver, Bound):
            return self._of_part(receiver, name, given, node, frame)
        return self.interpreter.unknown(given, node, frame, name)

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
            return self.interpreter.unknown(given, node, frame, name)
        for values in given.all():
            interpreter.use(values, "argument", node, frame, by=receiver)
        is_same = torch_api.keeps_channels(name) or name in torch_api.ELEMENT_BY_ELEMENT
        return frozenset((receiver,)) if is_same else ANYTHING
