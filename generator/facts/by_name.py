"""What an attribute of something unknown may be: a module that some object has by this name."""

from __future__ import annotations

import ast
from collections.abc import Callable
from itertools import islice
from typing import Final

from .. import torch_api
from .arguments import Arguments
from .classes import Class, decorators
from .frames import Frame
from .heap import union
from .interpreter import Interpreter
from .values import NOTHING, ClassValue, External, Function, Instance, Object, Value, Values

_MOST_CLASSES: Final = 8
"""How many classes may have a method for it to be looked for in them."""


class ByName:
    """Looks for attributes in all objects of the project."""

    def __init__(
        self,
        interpreter: Interpreter,
        of_instance: Callable[[Instance, str, ast.AST, Frame], Values],
    ) -> None:
        self.interpreter = interpreter
        self._of_instance = of_instance
        self._having: dict[str, tuple[int, list[Class]]] = {}

    def modules(self, name: str, node: ast.AST, frame: Frame, is_called: bool) -> Values:
        """The modules that any object has in an attribute, or gives by a method."""
        if name in torch_api.MODULE_ATTRIBUTES or (name.startswith("__") and name.endswith("__")):
            return NOTHING
        heap = self.interpreter.heap
        stored = union(heap.attribute(each, name) for each in heap.having(name))
        found = frozenset(filter(self._may_hold, stored))
        return found | self._of_classes(name, node, frame, is_called)

    def _may_hold(self, value: Value) -> bool:
        """Whether something is a module, or holds some, or is a class of modules."""
        if isinstance(value, (Instance, ClassValue)):
            return any(map(torch_api.is_module_class, value.cls.externals))
        if isinstance(value, External):
            return torch_api.is_nn_class(value.path)
        if not isinstance(value, Object):
            return False
        return torch_api.is_nn_class(value.kind) or self.interpreter.heap.is_container(value)

    def _owners(self, name: str) -> list[Class]:
        """The classes that have an attribute in their body."""
        classes = self.interpreter.classes
        count, found = self._having.get(name, (0, []))
        if count < len(classes):
            more = islice(classes.values(), count, None)
            found += (each for each in more if name in each.functions or each.binds(name))
            self._having[name] = len(classes), found
        return found

    def _of_classes(self, name: str, node: ast.AST, frame: Frame, is_called: bool) -> Values:
        """What a property or a method gives, or what ``__getattr__`` does."""
        interpreter = self.interpreter
        found: Values = NOTHING
        classes = [*interpreter.classes.values()]
        owners = self._owners(name)
        for cls in owners if len(owners) <= _MOST_CLASSES else ():
            value = interpreter.intern(Instance, cls)
            assert isinstance(value, Instance)
            for each in interpreter.of_class_body(cls, name):
                is_method = isinstance(each, Function) and "property" not in "".join(
                    decorators(each.node)
                )
                if not is_method or is_called:
                    found |= self._of_instance(value, name, node, frame)
        for cls in () if owners else [each for each in classes if "__getattr__" in each.functions]:
            value = interpreter.intern(Instance, cls)
            assert isinstance(value, Instance)
            given = Arguments((interpreter.constant(name),))
            given_back = interpreter.special(value, "__getattr__", given, node, frame)
            found |= frozenset(filter(self._may_hold, given_back))
        return found
