"""What calls of builtins, torch and other packages do."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from .. import torch_api
from .arguments import Arguments
from .heap import union
from .values import (
    ANYTHING,
    NOTHING,
    STRANGE,
    ClassValue,
    Constant,
    External,
    Instance,
    Super,
    Unknown,
    Value,
    Values,
)

if TYPE_CHECKING:
    from .frames import Frame
    from .interpreter import Interpreter

_COPIES: Final = {
    "builtins.list": "builtins.list",
    "builtins.tuple": "builtins.tuple",
    "builtins.iter": "builtins.list",
    "collections.deque": "builtins.list",
    "itertools.chain.from_iterable": "builtins.list",
}
_LOOSE_COPIES: Final = frozenset(("builtins.set", "builtins.frozenset", "builtins.sorted"))
_DICTS: Final = frozenset(("builtins.dict", "collections.OrderedDict", "typing.OrderedDict"))
_MOST_NUMBERS: Final = 12


def call(
    interpreter: Interpreter, path: str, given: Arguments, node: ast.AST, frame: Frame
) -> Values:
    """What calling something that lies outside of the project gives."""
    containers = interpreter.calls.containers
    first = given.get(0, "")
    if path in _COPIES:
        return containers.copied(first, _COPIES[path], node, frame)
    if path in _LOOSE_COPIES:
        made = containers.copied(first, "builtins.list", node, frame)
        for each in made:
            interpreter.heap.loosen(each)
        return made
    if path in _DICTS:
        made = containers.from_pairs(first, "builtins.dict", node, frame)
        for name, values in given.named.items():
            for each in made:
                interpreter.heap.put(each, ("named", name), values, name)
        return made
    match path:
        case "builtins.zip":
            return containers.rows([*given.positional], node, frame)
        case "builtins.enumerate":
            numbers = containers.numbered(first, node, frame)
            return containers.rows([numbers, first], node, frame)
        case "builtins.reversed":
            return containers.copied(first, "builtins.list", node, frame, backwards=True)
        case "builtins.range":
            return _range(interpreter, given, node, frame)
        case "builtins.super":
            return _super(interpreter, given, frame)
        case "builtins.getattr":
            return _getattr(interpreter, given, node, frame)
        case "builtins.setattr":
            return _setattr(interpreter, given, node, frame)
        case "builtins.delattr":
            interpreter.use(first, "write", node, frame, name="*")
            return ANYTHING
        case "builtins.hasattr":
            interpreter.use(first, "read", node, frame, name="*hasattr")
            return ANYTHING
        case "builtins.next":
            return union(slot.values for slot in interpreter.items(first, frame)) | given.get(1, "")
        case "builtins.map":
            return _map(interpreter, given, node, frame)
        case "functools.partial":
            return containers.make_partial(node, given)
        case "copy.deepcopy" | "copy.copy":
            interpreter.use(first, "argument", node, frame, by=interpreter.external(path))
            return _copied(interpreter, first, node, frame)
        case "typing.cast":
            return given.get(1, "val")
    return _other(interpreter, path, given, node, frame)


def _other(
    interpreter: Interpreter, path: str, given: Arguments, node: ast.AST, frame: Frame
) -> Values:
    callee = interpreter.external(path)
    if torch_api.is_nn_class(path):
        return interpreter.calls.modules.make(path, given, node, frame)
    if path in torch_api.FUNCTIONS:
        return interpreter.calls.tensors.function(path, given, node, frame)
    if torch_api.INITIALISERS.fullmatch(path) or torch_api.HARMLESS.fullmatch(path):
        for values in given.all():
            interpreter.use(values, "argument", node, frame, by=callee)
        return ANYTHING
    for values in given.all():
        interpreter.escape(values, node, frame, path)
    kind = path if torch_api.is_class(path) else STRANGE
    return frozenset((interpreter.made_at(node, kind, frame),))


def _range(interpreter: Interpreter, given: Arguments, node: ast.AST, frame: Frame) -> Values:
    made = interpreter.container(node, "builtins.list", frame)
    bounds = []
    for values in given.positional:
        value = next(iter(values), None) if len(values) == 1 else None
        bounds.append(value.value if isinstance(value, Constant) else None)
    numbers: list[int] | None = None
    if bounds and all(type(each) is int for each in bounds) and not given.is_open:
        try:
            found = range(*[int(str(each)) for each in bounds])
            numbers = [*found] if len(found) <= _MOST_NUMBERS else None
        except (TypeError, ValueError):
            numbers = None
    if numbers is None:
        interpreter.heap.put(made, "any", ANYTHING, many=True)
    for place, number in enumerate(numbers or ()):
        interpreter.heap.put(made, place, interpreter.constant(number))
    return frozenset((made,))


def _super(interpreter: Interpreter, given: Arguments, frame: Frame) -> Values:
    classes = [each.cls for each in given.get(0, "") if isinstance(each, ClassValue)]
    around: Frame | None = frame
    while around is not None and around.cls is None:
        around = around.parent
    if around is None or around.owner is None:
        return ANYTHING
    cls = classes[0] if classes else around.cls
    return frozenset((interpreter.intern(Super, around.owner, cls),))


def _constant_text(values: Values) -> str | None:
    if len(values) != 1:
        return None
    (value,) = values
    return value.value if isinstance(value, Constant) and isinstance(value.value, str) else None


def _getattr(interpreter: Interpreter, given: Arguments, node: ast.AST, frame: Frame) -> Values:
    receivers, name = given.get(0, "object"), _constant_text(given.get(1, "name"))
    default = given.get(2, "default")
    if name is not None and name.isidentifier():
        attribute = ast.Attribute(ast.Name("_", ast.Load()), name, ast.Load())
        ast.copy_location(attribute, node)
        key = node, name
        attribute = interpreter.made_nodes.setdefault(key, attribute)
        return interpreter.lookups.attribute(attribute, receivers, frame, False) | default
    interpreter.use(receivers, "read", node, frame, name="*")
    found: Values = default
    for receiver in receivers:
        if isinstance(receiver, Instance):
            found |= union(values for _, values in interpreter.heap.attributes(receiver))
    return found | ANYTHING


def _setattr(interpreter: Interpreter, given: Arguments, node: ast.AST, frame: Frame) -> Values:
    receivers, name = given.get(0, "object"), _constant_text(given.get(1, "name"))
    values = given.get(2, "value")
    interpreter.use(receivers, "write", node, frame, name=name or "*")
    for receiver in receivers:
        interpreter.lookups.store_named(receiver, name or "*", values, node, frame)
    return interpreter.constant(None)


def _map(interpreter: Interpreter, given: Arguments, node: ast.AST, frame: Frame) -> Values:
    made = interpreter.container(node, "builtins.list", frame)
    items = [
        union(slot.values for slot in interpreter.items(each, frame))
        for each in given.positional[1:]
    ]
    for function in given.get(0, "function"):
        result = interpreter.calls.call(function, Arguments(tuple(items)), node, frame)
        interpreter.heap.put(made, function, result, many=True)
    return frozenset((made,))


def _copied(interpreter: Interpreter, values: Values, node: ast.AST, frame: Frame) -> Values:
    """A copy of an object is an object of the same kind, made there."""
    made: set[Value] = set()
    for value in values:
        if interpreter.heap.is_container(value):
            kind = getattr(value, "kind", "builtins.list")
            made |= interpreter.calls.containers.copied(frozenset((value,)), kind, node, frame)
        elif isinstance(value, (External, Unknown)) or not hasattr(value, "kind"):
            made.add(value)
        else:
            made.add(interpreter.made_at(node, value.kind, frame))
    return frozenset(made)


__all__ = ["NOTHING", "call"]
