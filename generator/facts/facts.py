"""The one face that rules see: what an expression may be, and who uses what it is."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Final

from .. import torch_api
from ..reading.convolutions import GROUPS_POSITION
from .arguments import AnyFunction
from .classes import Class
from .engine import Engine
from .heap import CACHE, Heap, Use, union
from .interpreter import GaveUp, Interpreter
from .order import place_of_use
from .project import Module, Project
from .shapes import Shape
from .values import (
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
from .worklist import Unit

_BUDGET: Final = 300_000
"""How many expressions may be interpreted."""
_BUDGET_OF_OTHERS: Final = 100_000
"""How many more for other modules."""
_INDEXES: Final = ("_expressions", "_parts", "_parameters", "_uses", "_speaking")
"""What is worked out when first asked for, from all that has been interpreted."""


class Facts:
    """What may happen in the code of some modules, and in what they use of their project.

    Attributes:
        modules: those that are asked about.
        project: what they may import.
        is_complete: whether all was interpreted; if not, nothing is known.

    Args:
        modules: those that are asked about, all that they define.
        project: what they may import.
    """

    def __init__(self, modules: Sequence[Module], project: Project) -> None:
        self.modules = [*modules]
        self.project = project
        self._of_interest: dict[Module, Callable[[ast.stmt], bool]] = {}
        self._begin()

    def _begin(self) -> None:
        self._engine = Engine(self.project)
        self.is_complete = self._interpret(self.modules, _BUDGET)
        if not self.is_complete:
            self._engine = Engine(self.project)  # half would be taken for the whole

    def add(self, modules: Mapping[Module, Callable[[ast.stmt], bool]]) -> bool:
        """Have what others do count too; whether that was not too much to interpret.

        Args:
            modules: the others, and which of their functions and classes are of interest by
                themselves, be they not used by those that are.
        """
        if not self.is_complete:
            return False
        self._of_interest.update(modules)
        is_done = self._interpret([*modules], _BUDGET_OF_OTHERS)
        if is_done:
            self.modules += modules
        else:
            self._of_interest = {}
            self._begin()
        return is_done

    def _interpret(self, modules: Sequence[Module], budget: int) -> bool:
        """Interpret some more modules; whether that was not too much."""
        for each in [each for each in vars(self) if each in _INDEXES]:
            delattr(self, each)
        self._interpreter.budget = self._interpreter.evaluations + budget
        try:
            self._interpret_all(modules)
        except (GaveUp, RecursionError):
            return False
        return True

    def _interpret_all(self, modules: Sequence[Module]) -> None:
        interpreter = self._interpreter
        interpreter.is_last_pass = False
        self._engine.functions.asked_about.update(modules)
        for each in modules:
            interpreter.worklist.add(Unit(each), partial(self._body, each))
        interpreter.worklist.run()
        for instance in self._instances(modules):
            self._engine.functions.rest(instance)
        interpreter.worklist.run()
        interpreter.finish()
        interpreter.worklist.run()
        interpreter.heap.settle()

    def _body(self, module: Module) -> None:
        """Interpret the body of a module, and have all that it defines interpreted."""
        interpreter = self._interpreter
        frame = self._engine.lookups.module_frame(module)
        frame.start(None, ())
        body = (each for each in module.tree.body if self._is_run(module, each))
        interpreter.block(body, frame)
        for name, statements in module.bindings.items():
            if not any(self._is_run(module, each) for each in statements):
                continue
            for value in self._engine.lookups.of_module(module, name):
                if isinstance(value, Function) and value.frame is frame:
                    if self._is_asked_for(module, value.node):
                        self._engine.functions.anybody_may_call(value)
        for instance in self._instances((module,)):
            self._engine.functions.wanted(instance)

    def _is_run(self, module: Module, node: ast.AST) -> bool:
        """Whether a statement of a module is interpreted, be the name that it binds used or not."""
        match node:
            case ast.Assign(targets=[ast.Name()]) | ast.AnnAssign(target=ast.Name()):
                return self._is_asked_for(module, node)
            case ast.Import() | ast.ImportFrom():
                return False
        return True

    def _is_asked_for(self, module: Module, node: ast.AST) -> bool:
        """Whether a statement of a module is of interest, be it not used by those that are."""
        matters = self._of_interest.get(module)
        return matters is None or not isinstance(node, ast.stmt) or matters(node)

    def _instances(self, modules: Sequence[Module]) -> Iterator[Instance]:
        """The instances of the classes of some modules."""
        for cls in [*self._interpreter.classes.values()]:
            if cls.module in modules and self._is_asked_for(cls.module, cls.node):
                instance = self._interpreter.intern(Instance, cls)
                assert isinstance(instance, Instance)
                yield instance

    @property
    def _interpreter(self) -> Interpreter:
        return self._engine.interpreter

    # --- questions ---------------------------------------------------------------------------

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


def facts_of(tree: ast.Module) -> Facts:
    """The facts of a source by itself, all of which it imports is not known."""
    return Facts([Module("", False, tree)], Project())


def _path(part: Value) -> str:
    """The names of some attributes of attributes, with dots between them."""
    if not isinstance(part, Bound):
        return ""
    before = _path(part.receiver)
    return f"{before}.{part.name}" if before else part.name
