"""Conditions: whether one surely holds, and what is known where it does."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from .. import torch_api
from .frames import Env, Frame
from .heap import union
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

if TYPE_CHECKING:
    from .interpreter import Interpreter


def truth_of(interpreter: Interpreter, test: ast.expr, frame: Frame) -> bool | None:
    """Whether a condition surely holds or surely does not; None for either.

    What is stored in an attribute may be changed from anywhere.
    """
    values = interpreter.ev(test, frame)
    interpreter.use(values, "test", test, frame)
    known = only_constant(values)
    if known is None or any(isinstance(each, ast.Attribute) for each in ast.walk(test)):
        return None
    return bool(known.value)


def narrowed(interpreter: Interpreter, test: ast.expr, env: Env, holds: bool) -> Env:
    """The variables where a condition holds, or does not: one that is None, or is not."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return narrowed(interpreter, test.operand, env, not holds)
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) is holds:
        for each in test.values:
            env = narrowed(interpreter, each, env, holds)
        return dict(env)
    match test:
        case ast.Call(func=ast.Name(id="isinstance"), args=[ast.Name(id=name), classes]) if holds:
            return _of_classes(interpreter, env, name, classes)
        case ast.Compare(
            left=ast.Call(func=ast.Name(id="type"), args=[ast.Name(id=name)]),
            ops=[ast.Is() | ast.Eq()],
            comparators=[classes],
        ) if holds:
            return _of_classes(interpreter, env, name, classes)
        case ast.Name(id=name) if holds:
            is_none = False
        case ast.Compare(
            left=ast.Name(id=name),
            ops=[ast.Is() | ast.IsNot() as operation],
            comparators=[ast.Constant(value=None)],
        ):
            is_none = isinstance(operation, ast.Is) is holds
        case _:
            return dict(env)
    values = env.get(name, NOTHING)
    none = interpreter.constant(None)
    left = values & none if is_none else values - none
    if is_none and any(isinstance(each, (Parameter, Unknown)) for each in values):
        left = none
    return {**env, name: left} if left else dict(env)


def are_none(values: Values) -> bool | None:
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


# --- classes ---------------------------------------------------------------------------------


def _of_classes(interpreter: Interpreter, env: Env, name: str, node: ast.expr) -> Env:
    """The variables where one is an instance of some classes."""
    classes = _classes(interpreter, interpreter.at.get(node, NOTHING))
    if classes is None or name not in env:
        return dict(env)
    return {**env, name: union([_narrowed(interpreter, each, classes) for each in env[name]])}


def _classes(interpreter: Interpreter, values: Values) -> set[Value] | None:
    """The classes that something is, or holds; None where there may be others."""
    found: set[Value] = set()
    for value in values:
        if isinstance(value, (ClassValue, External)):
            found.add(value)
        elif interpreter.heap.is_container(value) and not interpreter.heap.is_loose(value):
            inner = _classes(
                interpreter, union(each.values for each in interpreter.heap.slots(value))
            )
            if inner is None:
                return None
            found |= inner
        else:
            return None
    return found


def _narrowed(interpreter: Interpreter, value: Value, classes: set[Value]) -> Values:
    """What something is, if it is an instance of one of some classes."""
    same: Values = frozenset((value,))
    if not isinstance(value, Object) or not all(map(_has_few, classes)):
        return same
    if value.kind == torch_api.WALKED["modules"]:
        parts = [each for each in classes if isinstance(each, External) and may_be_split(each.path)]
        own = union(
            _instances(interpreter, each) for each in classes if isinstance(each, ClassValue)
        )
        found = own | (same if parts else NOTHING)
        return found or ANYTHING
    if torch_api.is_nn_class(value.kind):
        paths = [each.path for each in classes if isinstance(each, External)]
        is_one = any(value.kind.endswith(each.rpartition(".")[2]) for each in paths)
        return same if is_one else ANYTHING
    return same


def _has_few(cls: Value) -> bool:
    """Whether it is known of a class what its instances are."""
    if isinstance(cls, ClassValue):
        return cls.cls.is_known and not any(
            may_be_split(each) for each in cls.cls.externals if each != "torch.nn.Module"
        )
    return isinstance(cls, External) and (
        torch_api.is_nn_class(cls.path) and cls.path not in _BASES
    )


def _instances(interpreter: Interpreter, cls: ClassValue) -> Values:
    """The instances of a class of the project, and of those that inherit from it."""
    found = [*interpreter.definitions.classes.values()]
    return frozenset(interpreter.intern(Instance, each) for each in found if cls.cls in each.order)


def may_be_split(path: str) -> bool:
    """Whether a class of torch is that of what is split, or one that it inherits from."""
    return path in torch_api.CONVOLUTIONS | torch_api.BATCH_NORMS | torch_api.INSTANCE_NORMS


_BASES: Final = torch_api.CONTAINERS | torch_api.MAPPINGS | {"torch.nn.Module"}
