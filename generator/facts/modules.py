"""Modules: those of torch, those of the project, and those that hold others."""

from __future__ import annotations

import ast
from functools import partial
from typing import TYPE_CHECKING

from .. import torch_api
from .arguments import Arguments
from .heap import Slot, union
from .values import (
    ANYTHING,
    NOTHING,
    STRANGE,
    UNKNOWN,
    Bound,
    ClassValue,
    Constant,
    Instance,
    Object,
    Parameter,
    Super,
    Tensor,
    Unknown,
    Value,
    Values,
)
from .worklist import Unit

if TYPE_CHECKING:
    from .frames import Frame
    from .interpreter import Interpreter

_MOST_ROUNDS = 3


class Modules:
    """Interprets what is done with modules."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        self._applying: set[Value] = set()

    # --- making them -------------------------------------------------------------------------

    def make(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        """An instance of a class of torch.nn."""
        interpreter = self.interpreter
        made = interpreter.made_at(node, path, frame)
        interpreter.given.setdefault(made, given)
        if path in torch_api.CONTAINERS or path in torch_api.MAPPINGS:
            self._fill(made, path, given, node, frame)
            return frozenset((made,))
        for values in given.all():
            interpreter.use(values, "argument", node, frame, by=interpreter.external(path))
            held = [each for each in values if isinstance(each, (Instance, Object))]
            modules = [each for each in held if self.is_module(each)]
            interpreter.escape(modules, node, frame, path)
        return frozenset((made,))

    def construct(self, value: Instance, given: Arguments, node: ast.AST, frame: Frame) -> None:
        """Construct an instance of a class that takes its constructor from outside."""
        bases = value.cls.externals
        held = next((each for each in bases if each in _HOLDING), None)
        if held is not None:
            self._fill(value, held, given, node, frame)
            return
        if value.cls.is_known and set(bases) <= _HARMLESS_BASES:
            return
        for values in given.all():
            self.interpreter.escape(values, node, frame, value.cls.name)

    def _fill(self, made: Value, path: str, given: Arguments, node: ast.AST, frame: Frame) -> None:
        """Put what its constructor is given into a container of torch."""
        heap, containers = self.interpreter.heap, self.interpreter.calls.containers
        heap.make_container(made)
        expressions = _expressions(node)
        first = given.positional[0] if len(given.positional) == 1 else NOTHING
        dicts = [each for each in first if getattr(each, "kind", "") == "builtins.dict"]
        if path in torch_api.MAPPINGS or (dicts and path.endswith("Sequential")):
            pairs = containers.from_pairs(first or given.get(0, "modules"), "dict", node, frame)
            containers.extend(made, pairs, node, frame)
        elif path.endswith("ModuleList"):
            containers.extend(made, given.get(0, "modules"), node, frame)
        else:
            for place, values in enumerate(given.positional):
                made_by = expressions[place] if place < len(expressions) else None
                containers.put(made, values, node, frame, place=place, made_by=made_by)
        if given.is_open:
            heap.put(made, (node, "rest"), given.rest, many=True)
            heap.loosen(made)
        if path.endswith("Sequential"):
            unit = Unit(made, "applied by anybody")
            self.interpreter.worklist.add(unit, partial(self._apply_openly, made, node, frame))

    def _apply_openly(self, value: Value, node: ast.AST, frame: Frame) -> None:
        """Apply a container for whoever may, to anything."""
        anything = frozenset((self.interpreter.intern(Parameter, node, "input"),))
        self._through(value, Arguments((anything,)), node, frame, "anybody")

    def register(
        self, container: Value, name: str, values: Values, node: ast.AST, frame: Frame
    ) -> None:
        """Have a container of torch apply what becomes an attribute of it, if that is a module."""
        modules = frozenset(each for each in values if self.is_module(each))
        if modules:
            self.interpreter.heap.put(
                container, (node, name), modules, name, bool(frame.loops), node
            )

    def is_module(self, value: Value) -> bool:
        """Whether something is a module of torch, or of the project."""
        if isinstance(value, Object):
            return torch_api.is_nn_class(value.kind)
        return isinstance(value, Instance)

    # --- applying them -----------------------------------------------------------------------

    def apply(
        self, value: Instance | Object, given: Arguments, node: ast.AST, frame: Frame, step: object
    ) -> Values:
        """What calling a module gives."""
        interpreter = self.interpreter
        if isinstance(value, Object):
            if interpreter.heap.is_container(value) and value.kind.endswith("Sequential"):
                interpreter.use((value,), "call", node, frame)
                return self._through(value, given, node, frame, step)
            if not torch_api.is_nn_class(value.kind):
                interpreter.use((value,), "call", node, frame)
                for values in given.all():
                    interpreter.escape(values, node, frame, value.kind)
                return frozenset((interpreter.made_at(node, STRANGE, frame),))
            return interpreter.calls.tensors.applied(value, given, node, frame, step)
        return self._forward(value, given, node, frame, step)

    def _forward(
        self, value: Instance, given: Arguments, node: ast.AST, frame: Frame, step: object
    ) -> Values:
        """What calling an instance of a class of the project gives."""
        interpreter, calls = self.interpreter, self.interpreter.calls
        for name in ("__call__", "forward"):
            function = calls.method_of(value.cls, name)
            if function is None:
                continue
            results = calls.run(function, given.behind(frozenset((value,))), node, frame)
            return self._given_back(results, value, given, node, frame, step)
        if any(each in _HOLDING for each in value.cls.externals):
            interpreter.use((value,), "call", node, frame)
            return self._through(value, given, node, frame, step)
        if any(torch_api.is_nn_class(each) for each in value.cls.externals):
            return calls.tensors.applied(value, given, node, frame, step)
        interpreter.use((value,), "call", node, frame)
        for values in given.all():
            interpreter.escape(values, node, frame, value.cls.name)
        return ANYTHING

    def _given_back(
        self,
        results: Values,
        value: Instance,
        given: Arguments,
        node: ast.AST,
        frame: Frame,
        step: object,
    ) -> Values:
        """The results of a forward, as they are where it is called."""
        interpreter, tensors = self.interpreter, self.interpreter.calls.tensors
        made: set[Value] = set()
        for each in results:
            if isinstance(each, (Tensor, Parameter, Unknown)):
                made |= tensors.applied(value, given, node, frame, step)
            elif isinstance(each, Object) and interpreter.heap.is_container(each):
                kind = f"{each.kind} of results"
                own = interpreter.intern(Object, node, kind, frame.context, frame.owner)
                interpreter.heap.make_container(own)
                for place, slot in enumerate(interpreter.heap.slots(each)):
                    parts = tensors.applied(value, given, node, frame, (step, place))
                    interpreter.heap.put(own, place, parts, slot.name, slot.many)
                if interpreter.heap.is_loose(each):
                    interpreter.heap.loosen(own)
                made.add(own)
            else:
                made.add(each)
        if not made:
            interpreter.use((value,), "call", node, frame)
        return frozenset(made)

    def _through(
        self, value: Value, given: Arguments, node: ast.AST, frame: Frame, step: object
    ) -> Values:
        """What a Sequential gives: each item is applied to what the one before gives."""
        if value in self._applying:  # it holds itself, as far as that is known
            tensors = self.interpreter.calls.tensors
            return tensors.any_of(given.get(0, "input"), node, frame, (value, "itself"))
        self._applying.add(value)
        try:
            return self._each(value, given.get(0, "input"), node, frame, step)
        finally:
            self._applying.discard(value)

    def _each(
        self, value: Value, current: Values, node: ast.AST, frame: Frame, step: object
    ) -> Values:
        interpreter = self.interpreter
        slots = interpreter.heap.slots(value)
        if interpreter.heap.is_loose(value):
            return self._in_any_order(value, slots, current, node, frame, step)
        number = 0
        while number < len(slots):
            group = [slots[number]]
            while slots[number].many and number + 1 < len(slots) and slots[number + 1].many:
                number += 1
                group.append(slots[number])
            number += 1
            current = self._group(group, current, node, frame, (value, step, number))
        return current

    def _in_any_order(
        self,
        value: Value,
        slots: list[Slot],
        current: Values,
        node: ast.AST,
        frame: Frame,
        step: object,
    ) -> Values:
        """What comes of items of which any may follow any: one tensor stands for all between."""
        tensors = self.interpreter.calls.tensors
        between = tensors.any_of(current, node, frame, (value, step))
        for slot in slots:
            result = self._step(slot, between, node, frame, (value, step))
            tensors.any_of(result, node, frame, (value, step))
        return between

    def _group(
        self, group: list[Slot], current: Values, node: ast.AST, frame: Frame, step: object
    ) -> Values:
        """What comes of one item, or of some that a loop puts in any number of times."""
        if not group[0].many:
            return self._step(group[0], current, node, frame, step)
        for _ in range(_MOST_ROUNDS):
            result = current
            for place, slot in enumerate(group):
                result = self._step(slot, result, node, frame, (step, place))
            if result <= current:
                break
            current |= result
        return current

    def _step(
        self, slot: Slot, current: Values, node: ast.AST, frame: Frame, step: object
    ) -> Values:
        calls = self.interpreter.calls
        given = Arguments((current,))
        return union(
            current if isinstance(each, Constant) else calls.call(each, given, node, frame, step)
            for each in slot.values
        )

    # --- their methods -----------------------------------------------------------------------

    def method(
        self, value: Value, name: str, given: Arguments, node: ast.AST, frame: Frame
    ) -> Values:
        """What a method that a module has from torch does."""
        interpreter = self.interpreter
        if name.startswith("super."):
            name = name.removeprefix("super.")
            if name == "__init__" and isinstance(value, Instance):
                self.construct(value, given, node, frame)
                return interpreter.constant(None)
            if name == "forward" and isinstance(value, Instance):
                return self._forward_of_base(value, given, node, frame)
            if name == "__setattr__" and isinstance(value, Instance):
                name = "__setattr__"
        if name == "forward" and isinstance(value, (Instance, Object)):
            return self.apply(value, given, node, frame, "forward")
        if name in ("add_module", "register_module", "__setattr__"):
            return self._add(value, given, node, frame)
        if name in torch_api.GIVES_SELF:
            if name == "apply":
                self._apply_function(value, given, node, frame)
            return frozenset((value,))
        if name in torch_api.WALKS:
            interpreter.use((value,), "read", node, frame, name=f"*{name}")
            return self._walk(value, name, node, frame)
        if name in ("load_state_dict", *torch_api.HARMLESS_METHODS):
            for values in given.all():
                interpreter.use(values, "argument", node, frame)
            return ANYTHING
        if isinstance(value, ClassValue) and name == "__init__":
            for each in given.get(0, ""):
                if isinstance(each, Instance):
                    rest = Arguments(given.positional[1:], given.named, given.rest, given.is_open)
                    self.construct(each, rest, node, frame)
            return interpreter.constant(None)
        interpreter.use((value,), "escape", node, frame, name=name)
        for values in given.all():
            interpreter.escape(values, node, frame, name)
        return ANYTHING

    def _forward_of_base(
        self, value: Instance, given: Arguments, node: ast.AST, frame: Frame
    ) -> Values:
        if any(each in _HOLDING for each in value.cls.externals):
            return self._through(value, given, node, frame, "super")
        return self.interpreter.calls.tensors.applied(value, given, node, frame, "super")

    def _add(self, value: Value, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        """``add_module(name, module)``."""
        interpreter = self.interpreter
        values = given.get(1, "module") | given.get(9, "value")
        names = given.get(0, "name")
        known = next(iter(names), None) if len(names) == 1 else None
        name = known.value if isinstance(known, Constant) else None
        interpreter.use((value,), "write", node, frame, name=str(name or "*"))
        if interpreter.heap.is_container(value):
            containers = interpreter.calls.containers
            made_by = next(iter(_expressions(node)[1:]), None)
            named = str(name) if name is not None else None
            containers.put(value, values, node, frame, name=named, made_by=made_by)
        else:
            interpreter.lookups.store_named(value, str(name or "*"), values, node, frame)
        return interpreter.constant(None)

    def _apply_function(self, value: Value, given: Arguments, node: ast.AST, frame: Frame) -> None:
        """``module.apply(function)``: it is called with each module there is in it."""
        calls = self.interpreter.calls
        for function in given.get(0, "fn"):
            self.interpreter.use((value,), "read", node, frame, name="*apply")
            calls.call(function, Arguments((ANYTHING,)), node, frame)

    def _walk(self, value: Value, name: str, node: ast.AST, frame: Frame) -> Values:
        """What ``children()`` and the like go over."""
        interpreter = self.interpreter
        made = interpreter.container(node, "builtins.list", frame)
        kind = torch_api.WALKS[name]
        if kind != "children":
            interpreter.heap.put(made, "any", ANYTHING, many=True)
            interpreter.heap.loosen(made)
            return frozenset((made,))
        parts = [(slot.values, slot.many) for slot in interpreter.heap.slots(value)]
        if not parts:
            held = interpreter.heap.attributes(value)
            parts = [(values, False) for _, values in held if any(map(self.is_module, values))]
        for place, (values, many) in enumerate(parts):
            modules = frozenset(each for each in values if self.is_module(each)) or ANYTHING
            if name == "named_children":
                pair = interpreter.intern(
                    Object, node, f"builtins.tuple {place}", frame.context, frame.owner
                )
                interpreter.calls.containers.tuple_of(pair, [ANYTHING, modules])
                modules = frozenset((pair,))
            interpreter.heap.put(made, place, modules, many=many)
        return frozenset((made,))


_HOLDING = torch_api.CONTAINERS | torch_api.MAPPINGS
_HARMLESS_BASES = frozenset(("torch.nn.Module", "builtins.object", "abc.ABC", "typing.NamedTuple"))


def _expressions(node: ast.AST) -> list[ast.expr]:
    """The arguments of a call as they stand there."""
    return [*node.args] if isinstance(node, ast.Call) else []


__all__ = ["UNKNOWN", "Bound", "Modules", "Super"]
