"""Run a forward that may be the one of torch's BatchNorm, with layers of its own behind.

That is done in one state of the norm, on what stands for its tensors; what is not known to be as in
torch ends it. The running statistics are there, since a norm without them is not split.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from .shape_checks import ShapeChecks

Resolve: TypeAlias = Callable[[ast.expr], str]
"""Gives the dotted path of what is imported; empty for the rest."""

_PARAMETERS: Final = (
    *("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps"),
)
_BATCHES: Final = "num_batches_tracked"
_BATCH_NORM: Final = "torch.nn.functional.batch_norm"


class Unlike(Exception):
    """Something is not as in torch, or not known to be."""


@dataclass(frozen=True)
class _Own:
    """The input, or a tensor, number or layer of the norm, by its name."""

    name: str


@dataclass(frozen=True)
class _Counted:
    """The number of batches after so many of this run, or with ``is_share`` one over that."""

    here: int
    is_share: bool = False


@dataclass(frozen=True)
class _Output:
    """What the norm gives, once these layers have been applied to it."""

    layers: tuple[str, ...] = ()


_Value: TypeAlias = _Own | _Counted | _Output | int | float | str | None
_INPUT: Final = _Own("input")


@dataclass(frozen=True)
class State:
    """What a norm is like when its forward runs.

    Attributes:
        training: whether it is in training mode.
        cumulative: whether it has no momentum, but averages over all batches.
        missing: its layers that are None.
    """

    training: bool
    cumulative: bool
    missing: frozenset[str]


class Run:
    """One run of a forward, on what stands for the tensors.

    Args:
        forward: the method, whose parameters are the norm and its input.
        children: what may be layers of the norm.
        base: the path of torch's class that the norm inherits from.
        resolve: tells what is torch's.
        state: what the norm is like.
    """

    def __init__(
        self,
        forward: ast.FunctionDef,
        children: Collection[str],
        base: str,
        resolve: Resolve,
        state: State,
    ) -> None:
        self.body = forward.body
        self.owner, given = (each.arg for each in forward.args.args)
        self.variables: dict[str, _Value] = {given: _INPUT}
        self.children = frozenset(children)
        self.base = base
        self.resolve = resolve
        self.state = state
        self.counted = 0
        self.normed = 0
        self.applied = 0

    def layers(self) -> tuple[str, ...]:
        """The layers that are applied to what the norm gives, in order.

        Raises:
            Unlike: that is not all.
        """
        result = next(self._returned(self.body), None)
        if isinstance(result, _Output) and self.normed == 1 and self.counted == self.state.training:
            if len({*result.layers}) == len(result.layers) == self.applied:
                return result.layers
        raise Unlike

    @property
    def _checks(self) -> ShapeChecks:
        inputs = [name for name, value in self.variables.items() if value == _INPUT]
        return ShapeChecks(self.owner, inputs, self.variables)

    def _returned(self, body: Iterable[ast.stmt]) -> Iterator[_Value]:
        """Run statements up to the one that returns something; give that."""
        for statement in body:
            match statement:
                case ast.Return(value=ast.expr() as value):
                    yield self._value(value)
                case _ if self._checks.is_check(statement):
                    pass
                case ast.If(test=test, body=body, orelse=orelse):
                    yield from self._returned(body if self._is_true(test) else orelse)
                case _:
                    self._run(statement)

    def _run(self, statement: ast.stmt) -> None:
        match statement:
            case ast.Pass() | ast.Expr(value=ast.Constant()):
                pass
            case ast.Expr(
                value=ast.Call(
                    func=ast.Attribute(value=counter, attr="add_"),
                    args=[ast.Constant(1)],
                    keywords=[],
                )
            ):
                self._count(counter)
            case ast.AugAssign(target=counter, op=ast.Add(), value=ast.Constant(1)):
                self._count(counter)
            case ast.Assign(
                targets=[counter],
                value=ast.BinOp(left=before, op=ast.Add(), right=ast.Constant(1)),
            ) if self._is_own(counter, _BATCHES):
                self._count(before)
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ) if name != self.owner:
                self.variables[name] = self._value(value)
            case _:
                raise Unlike

    def _count(self, counter: ast.expr) -> None:
        if not self._is_own(counter, _BATCHES):
            raise Unlike
        self.counted += 1

    def _value(self, node: ast.expr) -> _Value:
        match node:
            case ast.Constant(value=bool() | int() | float() | None as value):
                return value
            case ast.Name(id=name) if name in self.variables:
                return self.variables[name]
            case ast.Attribute(value=ast.Name(id=self.owner), attr=name):
                return self._attribute(name)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self._value(body if self._is_true(test) else orelse)
            case ast.BoolOp() | ast.Compare() | ast.UnaryOp(op=ast.Not()):
                return self._is_true(node)
            case ast.BinOp(left=ast.Constant(value=1), op=ast.Div(), right=right):
                match self._value(right):
                    case _Counted(here=here, is_share=False):
                        return _Counted(here, is_share=True)
            case ast.Call():
                return self._call(node)
        raise Unlike

    def _attribute(self, name: str) -> _Value:
        if name == "training":
            return self.state.training
        if name == "track_running_stats":
            return True
        if (name == "momentum" and self.state.cumulative) or name in self.state.missing:
            return None
        if name in self.children or name in (*_PARAMETERS[1:], _BATCHES):
            return _Own(name)
        raise Unlike

    def _is_true(self, test: ast.expr) -> bool:
        match test:
            case ast.BoolOp(op=operator, values=values):
                is_and = isinstance(operator, ast.And)
                return (all if is_and else any)(self._is_true(each) for each in values)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return not self._is_true(operand)
            case ast.Compare(left=left, ops=[ast.Is()], comparators=[ast.Constant(value=None)]):
                return self._is_none(left)
            case ast.Compare(left=left, ops=[ast.IsNot()], comparators=[ast.Constant(value=None)]):
                return not self._is_none(left)
            case ast.Constant() | ast.Name() | ast.Attribute():
                return self._holds(self._value(test))
        raise Unlike

    def _holds(self, value: _Value) -> bool:
        if isinstance(value, _Own) and value.name in self.children:
            return True  # but for an empty nn.Sequential, which does nothing
        if value is None or isinstance(value, bool):
            return bool(value)
        raise Unlike

    def _is_none(self, node: ast.expr) -> bool:
        value = self._value(node)
        if value in (_Own("weight"), _Own("bias")):  # which may be
            raise Unlike
        return value is None

    def _call(self, call: ast.Call) -> _Value:
        """What a call gives, of those that are known."""
        match call:
            case (
                ast.Call(func=ast.Name(id="float"), args=[counter], keywords=[])
                | ast.Call(func=ast.Attribute(value=counter, attr="item"), args=[], keywords=[])
            ) if self._is_own(counter, _BATCHES):
                return _Counted(self.counted)
            case ast.Call(args=[*owner, given], keywords=[]) if self._is_of_base(call.func, owner):
                return self._by_base(given)
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=self.owner), attr=name),
                args=[given],
                keywords=[],
            ) if name in self.children - self.state.missing:
                match self._value(given):
                    case _Output(layers=layers):
                        self.applied += 1
                        return _Output((*layers, name))
            case _ if self.resolve(call.func) == _BATCH_NORM and len(call.args) <= len(_PARAMETERS):
                return self._normed(call)
        raise Unlike

    def _is_of_base(self, function: ast.expr, owner: list[ast.expr]) -> bool:
        """Whether what is called is torch's own forward, on the norm."""
        match function:
            case ast.Attribute(
                value=ast.Call(func=ast.Name(id="super"), args=args), attr="forward"
            ):
                return not owner and (not args or self._is_self(args[-1]))
        is_named = self.resolve(function) == f"{self.base}.forward"
        return is_named and len(owner) == 1 and self._is_self(owner[0])

    def _by_base(self, given: ast.expr) -> _Value:
        if self._value(given) != _INPUT or self.counted:
            raise Unlike
        self.normed += 1
        self.counted += self.state.training
        return _Output()

    def _normed(self, call: ast.Call) -> _Value:
        """What ``F.batch_norm`` gives, if it is given what torch's forward gives it."""
        given: dict[str | None, _Value] = {
            **{name: self._value(each) for name, each in zip(_PARAMETERS, call.args, strict=False)},
            **{each.arg: self._value(each.value) for each in call.keywords},
        }
        training, momentum = given.pop("training", False), given.pop("momentum", 0.1)
        tensors = {name: _Own(name) for name in _PARAMETERS if name not in ("training", "momentum")}
        share = _Counted(1, is_share=True) if self.state.cumulative else _Own("momentum")
        is_moved = not training or momentum == share
        if given != tensors or training is not self.state.training or not is_moved:
            raise Unlike
        self.normed += 1
        return _Output()

    def _is_own(self, node: ast.expr, name: str) -> bool:
        return isinstance(node, ast.Attribute) and node.attr == name and self._is_self(node.value)

    def _is_self(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Name) and node.id == self.owner
