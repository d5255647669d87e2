"""What attributes are, and what assigning to them does."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Final

from .. import torch_api
from .arguments import Arguments
from .by_name import ByName
from .children import is_module
from .classes import Class, decorators
from .frames import Frame
from .functions import Functions
from .heap import BY_ANY_NAME, Slot, union
from .interpreter import Interpreter
from .lookups import Lookups, lasting
from .tensors import Tensors
from .values import (
    ANYTHING,
    NOTHING,
    STRANGE,
    Bound,
    ClassValue,
    Constant,
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
    is_of_weight,
)
from .walks import Walks

_DEEPEST: Final = 3
"""How many attributes in a row are told apart, as in ``conv.weight.data``."""


@dataclass(eq=False)
class Attributes:
    """Interprets attributes."""

    interpreter: Interpreter
    functions: Functions
    lookups: Lookups
    tensors: Tensors
    walks: Walks

    def __post_init__(self) -> None:
        self._by_name = ByName(self.interpreter, self.of_instance)
        self.interpreter.read = self.read

    # --- reading -----------------------------------------------------------------------------

    def read(
        self, node: ast.Attribute, receivers: Values, frame: Frame, is_called: bool = False
    ) -> Values:
        """What an attribute of something may be; ``is_called`` where it is at once called."""
        if not is_called:
            self.interpreter.use(receivers, "read", node, frame, name=node.attr)
        return union(self._of(node, each, frame, is_called) for each in receivers)

    def _of(self, node: ast.Attribute, value: Value, frame: Frame, is_called: bool) -> Values:
        interpreter, name = self.interpreter, node.attr
        if name == "param_groups" and not is_called:  # of an optimiser
            return ANYTHING | self.walks.groups(value, node, frame)
        match value:
            case Constant(value=None) if not name.startswith("__"):  # which raises
                return NOTHING
            case External(path=path):
                return frozenset((interpreter.external(f"{path}.{name}"),))
            case ModuleValue():
                return self.lookups.given_by(value.module, name)
            case Instance():
                return self.of_instance(value, name, node, frame)
            case Super(receiver=receiver, after=after):
                return self._behind(receiver, after, name, node, frame)
            case ClassValue(cls=cls):
                return self._of_class(cls, name)
            case Tensor() | Parameter() | Object() if name == "shape" and not is_called:
                return frozenset((interpreter.intern(Size, value, None),))
            case Bound() if name == "shape" and not is_called and is_of_weight(value):
                return frozenset((interpreter.intern(Size, value, None),))
            case Unknown() | Parameter():
                return self._of_unknown(node, value, frame, is_called)
            case Object(kind=kind) if kind.startswith(STRANGE):
                return self._of_unknown(node, value, frame, is_called)
            case Tensor() if not is_called:
                return self.tensors.property(node, value, frame)
            case Function() | Partial():
                if name not in torch_api.FUNCTION_ATTRIBUTES:
                    interpreter.escape((value,), node, frame, name)
                return ANYTHING
        return self._taken(value, name, node, frame, is_called)

    def _of_unknown(
        self, node: ast.Attribute, value: Value, frame: Frame, is_called: bool
    ) -> Values:
        """What an attribute of something unknown may be."""
        interpreter, name = self.interpreter, node.attr
        interpreter.noted(node, name)
        known = self._by_name.modules(name, node, frame, is_called)
        if name in torch_api.GIVES_CHILDREN & torch_api.DICTS.keys():
            known |= self.walks.by_name(value, name, node, frame)
        if name == "__dict__":
            known |= self.walks.insides(value, node, frame)
        return known | self._taken(value, name, node, frame, is_called)

    def _taken(
        self, value: Value, name: str, node: ast.AST, frame: Frame, is_called: bool
    ) -> Values:
        """An attribute as such, to be called perhaps."""
        interpreter = self.interpreter
        bound = frozenset((interpreter.intern(Bound, value, name, None),))
        if isinstance(value, Object) and value.kind != STRANGE:
            if name == "__class__":
                return self.class_of(value)
            if name in torch_api.GIVES_CHILDREN:
                return self._children(value, name, node, frame)
            return interpreter.heap.attribute(value, name) | bound
        if isinstance(value, Bound) and _depth(value) < _DEEPEST:
            return bound
        return bound if is_called else ANYTHING

    def class_of(self, value: Value) -> Values:
        """The class of an object."""
        if isinstance(value, Object) and torch_api.is_nn_class(value.kind):
            return frozenset((self.interpreter.external(value.kind),))
        if isinstance(value, Instance):  # or an instance of a subclass
            return self.interpreter.of_class(value.cls) | ANYTHING
        return ANYTHING

    def of_instance(self, value: Instance, name: str, node: ast.AST, frame: Frame) -> Values:
        """What an attribute of an instance of a class of the project may be."""
        interpreter = self.interpreter
        heap = interpreter.heap
        if name in torch_api.GIVES_CHILDREN:
            return self._children(value, name, node, frame)
        if name == "__class__":
            return self.class_of(value)
        defined = self.interpreter.of_class_body(value.cls, name)
        if any(each.node.decorator_list for each in value.cls.order):
            is_field = any(not isinstance(each, Function) for each in defined)
            defined |= ANYTHING if is_field else NOTHING  # it may be one of a dataclass
        stored = heap.attribute(value, name)
        stored |= self._of_any_name(value, name, stored | defined)
        stored = self._kept(stored, node, frame)
        found = stored | self._bound(value, defined, name, node, frame)
        is_inherited = name in torch_api.MODULE_ATTRIBUTES and bool(value.cls.externals)
        if (
            not found
            and not is_inherited
            and self.interpreter.of_class_body(value.cls, "__getattr__")
        ):
            given = Arguments((interpreter.constant(name),))
            found = interpreter.special(value, "__getattr__", given, node, frame)
        if found:
            return found
        if not value.cls.is_known:
            return ANYTHING | {interpreter.intern(Bound, value, name, None)}
        bases = {*value.cls.externals}
        if bases <= {"torch.nn.Module"} and name not in torch_api.MODULE_ATTRIBUTES:
            if not bases or not interpreter.is_last_pass:
                return interpreter.nothing_yet()
        return frozenset((interpreter.intern(Bound, value, name, None),))

    def _children(self, value: Value, name: str, node: ast.AST, frame: Frame) -> Values:
        """What ``_modules`` and the like are, through which anything may be put into a module."""
        self.interpreter.escape((value,), node, frame, name)
        if name == "__dict__":
            return ANYTHING | self.walks.insides(value, node, frame)
        if name not in torch_api.DICTS:
            return ANYTHING
        return ANYTHING | self.walks.by_name(value, name, node, frame)

    def _of_any_name(self, value: Instance, name: str, known: Values) -> Values:
        """What has been stored under a computed name: a module takes the place of no function."""
        stored = self.interpreter.heap.attribute(value, BY_ANY_NAME)
        if not stored or not any(map(torch_api.is_module_class, value.cls.externals)):
            return stored
        if name in torch_api.MODULE_ATTRIBUTES:
            return NOTHING
        if any(map(_is_no_module, known)):
            return frozenset(each for each in stored if not is_module(each))
        return stored

    def _kept(self, values: Values, node: ast.AST, frame: Frame) -> Values:
        """What has been stored: a tensor may be that of an earlier call."""
        tensors = frozenset(each for each in values if isinstance(each, Tensor))
        if not tensors:
            return values
        return values - tensors | self.interpreter.any_of(tensors, node, frame, "kept")

    def _behind(self, value: Value, after: Class, name: str, node: ast.AST, frame: Frame) -> Values:
        """What ``super()`` finds."""
        assert isinstance(value, (Instance, ClassValue))
        found = self.interpreter.of_class_body(value.cls, name, after)
        if found and isinstance(value, Instance):
            return self._bound(value, found, name, node, frame)
        if found:
            return self._bound_to_class(value, found, name)
        return frozenset((self.interpreter.intern(Bound, value, f"super.{name}", None),))

    def _bound(
        self, value: Instance, found: Values, name: str, node: ast.AST, frame: Frame
    ) -> Values:
        """What the attributes of a class are for an instance of it."""
        interpreter = self.interpreter
        result: set[Value] = set()
        for each in found:
            if isinstance(each, Instance) and self.interpreter.of_class_body(each.cls, "__get__"):
                given = Arguments((frozenset((value,)), interpreter.of_class(value.cls)))
                result |= interpreter.special(each, "__get__", given, node, frame)
                continue
            if not isinstance(each, Function):
                if isinstance(each, Object) and each.kind == STRANGE:  # it may be a descriptor
                    interpreter.escape((value,), node, frame, name)
                result.add(each)
                continue
            kinds = decorators(each.node)
            if "staticmethod" in kinds:
                result.add(each)
            elif kinds & {"property", "cached_property"}:
                arguments = Arguments((frozenset((value,)),))
                result |= self.functions.run(each, arguments, node, frame)
            elif "classmethod" in kinds:
                cls = interpreter.intern(ClassValue, value.cls)
                result.add(interpreter.intern(Bound, cls, name, each))
            else:
                result.add(interpreter.intern(Bound, value, name, each))
        return frozenset(result)

    def _of_class(self, cls: Class, name: str) -> Values:
        interpreter = self.interpreter
        value = interpreter.intern(ClassValue, cls)
        found = self.interpreter.of_class_body(cls, name)
        if not found:
            return frozenset((interpreter.intern(Bound, value, name, None),))
        found |= interpreter.heap.attribute(value, BY_ANY_NAME)
        return self._bound_to_class(value, found, name)

    def _bound_to_class(self, value: Value, found: Values, name: str) -> Values:
        """What the attributes of a class are where they are taken from the class."""
        return frozenset(
            self.interpreter.intern(Bound, value, name, each)
            if isinstance(each, Function) and "classmethod" in decorators(each.node)
            else each
            for each in found
        )

    # --- writing -----------------------------------------------------------------------------

    def store(self, node: ast.Attribute, receivers: Values, values: Values, frame: Frame) -> None:
        """Assign to an attribute of something."""
        self.interpreter.use(receivers, "write", node, frame, name=node.attr)
        for receiver in receivers:
            self.store_named(receiver, node.attr, values, node, frame)

    def store_named(
        self, receiver: Value, name: str, values: Values, node: ast.AST, frame: Frame
    ) -> None:
        """Assign to the attribute of a name, or of any name."""
        interpreter, heap = self.interpreter, self.interpreter.heap
        is_strange = isinstance(receiver, Object) and receiver.kind.startswith(STRANGE)
        if is_strange or not isinstance(receiver, (Instance, Object, ClassValue)):
            if isinstance(receiver, External):
                heap.patched[node] = f"{receiver.path}.{name}"
            elif not isinstance(receiver, (ModuleValue, Constant)):
                interpreter.noted(node, name)
            interpreter.escape(values, node, frame)
            return
        values = lasting(values)
        if isinstance(receiver, Instance):
            for special in (f"{name}.setter", "__setattr__"):
                text = [interpreter.constant(name)] if special == "__setattr__" else []
                given = Arguments((frozenset((receiver,)), *text, values))
                for each in self.interpreter.of_class_body(receiver.cls, special):
                    if isinstance(each, Function):
                        self.functions.run(each, given, node, frame)
            if self.interpreter.of_class_body(receiver.cls, f"{name}.setter"):
                return
            if heap.is_container(receiver) and any(map(is_module, values)):
                key = name if name != BY_ANY_NAME else None
                slot = Slot(values, key)
                interpreter.put(receiver, (node, frame.context, frame.turns), slot, frame)
        heap.store(receiver, name, values)


def _is_no_module(value: Value) -> bool:
    """Whether a value is none that an attribute has before a module takes its place."""
    is_number = isinstance(value, Constant) and value.value is not None
    is_plain = isinstance(value, Object) and value.kind.startswith("builtins.")
    return is_number or is_plain or isinstance(value, (Function, Size))


def _depth(value: Value) -> int:
    """How many attributes in a row something is."""
    return 1 + _depth(value.receiver) if isinstance(value, Bound) else 0
