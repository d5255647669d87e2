"""What the constructor of a class gives the layers that it builds, be it through functions.

    self.depthwise = conv3x3(width, width, groups=width)

says of a convolution that it is depthwise where ``conv3x3`` hands on what it is given.
"""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from .. import torch_api
from ..facts.emitted import usual_name
from ..facts.facts import Facts
from ..facts.values import ClassValue, External, Function
from ..reading.scopes import FUNCTIONS
from ..reading.scopes import Function as FunctionNode
from ..reading.source import Source

_OF_CONVOLUTION: Final = (
    *("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups"),
    "bias",
)
_SHUFFLE: Final = "torch.nn.ChannelShuffle"
_DEEPEST: Final = 4
Factors: TypeAlias = frozenset[tuple[str, int]]
"""The factors of a number, each with how often it is one."""


class BuiltLayers:
    """The layers that a constructor builds.

    Args:
        source: where it stands.
        facts: what may happen in it.
        constructor: the constructor.
    """

    def __init__(self, source: Source, facts: Facts, constructor: FunctionNode) -> None:
        self._source = source
        self._facts = facts
        self._constructor = constructor

    def has(self, call: ast.Call) -> bool:
        """Whether a call stands in the constructor itself, where its variables are those here."""
        source = self._source
        return source.has(call) and source.scope(call) is source.scope(self._constructor.body[0])

    def convolution(self, call: ast.expr) -> Mapping[str, ast.expr] | None:
        """What a convolution is given that a call builds, in the terms of the constructor.

        None where that is not known, or it is no convolution of torch.
        """
        return self._given(call, 0) if isinstance(call, ast.Call) else None

    def _given(self, call: ast.Call, depth: int) -> Mapping[str, ast.expr] | None:
        values = [*self._facts.values(call.func)]
        stars = any(isinstance(each, ast.Starred) for each in call.args)
        if len(values) != 1 or stars or any(each.arg is None for each in call.keywords):
            return None
        (value,) = values
        if usual_name(value) == "split_conv" and len(call.args) == 1:
            (layer,) = call.args
            if not isinstance(layer, ast.Call) or depth > _DEEPEST:
                return None
            return self._given(layer, depth + 1)
        if isinstance(value, External):
            is_conv = value.path in torch_api.CONVOLUTIONS and "Lazy" not in value.path
            return _by_name(call, _OF_CONVOLUTION) if is_conv else None
        if not isinstance(value, Function) or depth > _DEEPEST:
            return None
        return self._through(value.node, call, depth)

    def _through(
        self, function: ast.AST, call: ast.Call, depth: int
    ) -> Mapping[str, ast.expr] | None:
        """What a function of one statement hands on of what it is given."""
        if not isinstance(function, ast.FunctionDef) or function.decorator_list:
            return None
        body = [each for each in function.body if not _is_text(each)]
        match body:
            case [ast.Return(value=ast.Call() as built)]:
                pass
            case _:
                return None
        inner = self._given(built, depth + 1)
        parameters = function.args
        if inner is None or parameters.vararg or parameters.posonlyargs:
            return None
        names = [each.arg for each in (*parameters.args, *parameters.kwonlyargs)]
        given = dict(_by_name(call, names))
        defaults = parameters.args[::-1], parameters.defaults[::-1]
        for each, default in zip(*defaults):  # noqa: B905  # those at the end have one
            given.setdefault(each.arg, default)
        return {name: _substituted(each, given) for name, each in inner.items()}

    def given_to_module(self, call: ast.Call, name: str) -> ast.expr | None:
        """What a module of the project is given for what it has as an attribute."""
        values = [*self._facts.values(call.func)]
        if len(values) != 1 or not isinstance(values[0], ClassValue):
            is_torchs = [getattr(each, "path", "") for each in values] == [_SHUFFLE]
            return _by_name(call, (name,)).get(name) if is_torchs else None
        cls = values[0].cls.node
        constructors = [each for each in cls.body if getattr(each, "name", "") == "__init__"]
        constructor = constructors[0] if len(constructors) == 1 else None
        if not isinstance(constructor, ast.FunctionDef):
            return None
        value = next(
            (
                each.value
                for each in constructor.body
                if isinstance(each, ast.Assign) and getattr(each.targets[0], "attr", "") == name
            ),
            None,
        )
        names = [each.arg for each in constructor.args.args[1:]]
        is_plain = is_set_once(cls, name) and isinstance(value, ast.Name)
        stores = (
            each.id
            for each in ast.walk(constructor)
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
        )
        if not is_plain or not isinstance(value, ast.Name) or value.id in stores:
            return None
        defaults = dict(zip(names[::-1], constructor.args.defaults[::-1]))  # noqa: B905
        return (defaults | dict(_by_name(call, names))).get(value.id)

    # --- what is known of them ---------------------------------------------------------------

    def is_depthwise(self, given: Mapping[str, ast.expr]) -> bool:
        """Whether a convolution has a group for each channel."""
        names = ("in_channels", "out_channels", "groups")
        found = {self.factors(given.get(name)) for name in names}
        return len(found) == 1 and None not in found

    def is_plain(self, given: Mapping[str, ast.expr]) -> bool:
        """Whether a convolution has one group."""
        groups = given.get("groups")
        return groups is None or self.factors(groups) == frozenset()

    def cases(self, node: ast.expr) -> list[Factors | None]:
        """The factors of a number in each case, where it is another one in each of two."""
        if isinstance(node, ast.Name):
            value = self._only_value(node.id)
            if isinstance(value, ast.IfExp):
                return [self.factors(value.body), self.factors(value.orelse)]
        return [self.factors(node)]

    def factors(self, node: ast.expr | None) -> Factors | None:
        """The factors of a number, the same for the same number; None where they are not known.

        Variables are what the constructor binds once.
        """
        found: Counter[str] = Counter()
        if node is None or not self._add(node, found, 0):
            return None
        return frozenset(found.items())

    def _add(self, node: ast.expr, found: Counter[str], depth: int) -> bool:
        match node:
            case ast.Constant(value=1):
                return True
            case ast.Constant(value=int(number)):
                found[str(number)] += 1
                return True
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                return self._add(left, found, depth) and self._add(right, found, depth)
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner == self._instance:
                value = self.built(name) if depth <= _DEEPEST else None
                return value is not None and self._add(value, found, depth + 1)
            case ast.Name(id=name):
                return self._add_name(name, found, depth)
        return False

    def _add_name(self, name: str, found: Counter[str], depth: int) -> bool:
        if not self._is_bound_once(name):
            return False
        value = self._only_value(name)
        if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult) and depth <= _DEEPEST:
            return self._add(value, found, depth + 1)
        found[name] += 1
        return True

    def _is_bound_once(self, name: str) -> bool:
        bindings = self._source.scope(self._constructor.body[0]).bindings.get(name, [])
        return len(bindings) == 1 and name not in self._source.scope(self._source.tree).nonlocals

    def _only_value(self, name: str) -> ast.expr | None:
        """What a variable of the constructor is given, if it is bound only there."""
        if not self._is_bound_once(name):
            return None
        (binding,) = self._source.scope(self._constructor.body[0]).bindings[name]
        return binding.value if binding.kind == "assign" else None

    @property
    def _instance(self) -> str:
        return self._constructor.args.args[0].arg if self._constructor.args.args else ""

    def built(self, name: str) -> ast.expr | None:
        """What the constructor sets an attribute to, if one statement is all that does.

        That it may be split then by gencode's helper is not counted.
        """
        owner = self._source.class_around(self._constructor)
        if owner is None or not is_set_once(owner, name):
            return None
        return next(
            each.value
            for each in self._constructor.body
            if isinstance(each, ast.Assign) and getattr(each.targets[0], "attr", "") == name
        )


