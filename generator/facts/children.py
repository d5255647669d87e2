"""What ``children()`` and the like go over."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from .. import torch_api
from .frames import Frame
from .heap import Slot, union
from .values import Constant, Function, Instance, Object, Size, Value, Values

if TYPE_CHECKING:
    from .interpreter import Interpreter


class Children:
    """Interprets walks over what modules hold."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter

    def walks(self, values: Values, name: str, node: ast.AST, frame: Frame) -> Values:
        """What a method of one of several modules goes over."""
        self.interpreter.use(values, "read", node, frame, name=f"*{name}")
        return union([self.walk(each, name, node, frame) for each in values])

    def walk(self, value: Value, name: str, node: ast.AST, frame: Frame) -> Values:
        """What ``children()`` and the like go over."""
        interpreter, heap = self.interpreter, self.interpreter.heap
        made = interpreter.container(node, "builtins.list", frame)
        heap.make_walk(made)
        known = torch_api.WALKS[name] == "children" and isinstance(value, (Instance, Object))
        parts = self._children(value) if known else []
        if not parts or not self._has_order(value):
            heap.loosen(made)
        if not parts:
            any_of = interpreter.made_at(node, torch_api.WALKED[torch_api.WALKS[name]], frame)
            parts = [Slot(frozenset((any_of,)), many=True, is_optional=True)]
        for place, slot in enumerate(parts):
            values = slot.values
            if name.startswith("named_") or name == "state_dict":
                names = frozenset((interpreter.made_at(node, torch_api.WALKED_NAME, frame),))
                values = interpreter.new_containers.tuple_at(made, place, [names, values])
            heap.put(made, place, replace(slot, values=values, name=None, node=None))
        return frozenset((made,))

    def _has_order(self, value: Value) -> bool:
        """Whether the order of the modules that something holds is known.

        That is so of attributes if the constructor alone sets them, each once, whatever happens.
        """
        heap = self.interpreter.heap
        is_container = heap.is_container(value)
        if is_container or not isinstance(value, Instance):
            return is_container and not heap.is_loose(value)
        found = self.interpreter.attributes.of_class_body(value.cls, "__init__")
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

    def _children(self, value: Value) -> list[Slot]:
        """The modules that something holds, as far as they are known."""
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
    if any(isinstance(each, ast.Return) for each in ast.walk(function)):
        return
    for statement in function.body if isinstance(function.body, list) else ():
        match statement:
            case ast.Assign(targets=[target]) | ast.AnnAssign(target=target):
                yield target
