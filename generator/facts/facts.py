"""The one face that rules see: what an expression may be, and who uses what it is."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cached_property

from .. import torch_api
from ..reading.convolutions import GROUPS_POSITION
from ..reading.kept import kept
from ..reading.source import Source
from .arguments import AnyFunction
from .classes import Class
from .heap import CACHE, Heap, Use, union
from .interpretation import Interpretation
from .order import place_of_use
from .project import Module, Project
from .shapes import Shape
from .values import (
    ANY_OF_SEVERAL,
    NOTHING,
    Bound,
    ClassValue,
    Constant,
    Function,
    Instance,
    Object,
    Parameter,
    Partial,
    Tensor,
    Value,
    Values,
    is_strange,
)
from .walked import Walked


class Facts(Interpretation):
    """What may happen in the code of some modules, and in what they use of their project."""

    def values(self, node: ast.expr) -> Values:
        """What an expression may be, in any context; nothing where it is never evaluated."""
        return self._interpreter.at.get(node, NOTHING)

    def made_by(self, call: ast.Call) -> Values:
        """What a construction gives, or what the calls of a partial give; and the copies of it."""
        partials = frozenset(each for each in self.values(call) if isinstance(each, Partial))
        found: dict[Value, None] = dict.fromkeys(self.values(call) - partials)
        for value in self.heap.used() if partials else ():
            if isinstance(value, Object) and isinstance(value.site, ast.Call):
                if not partials.isdisjoint(self.values(value.site.func)):
                    found[value] = None
        todo = [*found]
        while todo:
            for copy in self._interpreter.copies.get(todo.pop(), ()):
                if copy not in found:
                    found[copy] = None
                    todo.append(copy)
        return frozenset(found)

    @cached_property
    def _expressions(self) -> dict[Value, list[ast.expr]]:
        found: dict[Value, list[ast.expr]] = {}
        for node, values in self._interpreter.at.items():
            for value in values:
                if isinstance(node, ast.expr) and isinstance(value, (Object, Instance)):
                    found.setdefault(value, []).append(node)
        return found

    def expressions(self, value: Value) -> list[ast.expr]:
        """The expressions of all modules that may be an object."""
        return self._expressions.get(value, [])

    @cached_property
    def _speaking(self) -> dict[ast.AST, list[ast.AST]]:
        found: dict[ast.AST, list[ast.AST]] = {}
        for node, values in self._interpreter.at.items():
            for value in values:
                function = value.function if isinstance(value, (Bound, Partial)) else value
                if isinstance(function, Function):
                    found.setdefault(function.node, []).append(node)
                elif isinstance(function, ClassValue):
                    found.setdefault(function.cls.node, []).append(node)
        return found

    def speaking_of(self, definition: ast.AST) -> Iterator[ast.AST]:
        """What may be a function or a class, or a method that is not known to be another."""
        yield from self._speaking.get(definition, ())
        if isinstance(definition, AnyFunction):
            yield from self.loose(getattr(definition, "name", ""))

    def uses(self, value: Value) -> list[Use]:
        """All that is done with a value, in the order of the text."""
        found = self._uses.get(value)
        if found is None:
            uses = self._interpreter.heap.uses(value)
            found = self._uses[value] = sorted(uses, key=place_of_use)
        return found

    @cached_property
    def _uses(self) -> dict[Value, list[Use]]:
        """The answers of ``uses``."""
        return {}

    def calls(self, module: Value) -> Iterator[Use]:
        """Where a module is called, each with what it gives, be it not known what it is."""
        for use in self.uses(module):
            if use.kind == "call" and use.result is not None:
                yield use
            elif use.kind == "call" and isinstance(use.node, ast.expr):
                for each in self.values(use.node):
                    if is_strange(each) and getattr(each, "site", None) is use.node:
                        yield use._replace(result=each)

    def is_given_again(self, value: Value) -> bool:
        """Whether a function that makes an object gives the same one again in another call."""
        return any(use.name == CACHE for use in self.uses(value))

    def functions(self, node: ast.expr) -> set[ast.AST]:
        """The functions of the project that an expression may be."""
        values = self.values(node)
        own = (each.function if isinstance(each, Bound) else each for each in values)
        return {each.node for each in own if isinstance(each, Function)}

    def shape(self, value: Value) -> Shape:
        """What is known of the shape of a tensor."""
        return self._interpreter.shapes.of(value)

    @cached_property
    def _parts(self) -> dict[Value, list[Bound]]:
        """The attributes that are taken from each object, in any number of steps."""
        found: dict[Value, list[Bound]] = {}
        for value in self.heap.used():
            root = value
            while isinstance(root, Bound):
                root = root.receiver
            if isinstance(value, Bound):
                found.setdefault(root, []).append(value)
        return found

    def uses_with_parts(self, value: Value) -> Iterator[tuple[str, Use]]:
        """All that is done with a value, and with attributes of it, by the path of these."""
        for use in self.uses(value):
            yield "", use
        for part in self._parts.get(value, ()):
            for use in self.uses(part):
                yield _path(part), use

    @property
    def walked(self) -> Walked:
        """What walks over modules go over."""
        return Walked(self.heap)

    def patched(self) -> Iterable[tuple[ast.AST, str]]:
        """Where an attribute of something is set that lies outside, and of what."""
        return self.heap.patched.items()

    def is_plain(self, conv: Object) -> bool:
        """Whether a convolution that is made at a place surely has one group there."""
        given = self._interpreter.given.get(conv)
        groups = self.argument(conv, GROUPS_POSITION, "groups")
        numbers = {each.value for each in groups if isinstance(each, Constant)}
        if not groups:
            return given is not None and not given.is_open
        return len(groups) == 1 and numbers == {1}

    def argument(self, made: Object, position: int, name: str) -> Values:
        """What an object of a class outside of the project is given for a parameter."""
        given = self._interpreter.given.get(made)
        return given.get(position, name) if given is not None else NOTHING

    def inputs_of(self, tensor: Tensor) -> Values:
        """What a tensor is made of."""
        return self._interpreter.inputs_of.get(tensor, NOTHING)

    def meant(self, values: Values) -> Values:
        """Some values, and each that a tensor among them stands for as one of several."""
        found = dict.fromkeys(values)
        todo = [*values]
        while todo:
            value = todo.pop()
            path = getattr(getattr(value, "producer", None), "path", "")
            if isinstance(value, Tensor) and path == ANY_OF_SEVERAL:
                todo += (each for each in self.inputs_of(value) if each not in found)
                found |= dict.fromkeys(self.inputs_of(value))
        return frozenset(found)

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
        for cls in self._interpreter.classes.values():
            if any(each.node is node for each in cls.order):
                yield cls

    def class_of(self, node: ast.ClassDef) -> Class | None:
        """A class; None where its definition is never evaluated."""
        found = self._interpreter.classes.values()
        return next((cls for cls in found if cls.node is node), None)

    def is_module(self, node: ast.ClassDef) -> bool:
        """Whether a class is surely a module of torch."""
        cls = self.class_of(node)
        return cls is not None and any(map(torch_api.is_module_class, cls.externals))

    @cached_property
    def class_of_tensors(self) -> Class | None:
        """A class of the project whose instances are tensors with methods of their own."""
        found = self._interpreter.classes.values()
        of_torch = (cls for cls in found if not torch_api.TENSOR_CLASSES.isdisjoint(cls.externals))
        return next((cls for cls in of_torch if cls.functions), None)

    def instances(self, node: ast.ClassDef) -> Iterator[Instance]:
        """What stands for the instances of a class, and of each that inherits from it."""
        for cls in self.classes(node):
            instance = self._interpreter.intern(Instance, cls)
            assert isinstance(instance, Instance)
            yield instance

    def given_to(self, module: Instance) -> Iterator[Parameter]:
        """What stands for what the forward of a module is given."""
        found = self._interpreter.of_class_body(module.cls, "forward")
        for each in found:
            if isinstance(each, Function):
                yield from self._parameters.get(each.node, ())

    @cached_property
    def _parameters(self) -> dict[ast.AST, list[Parameter]]:
        """The parameters of each function that anybody may call."""
        found: dict[ast.AST, list[Parameter]] = {}
        for value in self.heap.used():
            if isinstance(value, Parameter):
                found.setdefault(value.function, []).append(value)
        return found

    def uses_of_instances(self, node: ast.ClassDef) -> Iterator[Use]:
        """All that is done with instances of a class, and of those that inherit from it."""
        for instance in self.instances(node):
            yield from self.uses(instance)

    def attribute(self, node: ast.ClassDef, name: str) -> Values:
        """What an attribute of an instance of a class may be, or of one that inherits from it."""
        found = (self._interpreter.intern(Instance, each) for each in self.classes(node))
        return union(self.heap.attribute(each, name) for each in found)

    def with_items(self, values: Values) -> Values:
        """Some values, and what is in those of them that are lists."""
        return values | union(
            slot.values
            for each in values
            if self.heap.is_container(each)
            for slot in self.heap.slots(each)
        )

    def loose(self, name: str) -> list[ast.Attribute]:
        """Where an attribute of what is not known is read, called or set."""
        return [*self._interpreter.loose.get(name, ())]

    @property
    def heap(self) -> Heap:
        """What attributes and items may be."""
        return self._interpreter.heap


@kept
def facts_of(source: Source) -> Facts:
    """The facts of a source by itself: nothing that it imports is known."""
    return Facts([Module("", False, source.tree, source.text)], Project())


def _path(part: Value) -> str:
    """The names of some attributes of attributes, with dots between them."""
    if not isinstance(part, Bound):
        return ""
    before = _path(part.receiver)
    return f"{before}.{part.name}" if before else part.name
