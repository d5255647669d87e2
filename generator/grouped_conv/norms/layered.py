"""Tell whether a class of the project is a BatchNorm with layers of its own behind.

class NormAct(nn.BatchNorm2d):
    def __init__(self, num_features, act_layer=nn.ReLU):
        super().__init__(num_features)
        self.act = act_layer()

    def forward(self, x):
        return self.act(super().forward(x))

Such a norm is split as a BatchNorm, and its layers follow the concatenation. It is the same where
the rule norm-subclass has made it a module that holds the norm.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from ... import torch_api
from ...reading.names import meaning
from ...reading.parts import walk
from ...reading.source import Source
from .torch_forward import layers_behind

FunctionOf: TypeAlias = Callable[[ast.expr], ast.AST | None]
"""Gives the definition of a function of the project that an expression names, if it is known."""

INNER: Final = "bn"
"""The norm that is held, where it is not inherited from."""
_OF_NORM: Final = "of_norm"
"""What a class has that holds one: the names of what it has of that."""
_BASES: Final = frozenset(f"torch.nn.BatchNorm{dimensions}d" for dimensions in (1, 2, 3))
_METHODS: Final = frozenset(("__init__", "forward", "extra_repr", "__repr__"))
"""The methods that a class may have: all others of its name in torch may do something else."""
_TAKEN: Final = frozenset(
    (
        *("weight", "bias", "running_mean", "running_var", "num_batches_tracked", "num_features"),
        *("eps", "momentum", "affine", "track_running_stats", "training", "forward"),
        *("parts", "settings", "split", "share_out", "shares", "behind", "read"),
    )
)
"""What a norm of torch has, or one in parts, and no layer may be called."""


@dataclass(frozen=True)
class Layered:
    """A class of norms with layers of its own behind.

    Attributes:
        base: the path of torch's class that it inherits from, or holds an instance of.
        layers: the names of the layers, in the order in which they are applied.
        optional: those of them that may be None, and then are not applied.
    """

    base: str
    layers: tuple[str, ...]
    optional: frozenset[str] = frozenset()

    @property
    def words(self) -> tuple[str, ...]:
        """The layers, with ``?`` behind each that may be None."""
        return tuple(f"{one}{'?' * (one in self.optional)}" for one in self.layers)


def layered(
    source: Source, node: ast.ClassDef, function_of: FunctionOf = lambda each: None
) -> Layered | None:
    """What a class is if it surely is a BatchNorm with layers of its own behind, or None.

    Args:
        source: where it is defined.
        node: its definition.
        function_of: tells what decorates it, where another file defines that.
    """

    def resolve(expression: ast.expr) -> str:
        return torch_api.canonical(meaning(source, expression).path)

    def decorates(expression: ast.expr) -> bool:
        function = meaning(source, expression).node or function_of(expression)
        return isinstance(function, ast.FunctionDef) and _gives_back(function)

    held = norm_held(meaning(source, node.bases[0]).node) if len(node.bases) == 1 else None
    bases = [held.func] if held is not None else node.bases
    base = resolve(bases[0]) if len(bases) == 1 else ""
    methods = {each.name: each for each in node.body if isinstance(each, ast.FunctionDef)}
    rest = (each for each in node.body if not isinstance(each, ast.FunctionDef))
    is_usual = base in _BASES and not node.keywords and methods.keys() <= _METHODS
    if not is_usual or not all(map(decorates, node.decorator_list)) or not all(map(_is_idle, rest)):
        return None
    init, forward = methods.get("__init__"), methods.get("forward")
    if init is None or init.decorator_list or forward is None or not _is_of_input(forward):
        return None
    stored = _stored(source, init)
    if stored is None or _is_patched(source, node):
        return None
    found = layers_behind(forward, stored, base, resolve, INNER if held is not None else "")
    if found is None or not all(each in found or stored[each] for each in stored):
        return None
    return Layered(base, tuple(found), frozenset(name for name in found if found[name]))


def norm_held(node: ast.AST | None) -> ast.Call | None:
    """What builds the norm that the instances of a class hold, if gencode has written that."""
    body = node.body if isinstance(node, ast.ClassDef) else []
    stores = [each for one in body for each in ast.walk(one) if isinstance(each, ast.Assign)]
    given = {
        getattr(to, "attr", getattr(to, "id", "")): s.value for s in stores for to in s.targets
    }
    call = given.get(INNER) if _OF_NORM in given else None
    return call if isinstance(call, ast.Call) else None


def _is_idle(statement: ast.stmt) -> bool:
    """Whether a statement in the body of a class is a docstring, or for torch.jit alone."""
    match statement:
        case ast.Pass() | ast.Expr(value=ast.Constant()) | ast.AnnAssign(value=None):
            return True
        case ast.Assign(targets=[ast.Name(id="__constants__")]):
            return True
    return False


def _is_of_input(forward: ast.FunctionDef) -> bool:
    """Whether a method takes one input, and is what it looks like."""
    given = forward.args
    others = [
        *given.posonlyargs,
        *given.kwonlyargs,
        *given.defaults,
        *filter(None, (given.vararg, given.kwarg)),
    ]
    return len(given.args) == 2 and not others and not forward.decorator_list


def _gives_back(function: ast.FunctionDef) -> bool:
    """Whether a decorator gives back what it is given, and at most notes it in a set or a list."""
    if function.decorator_list or len(function.args.args) != 1:
        return False
    name = function.args.args[0].arg
    for statement in function.body:
        match statement:
            case ast.Return(value=ast.Name(id=returned)) if returned == name:
                return True
            case ast.Expr(value=ast.Constant()):
                pass
            case ast.Expr(
                value=ast.Call(
                    func=ast.Attribute(value=ast.Name(), attr="add" | "append"),
                    args=[ast.Name()],
                    keywords=[],
                )
            ):
                pass
            case _:
                return False
    return False


def _is_patched(source: Source, node: ast.ClassDef) -> bool:
    """Whether the source sets an attribute of a class, as far as it names that."""
    for each in source.nodes:
        match each:
            case ast.Attribute(value=owner, ctx=ast.Store() | ast.Del()):
                if meaning(source, owner).node is node:
                    return True
            case ast.Call(func=ast.Name(id="setattr" | "delattr"), args=[owner, *_]):
                if meaning(source, owner).node is node:
                    return True
    return False


def _stored(source: Source, init: ast.FunctionDef) -> dict[str, bool] | None:
    """The attributes that a constructor sets, each with whether it surely holds no tensors.

    None if it does more with the norm than to set and read attributes.
    """
    owner = init.args.args[0].arg if init.args.args else ""
    found: dict[str, bool] = {}
    for each in _names(init, owner):
        around = source.parent(each)
        match around:
            case ast.Attribute(attr=name, ctx=ast.Store()) if name not in _TAKEN:
                statement = source.parent(around)
                found[name] = found.get(name, True) and _is_simple(statement)
            case ast.Attribute(ctx=ast.Load()) if _is_read(source, around):
                pass
            case ast.Call(func=ast.Name(id="super")):
                pass
            case _:
                return None
    return found


def _names(function: ast.FunctionDef, name: str) -> Iterator[ast.Name]:
    for each in walk(function):
        if isinstance(each, ast.Name) and each.id == name:
            yield each


def _is_read(source: Source, attribute: ast.Attribute) -> bool:
    """Whether what an attribute gives is neither called nor what a module hides."""
    around = source.parent(attribute)
    is_called = isinstance(around, ast.Call) and around.func is attribute
    return not is_called and not attribute.attr.startswith("_")


def _is_simple(statement: ast.AST) -> bool:
    """Whether an assignment gives a constant, or what the constructor is given."""
    match statement:
        case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
            return isinstance(value, (ast.Constant, ast.Name))
    return False
