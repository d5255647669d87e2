"""What an expression may give: abstract values, interned so that the same is the same object.

An object is known by where it is made (its allocation site) and by the calls of plain functions
that led there; an instance of a project's class by its class alone.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final, TypeAlias

from .classes import Class
from .project import Module

Context: TypeAlias = tuple[ast.AST, ...]
"""The calls of plain functions that led to a place, the outermost first."""


@dataclass(eq=False)
class Scope:
    """Where a function is defined.

    Attributes:
        node: the function, module or class whose body it is.
        module: the module that it stands in.
    """

    node: ast.AST
    module: Module


@dataclass(frozen=True, eq=False, slots=True)
class Constant:
    """A number, text, truth value or None."""

    value: int | float | complex | str | bytes | bool | None


@dataclass(frozen=True, eq=False, slots=True)
class External:
    """What is imported from outside of the project, or a builtin, by its dotted path."""

    path: str


@dataclass(frozen=True, eq=False, slots=True)
class ModuleValue:
    """A module of the project."""

    module: Module


@dataclass(frozen=True, eq=False, slots=True)
class Function:
    """A function or lambda of the project, with the frame that it was defined in."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    frame: Scope
    owner: Class | None


@dataclass(frozen=True, eq=False, slots=True)
class ClassValue:
    """A class of the project."""

    cls: Class


@dataclass(frozen=True, eq=False, slots=True)
class Instance:
    """All instances of a class of the project (not of its subclasses)."""

    cls: Class


@dataclass(frozen=True, eq=False, slots=True)
class Object:
    """What is made at one place: an instance of an external class, or a container.

    Attributes:
        site: the expression that makes it.
        kind: the dotted path of its class, such as ``torch.nn.Conv2d`` or ``builtins.list``.
        context: the calls of plain functions that led there.
        owner: the instance in whose methods it is made, if any.
    """

    site: ast.AST
    kind: str
    context: Context
    owner: Instance | None


@dataclass(frozen=True, eq=False, slots=True)
class Bound:
    """A method or other attribute, taken from an object to be called."""

    receiver: Value
    name: str
    function: Function | None


@dataclass(frozen=True, eq=False, slots=True)
class Partial:
    """A callable of which some arguments are given already."""

    site: ast.AST
    function: Value
    context: Context


@dataclass(frozen=True, eq=False, slots=True)
class Super:
    """What ``super()`` gives: the attributes of an instance behind a class."""

    receiver: Value
    after: Class


@dataclass(frozen=True, eq=False, slots=True)
class Tensor:
    """What a module or a function of tensors gives at one place.

    Attributes:
        site: the expression that gives it.
        producer: the module or function that is called there.
        context: the calls of plain functions that led there.
        owner: the instance in whose methods it is made, if any.
        step: which of several results, or which layer of a Sequential.
    """

    site: ast.AST
    producer: Value
    context: Context
    owner: Instance | None
    step: Hashable


@dataclass(frozen=True, eq=False, slots=True)
class Size:
    """The length of a dimension of a value, or all of them where ``dimension`` is None."""

    of: Value
    dimension: int | None


@dataclass(frozen=True, eq=False, slots=True)
class Parameter:
    """What somebody outside of the project may give for a parameter; it may be anything."""

    function: ast.AST
    name: str


@dataclass(frozen=True, eq=False, slots=True)
class Unknown:
    """Anything at all; whatever was handed to it has escaped."""


Value: TypeAlias = (
    Constant
    | External
    | ModuleValue
    | Function
    | ClassValue
    | Instance
    | Object
    | Bound
    | Partial
    | Super
    | Tensor
    | Size
    | Parameter
    | Unknown
)
Values: TypeAlias = frozenset[Value]

UNKNOWN = Unknown()
STRANGE = "?"
"""The kind of an object that what is not known has given: it may be any that has escaped."""
ANYTHING: Values = frozenset((UNKNOWN,))
NOTHING: Values = frozenset()
WEIGHTS: Final = frozenset(("weight", "bias", "data"))
"""Attributes that are tensors, of a module or of such a tensor."""

ANY_OF_SEVERAL: Final = "any of several"
"""The path of what gives a tensor that stands for any of some."""

MADE_OF_IT: Final = "made of it"
"""The attribute that stands for all that operators make of a weight, which is not that weight."""


def made_of(value: Value) -> Value | None:
    """What something has been made of by operators; None for what has not been."""
    while isinstance(value, Bound):
        if value.name == MADE_OF_IT:
            return value.receiver
        value = value.receiver
    return None


def is_of_weight(value: Value) -> bool:
    """Whether something is the weight of a module of torch, its bias or its data, or a view."""
    if not isinstance(value, Bound) or value.name not in WEIGHTS:
        return False
    of = value.receiver
    return is_of_weight(of) or (isinstance(of, Object) and of.kind.startswith("torch.nn."))


def is_strange(value: Value) -> bool:
    """Whether a value is what code that is not known has given."""
    return isinstance(value, Object) and value.kind.startswith(STRANGE)


def only_constant(values: Values) -> Constant | None:
    """The one constant that something is, if it is one."""
    if len(values) != 1:
        return None
    (value,) = values
    return value if isinstance(value, Constant) else None


def only_text(values: Values) -> str | None:
    """The one text that something is, if it is one."""
    known = only_constant(values)
    return known.value if known is not None and isinstance(known.value, str) else None


def texts(values: Values) -> list[str]:
    """The few texts that something may be; none if it may be something else."""
    found = [each.value for each in values if isinstance(each, Constant)]
    known = [each for each in found if isinstance(each, str)]
    return sorted(known) if len(known) == len(values) else []


class Interned:
    """Makes each value but constants once, so that values are compared and hashed by identity."""

    def __init__(self) -> None:
        self._made: dict[tuple[object, ...], Value] = {}

    def __call__(self, kind: Callable[..., Value], *fields: object) -> Value:
        """The value of a kind with these fields."""
        key = (kind, *fields)
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = kind(*fields)
        return found
