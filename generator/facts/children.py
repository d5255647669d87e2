"""The modules that a module holds, as far as they are known."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace

from .. import torch_api
from ..reading.parts import walk
from .heap import Slot
from .interpreter import Interpreter
from .values import Constant, Function, Instance, Object, Size, Value, Values


@dataclass(eq=False)
class Children:
    """Tells what modules hold."""

    interpreter: Interpreter

    def are_in_order(self, value: Value) -> bool:
        """Whether the order of the modules that something holds is known.

        That is so of attributes if the constructor alone sets them, each once, whatever happens.
        """
        heap = self.interpreter.heap
        is_container = heap.is_container(value)
        if is_container or not isinstance(value, Instance):
            return is_container and not heap.is_loose(value)
        found = self.interpreter.of_class_body(value.cls, "__init__")
        nodes = [each.node for each in found if isinstance(each, Function)]
        targets = {each for node in nodes for each in _always_set(node)} if len(nodes) == 1 else ()
        written = [each for each in heap.uses(value) if each.kind == "write"]
        is_once = len({each.name for each in written}) == len(written)
        return (
            is_once
            and all(each.node in targets for each in written)
            and all(self._is_told(values) for _, values in heap.attributes(value))
        )

    def _is_told(self, values: Values) -> bool:
        """Whether it is known of something whether it is a module."""
        are_modules = [is_module(each) for each in values]
        is_other = all(isinstance(each, (Constant, Function, Size)) for each in values)
        return (all(are_modules) and len(values) == 1) or is_other

    def held(self, value: Value) -> list[Slot]:
        """The modules that something holds."""
        heap = self.interpreter.heap
        slots = heap.slots(value)
        if not heap.is_container(value):
            slots = [Slot(values) for _, values in heap.attributes(value)]
        found = [replace(each, values=frozenset(filter(is_module, each.values))) for each in slots]
        return [each for each in found if each.values]


def is_module(value: Value) -> bool:
    """Whether something is a module of torch, or of the project."""
    if isinstance(value, Object):
        return torch_api.is_nn_class(value.kind)
    return isinstance(value, Instance)


def _always_set(function: ast.AST) -> Iterator[ast.expr]:
    """The targets of a function that are assigned to once it is run, whatever happens."""
    assert isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
    if any(isinstance(each, ast.Return) for each in walk(function)):
        return
    for statement in function.body if isinstance(function.body, list) else ():
        match statement:
            case ast.Assign(targets=[target]) | ast.AnnAssign(target=target):
                yield target
