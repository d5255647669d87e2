"""Which functions and modules do nothing but put channels in the order of a shuffle.

    n, c, h, w = x.size()
    x = x.view(n, groups, c // groups, h, w)
    return x.transpose(1, 2).reshape(n, c, h, w)

It is seen by going through their statements with lengths that are not known.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from ..facts.facts import Facts
from ..facts.values import External, Function, Instance
from ..reading.source import Source
from .built_layers import is_set_once
from .rule import Asking
from .shuffle_steps import (
    Given,
    Known,
    Length,
    Order,
    Shaped,
    Share,
    Sizes,
    UnknownStepError,
    number,
    reshaped,
    share,
    sizes_of,
)

FUNCTION_PATHS: Final = ("torch.nn.functional.channel_shuffle", "torch.channel_shuffle")
MODULE_PATH: Final = "torch.nn.ChannelShuffle"
_SHAPING: Final = ("view", "reshape")
_TRANSPOSING: Final = ("transpose", "swapaxes", "swapdims", "permute")
_SAME: Final = ("contiguous",)
_DEEPEST: Final = 4


def stands_in_shuffle(asking: Asking, node: ast.AST) -> bool:
    """Whether a node stands in what shuffles channels, and it is told where that is applied."""
    source = asking.source
    function = source.function_around(node)
    if not isinstance(function, ast.FunctionDef):
        return False
    owner = source.parent(function)
    is_told = owner is source.tree or (isinstance(owner, ast.ClassDef) and _is_held(source, owner))
    return is_told and ChannelOrders(asking.facts).is_shuffle(function)


def _is_held(source: Source, cls: ast.ClassDef) -> bool:
    """Whether all that is made of a class is held by attributes, and so applied by a call."""
    calls = [source.parent(each) for each in source.names(source.tree, cls.name)]
    return bool(calls) and all(
        isinstance(call, ast.Call)
        and isinstance(statement := source.parent(call), ast.Assign)
        and isinstance(statement.targets[0], ast.Attribute)
        for call in calls
    )


class ChannelOrders:
    """What is known of the functions and modules of a project that shuffle channels.

    Args:
        facts: what may happen in it.
    """

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._depth = 0

    def of_call(self, call: ast.Call) -> tuple[Order, ast.expr] | None:
        """The order that a call puts the channels of its argument in, and that argument.

        The groups are an expression where the call stands: of a module an attribute of it.
        """
        if any(isinstance(each, ast.Starred) for each in call.args):
            return None
        try:
            found = self._applied(call)
        except (UnknownStepError, RecursionError):
            return None
        return found

    def is_shuffle(self, function: ast.FunctionDef) -> bool:
        """Whether a function or method does no more than to shuffle the channels of a parameter."""
        names = [each.arg for each in function.args.args]
        return any(self._order(function, each) is not None for each in names)

    def _applied(self, call: ast.Call) -> tuple[Order, ast.expr]:
        (callee,) = self._only(call.func)
        if isinstance(callee, External) and callee.path in FUNCTION_PATHS:
            x, groups = _arguments(call, ("input", "groups"))
            return Order(groups), x
        kind = getattr(callee, "kind", "")
        if kind == MODULE_PATH:
            (x,) = _arguments(call, ("input",))
            return Order(_attribute(call.func, "groups")), x
        if isinstance(callee, Function) and isinstance(callee.node, ast.FunctionDef):
            names = [each.arg for each in callee.node.args.args]
            return self._of_function(callee.node, names, call, _arguments(call, names))
        if isinstance(callee, Instance):
            (x,) = _arguments(call, ("",))
            order = self._of_forward(callee)
            return replace(order, groups=_attribute(call.func, order.groups)), x
        raise UnknownStepError

    def _only(self, node: ast.expr) -> Sequence[object]:
        values = self._facts.values(node)
        if len(values) != 1:
            raise UnknownStepError
        return [*values]

    def _of_function(
        self,
        function: ast.FunctionDef,
        names: Sequence[str],
        call: ast.Call,
        given: Sequence[ast.expr],
    ) -> tuple[Order, ast.expr]:
        """The order of a function that is called, with what is given for its groups."""
        tensor = next((each for each in names if self._order(function, each) is not None), "")
        order = self._order(function, tensor)
        if order is None:
            raise UnknownStepError
        of = dict(zip(names, given, strict=True))
        groups = order.groups
        if isinstance(groups, ast.Name):
            groups = of[groups.id]
        elif not isinstance(groups, ast.Constant):
            raise UnknownStepError
        return replace(order, groups=groups), of[tensor]

    def _of_forward(self, instance: Instance) -> Order:
        """The order of a module, whose groups are an attribute of it that stays as it is built."""
        forwards = [
            each for each in instance.cls.node.body if getattr(each, "name", "") == "forward"
        ]
        if len(forwards) != 1 or not isinstance(forwards[0], ast.FunctionDef):
            raise UnknownStepError
        forward = forwards[0]
        names = [each.arg for each in forward.args.args]
        order = self._order(forward, names[1]) if len(names) == 2 else None
        match order:
            case Order(groups=ast.Constant()):
                return order
            case Order(groups=ast.Attribute(value=ast.Name(id=owner), attr=name)) if (
                owner == names[0]
            ):
                if is_set_once(instance.cls.node, name):
                    return order
        raise UnknownStepError

    # --- going through a function ------------------------------------------------------------

    def _order(self, function: ast.FunctionDef, tensor: str) -> Order | None:
        """The order that a function puts the channels of a parameter in, if it does no more."""
        plain = function.args
        if plain.vararg or plain.kwarg or plain.kwonlyargs or function.decorator_list:
            return None
        if self._depth > _DEEPEST:
            return None
        known: dict[str, Known] = {
            each.arg: Given(ast.Name(each.arg, ast.Load())) for each in plain.args
        }
        if tensor not in known:
            return None
        known[tensor] = Shaped()
        self._depth += 1
        try:
            return self._run(function.body, known)
        except UnknownStepError:
            return None
        finally:
            self._depth -= 1

    def _run(self, statements: Sequence[ast.stmt], known: dict[str, Known]) -> Order:
        for each in statements:
            match each:
                case ast.Expr(value=ast.Constant()) | ast.Assert():
                    pass
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    known[name] = self._value(value, known)
                case ast.Assign(targets=[ast.Tuple(elts=targets)], value=value):
                    self._unpack(targets, self._value(value, known), known)
                case ast.Return(value=ast.expr() as value):
                    match self._value(value, known):
                        case Shaped(step="shuffled", order=Order() as order):
                            return order
                    raise UnknownStepError
                case _:
                    raise UnknownStepError
        raise UnknownStepError

    def _unpack(self, targets: list[ast.expr], value: Known, known: dict[str, Known]) -> None:
        if not isinstance(value, Sizes):
            raise UnknownStepError
        for place, each in enumerate(targets):
            if not isinstance(each, ast.Name):
                raise UnknownStepError
            known[each.id] = Length(value.first + place)

    def _value(self, node: ast.expr, known: Mapping[str, Known]) -> Known:
        match node:
            case ast.Name(id=name) if name in known:
                return known[name]
            case ast.Constant(value=int()):
                return Given(node)
            case ast.Attribute(value=value, attr="shape"):
                return sizes_of(self._value(value, known))
            case ast.Attribute(value=value, attr="data") if self._value(value, known) == Shaped():
                return Shaped("detached")
            case ast.Attribute(value=ast.Name(id=name)) if isinstance(known.get(name), Given):
                return Given(node)
            case ast.Subscript(value=value, slice=ast.Constant(value=int(place))) if place >= 0:
                sizes = self._value(value, known)
                if isinstance(sizes, Sizes):
                    return Length(sizes.first + place)
            case ast.Subscript(value=value, slice=ast.Slice(ast.Constant(value=2), None, None)):
                sizes = self._value(value, known)
                if isinstance(sizes, Sizes):
                    return Sizes(2)
            case ast.BinOp(left=left, op=ast.FloorDiv(), right=right):
                return share(self._value(left, known), self._value(right, known))
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                both = {self._value(left, known), self._value(right, known)}
                given = [each for each in both if isinstance(each, Given)]
                if len(both) == 2 and given and Share(given[0].code) in both:
                    return Length(1)
            case ast.Call(
                func=ast.Name(id="int"),
                args=[ast.BinOp(left=left, op=ast.Div(), right=right)],
                keywords=[],
            ):
                return share(self._value(left, known), self._value(right, known))
            case ast.Call():
                return self._called(node, known)
        raise UnknownStepError

    def _called(self, call: ast.Call, known: Mapping[str, Known]) -> Known:
        nested = self.of_call(call)
        if nested is not None:
            order, x = nested
            groups = self._value(order.groups, known)
            is_whole = self._value(x, known) == Shaped()
            if is_whole and isinstance(groups, Given):
                return Shaped("shuffled", replace(order, groups=groups.node))
        path = {getattr(each, "path", "") for each in self._facts.values(call.func)}
        if isinstance(call.func, ast.Attribute) and not any(path):
            receiver = call.func.value
            name, given = call.func.attr, call.args
            is_tensor = isinstance(receiver, (ast.Name, ast.Call, ast.Attribute))
            if is_tensor and self._is_known(receiver, known):
                return self._method(self._value(receiver, known), name, call, given, known)
        if len(path) == 1 and (found := path.pop()).startswith("torch.") and call.args:
            module, _, name = found.rpartition(".")
            first = call.args[0]
            if module == "torch.Tensor" and isinstance(call.func, ast.Attribute):
                first, given = call.func.value, call.args
            else:
                given = call.args[1:]
            return self._method(self._value(first, known), name, call, given, known)
        raise UnknownStepError

    def _is_known(self, node: ast.expr, known: Mapping[str, Known]) -> bool:
        try:
            return isinstance(self._value(node, known), Shaped)
        except UnknownStepError:
            return False

    def _method(
        self,
        tensor: Known,
        name: str,
        call: ast.Call,
        given: Sequence[ast.expr],
        known: Mapping[str, Known],
    ) -> Known:
        """What a method, or a function of the tensor, gives."""
        if not isinstance(tensor, Shaped) or call.keywords:
            raise UnknownStepError
        if name == "size" and len(given) <= 1:
            sizes = sizes_of(tensor)
            return Length(number(given[0])) if given else sizes
        if name in _SAME and not given:
            return tensor
        if len(given) == 1 and isinstance(given[0], (ast.Tuple, ast.List)):
            given = given[0].elts
        if name in _TRANSPOSING and tensor.step == "apart":
            numbers = [number(each) for each in given]
            turned = [0, 2, 1, *range(3, len(numbers))] if name == "permute" else [1, 2]
            if numbers == turned or (name != "permute" and numbers == [2, 1]):
                return replace(tensor, step="turned")
        if name == "flatten" and tensor.step == "turned":
            if [number(each) for each in given] == [1, 2]:
                return replace(tensor, step="shuffled")
        if name in _SHAPING:
            return reshaped(tensor, self._lengths(given, known))
        raise UnknownStepError

    def _lengths(self, given: Sequence[ast.expr], known: Mapping[str, Known]) -> list[Known]:
        found: list[Known] = []
        for each in given:
            if isinstance(each, ast.UnaryOp):
                found.append(Given(ast.Constant(number(each))))
            elif isinstance(each, ast.Starred):
                if self._value(each.value, known) != Sizes(2):
                    raise UnknownStepError
                found.append(Sizes(2))
            else:
                found.append(self._value(each, known))
        return found


def _arguments(call: ast.Call, names: Sequence[str]) -> list[ast.expr]:
    """What each of some parameters is given.

    Raises:
        UnknownStepError: one is given nothing, or there are others.
    """
    found = [*call.args]
    by_name = {each.arg: each.value for each in call.keywords}
    for name in names[len(found) :]:
        if name not in by_name:
            raise UnknownStepError
        found.append(by_name.pop(name))
    if by_name or len(found) != len(names):
        raise UnknownStepError
    return found


def _attribute(module: ast.expr, name: str | ast.expr) -> ast.expr:
    """An attribute of a module, by its name, or as the module itself calls it."""
    if isinstance(name, ast.Constant):
        return name
    attr = name.attr if isinstance(name, ast.Attribute) else str(name)
    return ast.Attribute(module, attr, ast.Load())
