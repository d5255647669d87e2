"""What goes over all modules, weights or names that a module has, or takes one by its path."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from .. import torch_api
from ..reading.parts import walk
from .arguments import Arguments
from .children import Children, is_module
from .frames import Frame
from .heap import BY_ANY_NAME, Slot, union
from .interpreter import Interpreter
from .new_containers import NewContainers
from .values import ANYTHING, NOTHING, Constant, Instance, Object, Value, Values, only_text


def _is_known(value: Value) -> bool:
    return isinstance(value, (Instance, Object))


def _is_of_insides(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value in torch_api.GIVES_CHILDREN


@dataclass(eq=False)
class Walks:
    """Interprets walks over modules."""

    interpreter: Interpreter
    new_containers: NewContainers

    def __post_init__(self) -> None:
        self._children = Children(self.interpreter)

    def over(self, values: Collection[Value], name: str, node: ast.AST, frame: Frame) -> Values:
        """What ``children()`` and the like of one of several modules go over."""
        self.interpreter.use(values, "read", node, frame, name=f"*{name}")
        return union([self._of(each, name, node, frame) for each in values])

    def _of(self, value: Value, name: str, node: ast.AST, frame: Frame) -> Values:
        interpreter, heap = self.interpreter, self.interpreter.heap
        if name in torch_api.DICTS:
            return self.by_name(value, name, node, frame)
        made = interpreter.container(node, "builtins.list", frame)
        heap.make_walk(made, node)
        known = torch_api.WALKS[name] == "children" and isinstance(value, (Instance, Object))
        parts = self._children.held(value) if known else []
        if not parts or not self._children.are_in_order(value):
            heap.loosen(made)
        if not parts:
            any_of = interpreter.made_at(node, torch_api.WALKED[torch_api.WALKS[name]], frame)
            parts = [Slot(frozenset((any_of,)), many=True, is_optional=True)]
        for place, slot in enumerate(parts):
            values = slot.values
            if name.startswith("named_"):
                names = frozenset((interpreter.made_at(node, torch_api.WALKED_NAME, frame),))
                values = self.new_containers.tuple_at(made, place, [names, values])
            heap.put(made, place, replace(slot, values=values, name=None, node=None))
        return frozenset((made,))

    def by_name(self, value: Value, name: str, node: ast.AST, frame: Frame) -> Values:
        """A dict of what a module has, as ``state_dict()`` gives."""
        interpreter, heap = self.interpreter, self.interpreter.heap
        made = interpreter.container(node, "builtins.dict", frame)
        heap.make_walk(made, node)
        names = frozenset((interpreter.made_at(node, torch_api.WALKED_NAME, frame),))
        kind = torch_api.WALKED[torch_api.DICTS[name]]
        any_of: Values = frozenset((interpreter.made_at(node, kind, frame),))
        parts = self._children.held(value) if name == "_modules" and _is_known(value) else []
        if parts and not heap.is_container(value) and not heap.attribute(value, BY_ANY_NAME):
            for place, (each, values) in enumerate([*heap.attributes(value)]):
                modules = frozenset(filter(is_module, values))
                if modules:
                    heap.put(made, place, Slot(modules, each))
            if not self._children.are_in_order(value):
                heap.loosen(made)
            return frozenset((made,))
        heap.loosen(made)
        any_of = union(each.values for each in parts) or any_of
        heap.put(made, "any", Slot(any_of, many=True, is_optional=True, key=names))
        return frozenset((made,))

    def insides(self, value: Value, node: ast.AST, frame: Frame) -> Values:
        """The ``__dict__`` of a module, as far as code takes others from it."""
        if not any(_is_of_insides(each) for each in walk(frame.node)):
            return NOTHING
        made = self.interpreter.container(node, "builtins.dict", frame)
        for name in sorted(torch_api.DICTS.keys() & torch_api.GIVES_CHILDREN):
            at = self.interpreter.attribute_node(node, name)
            slot = Slot(self.by_name(value, name, at, frame), name)
            self.interpreter.heap.put(made, name, slot)
        return frozenset((made,))

    def groups(self, value: Value, node: ast.AST, frame: Frame) -> Values:
        """The groups of weights that an optimiser has, each a dict with a list of them."""
        interpreter, heap = self.interpreter, self.interpreter.heap
        made = interpreter.made_at(node, "builtins.list of groups", frame)
        group = interpreter.made_at(node, "builtins.dict", frame)
        heap.put(group, "params", Slot(self._of(value, "parameters", node, frame), "params"))
        heap.put(made, "any", Slot(frozenset((group,)), many=True, is_optional=True))
        return frozenset((made,))

    def apply_to_all(self, value: Value, given: Arguments, node: ast.AST, frame: Frame) -> None:
        """``apply(function)``, which is called with all modules in turn."""
        interpreter = self.interpreter
        interpreter.use((value,), "read", node, frame, name="*apply")
        parts = interpreter.items(self._of(value, "modules", node, frame), node, frame)
        any_of = union(each.values for each in parts)
        for function in given.get(0, "fn"):
            interpreter.call(function, Arguments((any_of,)), node, frame)

    def by_path(
        self, value: Value, name: str, given: Arguments, node: ast.AST, frame: Frame
    ) -> Values:
        """``get_submodule(path)`` and the like: one of all, where it is not known which."""
        path = only_text(given.get(0, "target"))
        found = NOTHING if path is None else self.at_path((value,), path, node, frame)
        if found and not found & ANYTHING:
            return found
        walked = self._of(value, torch_api.BY_PATH[name], node, frame)
        self.interpreter.use(walked, "item", node, frame)
        return found | union(each.values for each in self.interpreter.items(walked, node, frame))

    def at_path(self, values: Iterable[Value], path: str, node: ast.AST, frame: Frame) -> Values:
        """What stands at a path of attributes, or of the numbers of items."""
        interpreter, found = self.interpreter, frozenset(values)
        for step in filter(None, path.split(".")):
            if step.isdecimal():
                (number,) = interpreter.constant(int(step))
                assert isinstance(number, Constant)
                held = [each for each in found if interpreter.heap.is_container(each)]
                items = [interpreter.heap.item(each, number) for each in held]
                found = union(items) | (NOTHING if len(held) == len(found) else ANYTHING)
            else:
                attribute = interpreter.attribute_node(node, step)
                found = interpreter.read(attribute, found, frame)
        return found