def product(one: Factors, other: Factors) -> dict[str, int]:
    """The factors of a product."""
    found = dict(one)
    for name, count in other:
        found[name] = found.get(name, 0) + count
    return found


def _by_name(call: ast.Call, names: Sequence[str]) -> Mapping[str, ast.expr]:
    """What the parameters of a call are given."""
    found = dict(zip(names, call.args))  # noqa: B905  # the others have their names, or defaults
    return found | {each.arg: each.value for each in call.keywords if each.arg is not None}


def _is_split(value: ast.expr) -> bool:
    """Whether something is what the helper makes of a layer."""
    name = getattr(value.func, "id", "") if isinstance(value, ast.Call) else ""
    return name.startswith("split_conv")


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


class _Substitution(ast.NodeTransformer):
    """Puts what a function is given in the place of its parameters."""

    def __init__(self, given: Mapping[str, ast.expr]) -> None:
        self._given = given

    def visit_Name(self, node: ast.Name) -> ast.expr:
        # What is no parameter is a name of another file, and unlike any here.
        return self._given.get(node.id, ast.Set([node]))


def _substituted(node: ast.expr, given: Mapping[str, ast.expr]) -> ast.expr:
    found = _Substitution(given).visit(copy.deepcopy(node))
    assert isinstance(found, ast.expr)
    return found


def is_set_once(owner: ast.ClassDef, name: str) -> bool:
    """Whether an attribute is set in one statement of the constructor of a class, and no other."""
    split = [
        target
        for each in ast.walk(owner)
        if isinstance(each, ast.Assign) and _is_split(each.value)
        for target in ast.walk(each.targets[0])
    ]
    stores = [
        (method, each)
        for method in owner.body
        for each in ast.walk(method)
        if isinstance(each, ast.Attribute) and each.attr == name
        if not isinstance(each.ctx, ast.Load) and each not in split
    ]
    if len(stores) != 1 or not isinstance(stores[0][0], FUNCTIONS):
        return False
    method, store = stores[0]
    assert isinstance(method, FUNCTIONS), "as has been asked"
    plain = [each for each in method.body if isinstance(each, ast.Assign)]
    return method.name == "__init__" and any(each.targets == [store] for each in plain)
