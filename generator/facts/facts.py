"""The one face that rules see: what an expression may be, and who uses what it is."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from .. import torch_api
from .classes import Class
from .heap import Heap, Use
from .interpreter import GaveUp, Interpreter
from .project import Module, Project
from .shapes import Shape
from .values import NOTHING, Function, Instance, Tensor, Value, Values
from .worklist import Unit

_BUDGET: Final = 100_000
"""How many expressions may be interpreted for one module of a project."""


class Facts:
    """What may happen in the code of some modules, and in what they use of their project.

    Attributes:
        is_complete: whether all was interpreted; if not, nothing is known.

    Args:
        modules: those that are asked about.
        project: what they may import.
    """

    def __init__(self, modules: Sequence[Module], project: Project) -> None:
        self._interpreter = Interpreter(project, _BUDGET * len(modules))
        try:
            self._interpret(modules)
            self.is_complete = True
        except (GaveUp, RecursionError):
            self.is_complete = False

    def _interpret(self, modules: Sequence[Module]) -> None:
        interpreter = self._interpreter
        interpreter.functions.asked_about.update(modules)
        for each in modules:
            interpreter.worklist.add(Unit(each), partial(self._body, each))
        interpreter.worklist.run()
        for instance in self._instances(modules):
            interpreter.functions.rest(instance)
        interpreter.worklist.run()
        interpreter.finish()
        interpreter.worklist.run()

    def _body(self, module: Module) -> None:
        """Interpret the body of a module, and have all that it defines interpreted."""
        interpreter = self._interpreter
        frame = interpreter.lookups.module_frame(module)
        frame.start(None, ())
        interpreter.block(module.tree.body, frame)
        for name in module.bindings:
            for value in interpreter.lookups.of_module(module, name):
                if isinstance(value, Function) and value.frame is frame:
                    interpreter.functions.anybody_may_call(value)
        for instance in self._instances((module,)):
            interpreter.functions.wanted(instance)

    def _instances(self, modules: Sequence[Module]) -> Iterator[Instance]:
        """The instances of the classes of some modules."""
        for cls in [*self._interpreter.definitions.classes.values()]:
            if cls.module in modules:
                instance = self._interpreter.intern(Instance, cls)
                assert isinstance(instance, Instance)
                yield instance

    # --- questions ---------------------------------------------------------------------------

    def values(self, node: ast.expr) -> Values:
        """What an expression may be, in any context; nothing where it is never evaluated."""
        return self._interpreter.at.get(node, NOTHING)

    def uses(self, value: Value) -> list[Use]:
        """All that is done with a value."""
        return [*self._interpreter.heap.uses(value)]

    def shape(self, value: Value) -> Shape:
        """What is known of the shape of a tensor."""
        return self._interpreter.tensors.shape(value)

    def inputs_of(self, tensor: Tensor) -> Values:
        """What a tensor is made of."""
        return self._interpreter.tensors.inputs_of(tensor)

    def batches(self, value: Value) -> list[Value]:
        """A value, and what it is made of as far as dimension 0 is kept, the first of it last."""
        found: list[Value] = []
        while value not in found:
            found.append(value)
            if isinstance(value, Tensor) and self._keeps_batch(value):
                (value,) = self.inputs_of(value)
        return found

    def _keeps_batch(self, tensor: Tensor) -> bool:
        path = getattr(tensor.producer, "kind", getattr(tensor.producer, "path", ""))
        return torch_api.keeps_batch(path) and len(self.inputs_of(tensor)) == 1

    def classes(self, node: ast.ClassDef) -> Iterator[Class]:
        """A class, and all that inherit from it."""
        for cls in self._interpreter.definitions.classes.values():
            if any(each.node is node for each in cls.order):
                yield cls

    def class_of(self, node: ast.ClassDef) -> Class | None:
        """A class; None where its definition is never evaluated."""
        found = self._interpreter.definitions.classes.values()
        return next((cls for cls in found if cls.node is node), None)

    def is_module(self, node: ast.ClassDef) -> bool:
        """Whether a class is surely a module of torch."""
        cls = self.class_of(node)
        return cls is not None and any(map(torch_api.is_module_class, cls.externals))

    def uses_of_instances(self, node: ast.ClassDef) -> Iterator[Use]:
        """All that is done with instances of a class, and of those that inherit from it."""
        for cls in self.classes(node):
            yield from self.uses(self._interpreter.intern(Instance, cls))

    def loose(self, name: str) -> list[ast.Attribute]:
        """Where an attribute of what is not known is read, called or set."""
        return [*self._interpreter.loose.get(name, ())]

    @property
    def heap(self) -> Heap:
        """What attributes and items may be."""
        return self._interpreter.heap
