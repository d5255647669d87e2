"""Modules: those of torch, those of the project, and those that hold others."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import partial
from typing import Final

from .. import torch_api
from .arguments import Arguments, last_argument
from .attributes import Attributes
from .containers import Containers
from .frames import Frame
from .heap import BY_ANY_NAME, Slot
from .interpreter import Interpreter
from .iteration import Iteration
from .sequences import Sequences
from .tensors import Tensors
from .values import (
    ANYTHING,
    NOTHING,
    Bound,
    ClassValue,
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
from .worklist import Unit


@dataclass(eq=False)
class Modules:
    """Interprets what is done with modules."""

    interpreter: Interpreter
    attributes: Attributes
    containers: Containers
    iteration: Iteration
    tensors: Tensors
    walks: Walks

    def __post_init__(self) -> None:
        self._sequences = Sequences(self.interpreter)
        self._filled: dict[Value, tuple[object, ...]] = {}

    # --- making them -------------------------------------------------------------------------

    def make(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        """An instance of a class of torch.nn."""
        interpreter = self.interpreter
        made = interpreter.made_at(node, path, frame)
        before = interpreter.given.get(made)
        interpreter.given[made] = given if before is None else before.or_else(given)
        if path in torch_api.HOLDING:
            self._fill(made, path, given, node, frame)
            return frozenset((made,))
        for values in given.all():
            interpreter.use(values, "argument", node, frame, by=interpreter.external(path))
            interpreter.escape(filter(_is_called, values), node, frame, path)
        if torch_api.WRAPS_MODULE.fullmatch(path):
            interpreter.heap.store(made, "module", given.get(0, "module"))
        return frozenset((made,))

    def construct(self, value: Instance, given: Arguments, node: ast.AST, frame: Frame) -> None:
        """Construct an instance by the constructor of a class that lies outside."""
        held = next((each for each in value.cls.externals if each in torch_api.HOLDING), None)
        if held is not None:
            self._fill(value, held, given, node, frame)
            return
        for values in given.all():
            self.interpreter.escape(values, node, frame, value.cls.name)

    def _fill(self, made: Value, path: str, given: Arguments, node: ast.AST, frame: Frame) -> None:
        """Put what its constructor is given into a container of torch."""
        interpreter = self.interpreter
        heap, iteration = interpreter.heap, self.iteration
        interpreter.born(made, frame)
        key = node, frame.context
        if self._filled.setdefault(made, key) != key:
            heap.loosen(made)
        own = made.cls if isinstance(made, Instance) else None
        if path.endswith("Sequential") and not (own and interpreter.of_class_body(own, "forward")):
            unit = Unit(made, "applied by anybody")
            interpreter.worklist.add(unit, partial(self._apply_openly, made, node, frame))
        if given.is_open and not (given.items and path.endswith("Sequential")):
            interpreter.unknown(given, node, frame, path)
            rest = Slot(given.rest | ANYTHING, many=True, is_optional=True)
            heap.put(made, (node, "rest"), rest)
            heap.loosen(made)
            return
        first = given.positional[0] if len(given.positional) == 1 and not given.is_open else NOTHING
        dicts = first and all(
            getattr(each, "kind", "").endswith(("dict", "Dict")) for each in first
        )
        named = given.named.get("modules", NOTHING) | given.named.get("parameters", NOTHING)
        if path in torch_api.MAPPINGS or (dicts and path.endswith("Sequential")):
            self._extend(made, iteration.entries(first or named, node, frame), frame, node)
        elif path.endswith("List"):
            self._extend(made, interpreter.items(first or named, node, frame), frame, node)
        else:
            items = given.items or tuple(Slot(each) for each in given.positional)
            self._extend(made, [*items], frame, node)
            if given.is_loose:
                heap.loosen(made)
        if any(map(heap.is_loose, first or named)) or len(first or named) > 1:
            if path in torch_api.MAPPINGS or dicts or path.endswith("List"):
                heap.loosen(made)

    def _apply_openly(self, value: Value, node: ast.AST, frame: Frame) -> None:
        """Apply a container for whoever may, to anything."""
        anything = frozenset((self.interpreter.intern(Parameter, node, "input"),))
        self._sequences.through(value, Arguments((anything,)), node, frame, "anybody")

    def _extend(self, made: Value, slots: list[Slot], frame: Frame, node: ast.AST) -> None:
        interpreter = self.interpreter
        for place, slot in enumerate(slots):
            interpreter.put(made, (node, frame.context, frame.turns, place), slot, frame)
            if slot.name is not None:
                interpreter.heap.store(made, str(slot.name), slot.values)

    # --- applying them -----------------------------------------------------------------------

    def apply(
        self, value: Instance | Object, given: Arguments, node: ast.AST, frame: Frame, step: object
    ) -> Values:
        """What calling a module gives."""
        interpreter = self.interpreter
        if isinstance(value, Instance):
            return self._forward(value, given, node, frame, step)
        if interpreter.heap.is_container(value) and value.kind.endswith("Sequential"):
            interpreter.use((value,), "call", node, frame)
            return self._sequences.through(value, given, node, frame, step)
        if torch_api.is_nn_class(value.kind):
            return self.tensors.applied(value, given, node, frame, step)
        interpreter.use((value,), "call", node, frame)
        interpreter.escape((value,), node, frame, "()")
        return interpreter.unknown(given, node, frame, value.kind)

    def _forward(
        self, value: Instance, given: Arguments, node: ast.AST, frame: Frame, step: object
    ) -> Values:
        """What calling an instance of a class of the project gives."""
        interpreter = self.interpreter
        of_body = interpreter.of_class_body
        stored = interpreter.heap.attribute(value, "forward")
        found = of_body(value.cls, "__call__") or of_body(value.cls, "forward") | stored
        if not found:
            return self._of_base(value, given, node, frame, step)
        results: Values = NOTHING
        for each in found:
            inner = given.behind(frozenset((value,)))
            is_method = isinstance(each, Function) and each.owner is not None
            results |= interpreter.call(each, inner if is_method else given, node, frame)
        return self._given_back(results, value, given, node, frame, step)

    def _of_base(
        self, value: Instance, given: Arguments, node: ast.AST, frame: Frame, step: object
    ) -> Values:
        """What the forward of a class outside of the project gives."""
        interpreter, bases = self.interpreter, value.cls.externals
        if any(each in torch_api.HOLDING for each in bases):
            interpreter.use((value,), "call", node, frame)
            return self._sequences.through(value, given, node, frame, step)
        if value.cls.is_known and bases and all(map(torch_api.is_nn_class, bases)):
            return self.tensors.applied(value, given, node, frame, step)
        interpreter.use((value,), "call", node, frame)
        return interpreter.unknown(given, node, frame, value.cls.name)

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
        interpreter = self.interpreter
        heap, applied = interpreter.heap, self.tensors.applied
        made: set[Value] = set()
        for each in results:
            if isinstance(each, (Tensor, Parameter, Unknown)):
                made |= applied(value, given, node, frame, step, frozenset((each,)))
            elif isinstance(each, Object) and heap.is_container(each) and each.site is not node:
                kind = each.kind.removesuffix(_RESULTS) + _RESULTS
                own = interpreter.intern(Object, node, kind, frame.context, frame.owner)
                heap.make_container(own)
                for place, slot in enumerate(heap.slots(each)):
                    parts = self._parts(slot.values, value, given, node, frame, (step, place))
                    inner = Slot(parts, slot.name, slot.many, None, slot.is_optional)
                    heap.put(own, place, inner)
                if heap.is_loose(each):
                    heap.loosen(own)
                made.add(own)
            else:
                made.add(each)
        if not any(isinstance(each, Tensor) and each.producer is value for each in made):
            interpreter.use((value,), "call", node, frame)
        return frozenset(made)

    def _parts(
        self,
        values: Values,
        value: Instance,
        given: Arguments,
        node: ast.AST,
        frame: Frame,
        step: object,
    ) -> Values:
        """One of several results of a forward: a tensor is the module's own."""
        plain = frozenset(each for each in values if isinstance(each, (Tensor, Parameter, Unknown)))
        if not plain:
            return values
        applied = self.tensors.applied(value, given, node, frame, step)
        return applied | (values - plain)

    # --- their methods -----------------------------------------------------------------------

    def method(
        self, value: Value, name: str, given: Arguments, node: ast.AST, frame: Frame
    ) -> Values:
        """What a method that a module has from torch does."""
        interpreter = self.interpreter
        is_super = name.startswith("super.")
        name = name.removeprefix("super.")
        if name == "__init__" and is_super and isinstance(value, Instance):
            self.construct(value, given, node, frame)
            return interpreter.constant(None)
        if name == "__call__" and is_super and isinstance(value, ClassValue):
            return interpreter.call(value, given, node, frame)  # in a metaclass
        if name in ("forward", "__call__") and isinstance(value, (Instance, Object)):
            if is_super and isinstance(value, Instance):
                return self._of_base(value, given, node, frame, "super")
            return self.apply(value, given, node, frame, name)
        if name == "_conv_forward" and isinstance(value, Instance):
            return self._of_base(value, given, node, frame, "super")
        if name == "__getattr__" and is_super:
            asked = only_text(given.get(0, "name"))
            stored = interpreter.heap.attribute(value, asked) if asked is not None else NOTHING
            if stored:
                interpreter.use((value,), "read", node, frame, name=asked or "")
                return stored
        if name in torch_api.ADDS:
            return self._add(value, given, node, frame)
        if name == "set_submodule":
            return self._set_at_path(value, given, node, frame)
        if name in torch_api.GIVES_SELF:
            if name == "apply":
                self.walks.apply_to_all(value, given, node, frame)
            return frozenset((value,))
        if name in torch_api.BY_PATH:
            return self.walks.by_path(value, name, given, node, frame)
        if name in torch_api.WALKS:
            return self.walks.over((value,), name, node, frame)
        is_reset = name in torch_api.RESETS and torch_api.is_nn_class(getattr(value, "kind", ""))
        if name in torch_api.HARMLESS_METHODS or is_reset:
            for values in given.all():
                interpreter.use(values, "argument", node, frame)
            return ANYTHING
        if name == "__init__" and isinstance(value, ClassValue):
            for each in given.get(0, ""):
                if isinstance(each, Instance):
                    self.construct(each, given.without_first(), node, frame)
            return interpreter.constant(None)
        if not is_super and self._surely_lacks(value, name):
            return interpreter.nothing_yet()  # it raises
        interpreter.escape((value,), node, frame, name)
        return interpreter.unknown(given, node, frame, name)

    def _surely_lacks(self, value: Value, name: str) -> bool:
        """Whether something has no such method."""
        kinds: tuple[str, ...] = ()
        if isinstance(value, Object):
            kinds = (value.kind,)
        elif isinstance(value, Instance) and value.cls.is_known:
            kinds = value.cls.externals
        return bool(kinds) and not any(torch_api.may_have_method(each, name) for each in kinds)

    def _set_at_path(self, value: Value, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        """``set_submodule(path, module)``; any module may be another one if the path is unknown."""
        path = only_text(given.get(0, "target"))
        around, _, name = (path or BY_ANY_NAME).rpartition(".")
        for each in self.walks.at_path((value,), around, node, frame):
            self.interpreter.use((each,), "write", node, frame, name=name)
            self.attributes.store_named(each, name, given.get(1, "module"), node, frame)
        return self.interpreter.constant(None)

    def _add(self, value: Value, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        """``add_module(name, module)`` and the like."""
        interpreter = self.interpreter
        values = given.get(1, "module")
        for keyword in ("param", "tensor", "value"):
            values |= given.named.get(keyword, NOTHING)
        name = only_text(given.get(0, "name"))
        interpreter.use((value,), "write", node, frame, name=name or "*")
        if interpreter.heap.is_container(value):
            made_by = last_argument(node)
            self.containers.put(value, values, node, frame, name=name, made_by=made_by)
        else:
            self.attributes.store_named(value, name or "*", values, node, frame)
        return interpreter.constant(None)


_RESULTS: Final = " of results"


def _is_called(value: Value) -> bool:
    """Whether a value is a module or a function, or leads to one."""
    if isinstance(value, Bound):
        return value.function is not None
    return isinstance(value, (Instance, Object, Function, Partial))
