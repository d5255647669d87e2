"""What holds of variables where a condition does, or does not."""

from __future__ import annotations

import ast
from typing import Final

from .. import torch_api
from ..reading.parts import walk
from .classes import Class
from .frames import Env, Frame
from .heap import union
from .interpreter import Interpreter
from .values import (
    ANYTHING,
    NOTHING,
    STRANGE,
    Bound,
    ClassValue,
    Constant,
    External,
    Function,
    Instance,
    Object,
    Parameter,
    Tensor,
    Unknown,
    Value,
    Values,
    only_constant,
)

_SPLIT: Final = torch_api.CONVOLUTIONS | torch_api.BATCH_NORMS | torch_api.INSTANCE_NORMS
_BASES: Final = torch_api.HOLDING | {"torch.nn.Module"}


def truth_of(interpreter: Interpreter, test: ast.expr, frame: Frame) -> bool | None:
    """Whether a condition surely holds or surely does not; None for either.

    What is stored in an attribute may be changed from anywhere.
    """
    values = interpreter.ev(test, frame)
    interpreter.use(values, "test", test, frame)
    known = only_constant(values)
    if known is None or any(isinstance(each, ast.Attribute) for each in walk(test)):
        return None
    return bool(known.value)


def narrowed(interpreter: Interpreter, test: ast.expr, env: Env, holds: bool) -> Env:
    """The variables where a condition holds, or does not: one that is None, or of a class."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return narrowed(interpreter, test.operand, env, not holds)
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) is holds:
        for each in test.values:
            env = narrowed(interpreter, each, env, holds)
        return dict(env)
    match test:
        case ast.Name(id=name) if holds:
            left = _where_none(interpreter, env.get(name, NOTHING), False)
        case ast.Compare(
            left=ast.Name(id=name),
            ops=[ast.Is() | ast.IsNot() as operation],
            comparators=[ast.Constant(value=None)],
        ):
            is_none = isinstance(operation, ast.Is) is holds
            left = _where_none(interpreter, env.get(name, NOTHING), is_none)
        case (
            ast.Call(func=ast.Name() as function, args=[ast.Name(id=name), classes])
            | ast.Compare(
                left=ast.Call(func=ast.Name() as function, args=[ast.Name(id=name)]),
                ops=[ast.Is() | ast.Eq() | ast.In()],
                comparators=[classes],
            )
        ) if holds and name in env and _asks_class(interpreter, function):
            asked = interpreter.at.get(classes, NOTHING)
            return {**env, name: _instances(interpreter, env[name], asked)}
        case _:
            return dict(env)
    return {**env, name: left} if left else dict(env)


def _asks_class(interpreter: Interpreter, function: ast.expr) -> bool:
    asking = {interpreter.external(f"builtins.{each}") for each in ("isinstance", "type")}
    found = interpreter.at.get(function, NOTHING)
    return bool(found) and found <= asking


def _where_none(interpreter: Interpreter, values: Values, holds: bool) -> Values:
    """What of some values is None, or is not."""
    none = interpreter.constant(None)
    if holds and any(isinstance(each, (Parameter, Unknown)) for each in values):
        return none
    return values & none if holds else values - none


def _instances(interpreter: Interpreter, values: Values, classes: Values) -> Values:
    """What of some values may be an instance of some classes, or of what is in a tuple of these."""
    heap, waiting, asked = interpreter.heap, [*classes], set[Value]()
    while waiting:
        each = waiting.pop()
        if isinstance(each, Object) and heap.is_container(each):
            waiting += union(slot.values for slot in heap.slots(each))
        else:
            asked.add(each)
    found: set[Value] = set()
    for value in values:
        if isinstance(value, Object) and value.kind == torch_api.WALKED["modules"]:
            found |= _of_walked(interpreter, value, asked)
        elif any(_may_be_instance(value, cls) for cls in asked):
            found.add(value)
    return frozenset(found)


def _of_walked(interpreter: Interpreter, value: Value, classes: set[Value]) -> Values:
    """What of all modules that a walk goes over may be an instance of some classes."""
    same = frozenset((value,))
    if not all(map(_has_few, classes)):
        return same
    own = {each.cls for each in classes if isinstance(each, ClassValue)}
    known = [*interpreter.classes.values()]
    instances = frozenset(
        interpreter.intern(Instance, each) for each in known if not own.isdisjoint(each.order)
    )
    may_be_parts = any(isinstance(each, External) and each.path in _SPLIT for each in classes)
    return instances | (same if may_be_parts else NOTHING) or ANYTHING


def _has_few(cls: Value) -> bool:
    """Whether it is known of a class what its instances are: parts of what is split, or none."""
    if isinstance(cls, ClassValue):
        return cls.cls.is_known and _SPLIT.isdisjoint(cls.cls.externals)
    is_torchs = isinstance(cls, External) and torch_api.is_nn_class(cls.path)
    return is_torchs and isinstance(cls, External) and cls.path not in _BASES


def _may_be_instance(value: Value, cls: Value) -> bool:
    match value, cls:
        case Object(kind=kind), External(path=path):
            return torch_api.may_be_instance(kind, path)
        case Object(kind=kind), ClassValue(cls=other):
            return not torch_api.is_nn_class(kind) or not _is_plain(other)
        case Instance(cls=own), External(path=path):
            is_torchs = own.is_known and torch_api.is_nn_class(path)
            return not is_torchs or any(
                torch_api.may_be_instance(each, path) for each in own.externals
            )
        case Instance(cls=own), ClassValue(cls=other):
            return not own.is_known or not _is_plain(other) or other in own.order
    return True


def _is_plain(cls: Class) -> bool:
    """Whether a class has only those as instances that inherit from it: it is no protocol."""
    return cls.is_known and all(map(torch_api.is_module_class, cls.externals))


def is_none(values: Values) -> bool | None:
    """Whether something is None, where it surely is or surely is not."""
    if not values or not all(map(_is_told, values)):
        return None
    nones = {isinstance(each, Constant) and each.value is None for each in values}
    return nones.pop() if len(nones) == 1 else None


def _is_told(value: Value) -> bool:
    """Whether it is known of a value whether it is None."""
    match value:
        case Constant() | Instance() | Function() | ClassValue():
            return True
        case Object(kind=kind):
            return kind != STRANGE
        case Tensor(producer=producer):
            return isinstance(producer, (Object, External))
        case External(path=path):
            return path.startswith(("torch.", "builtins."))
    return isinstance(value, Bound) and value.function is not None
