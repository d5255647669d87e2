"""What calls of builtins, torch and other packages do."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Final

from .. import torch_api
from ..reading.mentions import pattern_of
from .arguments import AnyFunction, Arguments, parameters
from .attributes import Attributes
from .containers import Containers
from .folding import folded_call
from .frames import Frame
from .functions import Functions
from .heap import BY_ANY_NAME, Slot, union
from .interpreter import Interpreter
from .library import Known, Library
from .lookups import Lookups
from .modules import Modules
from .new_containers import NewContainers
from .partials import Partials
from .tensors import Tensors
from .values import (
    ANYTHING,
    NOTHING,
    STRANGE,
    Bound,
    ClassValue,
    External,
    Function,
    Instance,
    Object,
    Partial,
    Super,
    Value,
    Values,
    only_constant,
    only_text,
    texts,
)

_COPIES: Final = {
    "builtins.list": "builtins.list",
    "builtins.tuple": "builtins.tuple",
    "builtins.iter": "builtins.list",
    "collections.deque": "builtins.list",
}
_LOOSE_COPIES: Final = {
    "builtins.set": "builtins.set",
    "builtins.frozenset": "builtins.set",
    "builtins.sorted": "builtins.list",
}
_DICTS: Final = ("builtins.dict", "collections.OrderedDict", "typing.OrderedDict")
_BASES: Final = ("builtins.object", "torch.nn.Module")
_MOST_NUMBERS: Final = 12
_OURS: Final = (ClassValue, Function, Instance, Object, Partial)
"""What may be of the project in what a library gives that is given it."""


@dataclass(eq=False)
class Builtins:
    """Interprets calls of what lies outside of the project."""

    interpreter: Interpreter
    attributes: Attributes
    containers: Containers
    functions: Functions
    lookups: Lookups
    modules: Modules
    new_containers: NewContainers
    library: Library
    partials: Partials
    tensors: Tensors

    def __post_init__(self) -> None:
        many, self._inside = 99, self.attributes.walks.insides
        self._known: dict[str, Known] = {
            **dict.fromkeys(_COPIES, Known(self._copy, 0, 1)),
            **dict.fromkeys(_LOOSE_COPIES, Known(self._loose_copy, 0, 1, ("key", "reverse"))),
            "builtins.zip": Known(self._zip, 0, many, ("strict",)),
            "builtins.enumerate": Known(self._enumerate, 1, 2, ("start",)),
            "builtins.reversed": Known(self._reversed, 1, 1),
            "builtins.range": Known(self._range, 1, 3),
            "builtins.super": Known(self._super, 0, 2),
            "builtins.getattr": Known(self._getattr, 2, 3),
            "builtins.setattr": Known(self._setattr, 3, 3),
            "unittest.mock.patch.object": Known(self._setattr, 3, 3),
            "builtins.delattr": Known(self._delattr, 2, 2),
            **{f"{each}.__setattr__": Known(self._setattr, 3, 3) for each in _BASES},
            **{f"{each}.__delattr__": Known(self._delattr, 2, 2) for each in _BASES},
            "builtins.hasattr": Known(self._hasattr, 2, 2),
            "builtins.next": Known(self._next, 1, 2),
            "builtins.map": Known(self._map, 2, many),
            **dict.fromkeys(("builtins.max", "builtins.min"), Known(self._one_of, 1, many)),
            "builtins.sum": Known(self._sum, 1, 2, ("start",)),
            "builtins.abs": Known(self._sum, 1, 1),
            "builtins.pow": Known(self._sum, 2, 2),
            "builtins.locals": Known(self._locals, 0, 0),
            "builtins.vars": Known(self._vars, 0, 1),
            "builtins.globals": Known(self._globals, 0, 0),
            "builtins.type": Known(self._type, 1, 1),
            "functools.partial": Known(self._partial, 1, many, ("*",)),
            "copy.copy": Known(self._copied, 1, 1),
            "copy.deepcopy": Known(self._copied, 1, 2),
            **self.library.known,
        }

    def call(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        """What calling something that lies outside of the project gives."""
        interpreter = self.interpreter
        if path in ("builtins.eval", "builtins.exec"):
            interpreter.heap.patched[node] = path
            self._variables_escape(path, node, frame)
            self._globals(path, given, node, frame)
        constants = [only_constant(each) for each in given.positional]
        if not given.is_open and not given.named and None not in constants:
            result = folded_call(path, (each.value for each in constants if each is not None))
            if isinstance(result, (int, float)):
                return interpreter.constant(result)
        if path in _DICTS and not given.is_open and len(given.positional) < 2:
            return self._dict(given, node, frame)
        known = self._known.get(path)
        is_partial = path == "functools.partial" and bool(given.positional)
        if known is not None and (is_partial or not given.is_open):
            others = [] if "*" in known.names else given.named.keys() - {*known.names}
            if known.least <= len(given.positional) <= known.most and not others:
                return known.do(path, given, node, frame)
        if path == torch_api.TRACE or torch_api.CHANGES_ALL.fullmatch(path):
            interpreter.heap.patched[node] = path
        owner, _, method = path.rpartition(".")
        if torch_api.is_module_class(owner) and given.positional:
            return self._unbound(method, given, node, frame)
        if torch_api.is_nn_class(path):
            return self.modules.make(path, given, node, frame)
        if path in torch_api.FUNCTIONS:
            for values in given.all():
                parts = [each for each in values if isinstance(each, (Bound, Object))]
                interpreter.use(parts, "argument", node, frame, by=interpreter.external(path))
            return self.tensors.function(path, given, node, frame)
        is_context = torch_api.CONTEXTS.fullmatch(path)
        if (
            is_context
            or torch_api.INITIALISERS.fullmatch(path)
            or torch_api.HARMLESS.fullmatch(path)
        ):
            for values in given.all():
                interpreter.use(values, "argument", node, frame, by=interpreter.external(path))
            if is_context:
                return frozenset((interpreter.made_at(node, path, frame),))
            return ANYTHING
        for values in given.all():
            interpreter.escape(values, node, frame, path)
        if torch_api.GIVES_MODULE.fullmatch(path) and given.get(0, "module"):
            return given.get(0, "module")
        is_ours = any(isinstance(one, _OURS) for each in given.all() for one in each)
        is_told = torch_api.is_class(path) or (torch_api.OF_OTHERS.match(path) and not is_ours)
        kind = path if is_told else STRANGE
        return frozenset((interpreter.made_at(node, kind, frame),))

    def _unbound(self, name: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        """A method of a class of torch that is given its object: ``nn.Module.__init__(self)``."""
        interpreter, rest = self.interpreter, given.without_first()
        return union(
            self.modules.method(each, f"super.{name}", rest, node, frame)
            if isinstance(each, (Instance, Object))
            else interpreter.unknown(given, node, frame, name)
            for each in given.positional[0]
        )

    # --- containers --------------------------------------------------------------------------

    def _copy(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        return self.new_containers.copied(given.get(0, ""), _COPIES[path], node, frame)

    def _loose_copy(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        interpreter = self.interpreter
        kind = _LOOSE_COPIES[path]
        made = self.new_containers.copied(given.get(0, ""), kind, node, frame)
        for each in made:
            interpreter.heap.loosen(each)
            for key in given.named.get("key", NOTHING):
                one = Arguments((interpreter.heap.item(each, None),))
                interpreter.call(key, one, node, frame)
        return made

    def _dict(self, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        interpreter = self.interpreter
        made = interpreter.container(node, "builtins.dict", frame)
        if given.positional:
            self.containers.extend(made, given.positional[0], node, frame)
        for name, values in given.named.items():
            interpreter.heap.put(made, None, Slot(values, name))
        return frozenset((made,))

    def _zip(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        self._note(path, given, node, frame)
        return self.new_containers.rows([*given.positional], node, frame)

    def _enumerate(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        containers, first = self.new_containers, given.positional[0]
        self._note(path, given, node, frame)
        is_from_0 = len(given.positional) == 1 and not given.named
        numbers = containers.numbered(first, node, frame, is_from_0)
        return containers.rows([numbers, first], node, frame)

    def _reversed(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        copied = self.new_containers.copied
        return copied(given.positional[0], "builtins.list", node, frame, backwards=True)

    def _range(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        interpreter = self.interpreter
        made = interpreter.container(node, "builtins.list", frame)
        bounds: list[int] = []
        for known in map(only_constant, given.positional):
            if known is not None and isinstance(known.value, int):
                bounds.append(known.value)
        is_known = len(bounds) == len(given.positional) and bounds[2:] != [0]
        numbers = range(*bounds) if is_known else range(0)
        if not is_known or len(numbers) > _MOST_NUMBERS:
            slot = Slot(ANYTHING, many=True, is_optional=True)
            interpreter.heap.put(made, "any", slot)
            return frozenset((made,))
        for place, number in enumerate(numbers):
            interpreter.heap.put(made, place, Slot(interpreter.constant(number)))
        return frozenset((made,))

    def _next(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        self._note(path, given, node, frame)
        slots = self.interpreter.items(given.positional[0], node, frame)
        return union(slot.values for slot in slots) | given.get(1, "")

    def _note(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> None:
        """Note that a function goes over what it is given."""
        by = self.interpreter.external(path)
        for values in given.positional:
            self.interpreter.use(values, "argument", node, frame, by=by)

    def _map(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        interpreter = self.interpreter
        made = interpreter.container(node, "builtins.list", frame)
        items = [
            union(slot.values for slot in interpreter.items(each, node, frame))
            for each in given.positional[1:]
        ]
        result = union(
            [
                interpreter.call(each, Arguments(tuple(items)), node, frame)
                for each in given.positional[0]
            ]
        )
        interpreter.heap.put(made, "any", Slot(result, many=True, is_optional=True))
        return frozenset((made,))

    def _one_of(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        """``max`` and ``min``: one of what is given, or of its items."""
        found = union(given.positional)
        if len(given.positional) == 1:
            slots = self.interpreter.items(found, node, frame)
            found = union(slot.values for slot in slots)
        self.interpreter.use(found, "compare", node, frame)
        return found | ANYTHING

    def _sum(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        operands = [*given.all()]
        if path == "builtins.sum":
            slots = self.interpreter.items(operands[0], node, frame)
            operands += [slot.values for slot in slots]
            operands = operands[1:]
        return self.tensors.operation(node, operands, frame)

    # --- attributes and names ----------------------------------------------------------------

    def _super(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        interpreter = self.interpreter
        around: Frame | None = frame
        while around is not None and around.cls is None:
            around = around.parent
        if around is None or around.cls is None:
            interpreter.unknown(given, node, frame, path)
            return ANYTHING
        assert isinstance(around.node, AnyFunction)
        first = next(iter(parameters(around.node)), "")
        receivers = given.get(1, "") or around.every.get(first, NOTHING)
        found: Values = frozenset(
            interpreter.intern(Super, receiver, each.cls)
            for each in given.get(0, "") or interpreter.of_class(around.cls)
            for receiver in receivers
            if isinstance(each, ClassValue) and isinstance(receiver, (Instance, ClassValue))
        )
        if not found:
            interpreter.unknown(given, node, frame, path)
        return found or ANYTHING

    def _getattr(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        interpreter = self.interpreter
        receivers, name = given.positional[0], only_text(given.positional[1])
        default = given.get(2, "")
        if name is not None and name.isidentifier():
            attribute = interpreter.attribute_node(node, name)
            return interpreter.read(attribute, receivers, frame) | default
        interpreter.use(receivers, "read", node, frame, name=BY_ANY_NAME)
        is_called = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "getattr"
        computed = node.args[1:2] if isinstance(node, ast.Call) and is_called else []
        like = re.compile("".join(map(pattern_of, computed)) or ".*", re.DOTALL)
        found: Values = default
        for receiver in receivers:
            if isinstance(receiver, Instance):
                for each, values in interpreter.heap.attributes(receiver):
                    found |= values if each == BY_ANY_NAME or like.fullmatch(each) else NOTHING
                found |= union(slot.values for slot in interpreter.heap.slots(receiver))
                for each in receiver.cls.functions:
                    self.functions.want(receiver, each)
            elif not isinstance(receiver, External):
                found |= union(slot.values for slot in interpreter.heap.slots(receiver))
                interpreter.noted(node, BY_ANY_NAME)
        return found | ANYTHING

    def _setattr(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        receivers, text, values = given.positional
        for name in texts(text) or [BY_ANY_NAME]:
            self.interpreter.use(receivers, "write", node, frame, name=name)
            for receiver in receivers:
                self.attributes.store_named(receiver, name, values, node, frame)
        return self.interpreter.constant(None)

    def _delattr(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        name = only_text(given.positional[1]) or BY_ANY_NAME
        self.interpreter.use(given.positional[0], "write", node, frame, name=name)
        self.interpreter.noted(node, name)
        return self.interpreter.constant(None)

    def _hasattr(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        self.interpreter.use(given.positional[0], "read", node, frame, name="*hasattr")
        return ANYTHING

    def _locals(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        """A dict of the variables of a function; to change it changes none of these."""
        interpreter = self.interpreter
        if frame.holder is not None:
            self._variables_escape(path, node, frame)
            return interpreter.strange(node, frame)
        made = interpreter.container(node, "builtins.dict", frame)
        around: Frame | None = frame
        while around is not None and around.parent is not None:
            for name, values in [*around.every.items()]:
                around.worklist.read((around, name))
                interpreter.heap.put(made, name, Slot(values, name))
            around = around.parent
        return frozenset((made,))

    def _variables_escape(self, path: str, node: ast.AST, frame: Frame) -> None:
        for values in [*frame.every.values()]:
            self.interpreter.escape(values, node, frame, path)

    def _vars(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        if not given.positional:
            return self._locals(path, given, node, frame)
        found = [self._inside(each, node, frame) for each in given.positional[0]]
        return self.interpreter.unknown(given, node, frame, path).union(*found)

    def _globals(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        interpreter = self.interpreter
        for name in frame.module.bindings:
            if name != "*":
                values = self.lookups.of_module(frame.module, name)
                interpreter.escape(values, node, frame, path)
        return interpreter.strange(node, frame)

    def _type(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        interpreter, values = self.interpreter, given.positional[0]
        interpreter.use(values, "argument", node, frame, by=interpreter.external(path))
        return union(self.attributes.class_of(each) for each in values)

    # --- other functions ---------------------------------------------------------------------

    def _partial(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        return self.partials.made(given, node, frame)

    def _copied(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        """A copy of an object is an object of the same kind, made there."""
        interpreter, values = self.interpreter, given.positional[0]
        interpreter.use(values, "argument", node, frame, by=interpreter.external(path))
        made: set[Value] = set()
        for value in values:
            if not isinstance(value, Object):
                made.add(value)
            elif interpreter.heap.is_container(value):
                one = frozenset((value,))
                made |= self.new_containers.copied(one, value.kind, node, frame)
            else:
                copy = interpreter.made_at(node, value.kind, frame)
                interpreter.copies.setdefault(value, {})[copy] = None
                if value in interpreter.given:
                    before = interpreter.given.get(copy, interpreter.given[value])
                    interpreter.given[copy] = before.or_else(interpreter.given[value])
                made.add(copy)
        return frozenset(made)
