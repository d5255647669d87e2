"""Tell whether a forward is the one of torch's BatchNorm, with layers behind.

It calls that of torch, or is a copy of it; checks of the shape of the input may stand before.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

Resolve: TypeAlias = Callable[[ast.expr], str]
"""Gives the dotted path of what is imported; empty for the rest."""

BATCH_NORM: Final = "torch.nn.functional.batch_norm"
_TORCHS: Final = """
if self.momentum is None:
    factor = 0.0
else:
    factor = self.momentum
if self.training and self.track_running_stats:
    if self.num_batches_tracked is not None:
        self.num_batches_tracked.add_(1)
        if self.momentum is None:
            factor = 1.0 / float(self.num_batches_tracked)
        else:
            factor = self.momentum
if self.training:
    bn_training = True
else:
    bn_training = (self.running_mean is None) and (self.running_var is None)
x = F.batch_norm(
    x,
    self.running_mean if not self.training or self.track_running_stats else None,
    self.running_var if not self.training or self.track_running_stats else None,
    self.weight, self.bias, bn_training, factor, self.eps)
"""
_OF_SHAPE: Final = frozenset(("dim", "size", "len", "_check_input_dim", "_assert"))


def layers_behind(
    forward: ast.FunctionDef,
    children: Collection[str],
    base: str,
    resolve: Resolve,
    inner: str = "",
) -> Mapping[str, bool] | None:
    """The layers that a forward applies behind the norm, in order; None if it does anything else.

    Each with whether it may be None, and then is not applied.

    Args:
        forward: the method, whose parameters are the norm and its input.
        children: what may be layers of the norm.
        base: the path of torch's class that the norm inherits from.
        resolve: tells what is torch's.
        inner: the attribute that is the norm where it is held; empty where it is inherited from.
    """
    owner, given = (each.arg for each in forward.args.args)
    body = [each for each in forward.body if not _is_check(each, owner, given)]
    count = len(ast.parse(_TORCHS).body)
    is_copy = _is_copy(body[:count], owner, given, resolve)
    reading = _Reading(owner, given, children, base, resolve, inner, given if is_copy else "")
    try:
        layers = [each for one in body[count * is_copy :] for each in reading.statement(one)]
    except _Unlike:
        return None
    is_all = bool(body) and isinstance(body[-1], ast.Return)
    return dict(layers) if is_all and len(dict(layers)) == len(layers) else None


def _is_copy(statements: list[ast.stmt], owner: str, given: str, resolve: Resolve) -> bool:
    """Whether some statements are torch's own."""
    text = "\n".join(map(ast.unparse, statements))
    for node in (each for one in statements for each in ast.walk(one)):
        if isinstance(node, ast.Call) and resolve(node.func) == BATCH_NORM:
            text = text.replace(f"{ast.unparse(node.func)}(", "F.batch_norm(")
    return _renamed(text, owner, given) == _renamed(_TORCHS, "self", "x")


class _Unlike(Exception):
    """Something is not as in torch, or not known to be."""


@dataclass
class _Reading:
    """Reads what follows the norm; ``output`` has what there is, and is empty before the norm."""

    owner: str
    given: str
    children: Collection[str]
    base: str
    resolve: Resolve
    inner: str
    output: str

    def statement(self, statement: ast.stmt) -> list[tuple[str, bool]]:
        """The layers that a statement applies."""
        name, layers = "", list[tuple[str, bool]]()
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                layers = self._value(value)
            case ast.Return(value=ast.expr() as value):
                layers = self._value(value)
            case ast.If(
                test=test, body=[ast.Assign(targets=[ast.Name(id=name)], value=value)], orelse=[]
            ) if name == self.output:
                layers = self._optional(test, value)
            case _:
                raise _Unlike
        self.output = name or "?"  # nothing has what is returned
        return layers

    def _value(self, node: ast.expr) -> list[tuple[str, bool]]:
        """The layers that an expression applies to what there is."""
        match node:
            case ast.Name(id=name) if name == self.output:
                return []
            case ast.Call(args=[*owner, ast.Name(id=name)], keywords=[]) if (
                name == self.given and not self.output and self._is_of_base(node.func, owner)
            ):
                return []
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=self.owner), attr=layer),
                args=[given],
                keywords=[],
            ) if layer in self.children:
                return [*self._value(given), (layer, False)]
            case ast.IfExp(test=test, body=body, orelse=ast.Name(id=name)) if name == self.output:
                return self._optional(test, body)
        raise _Unlike

    def _optional(self, test: ast.expr, value: ast.expr) -> list[tuple[str, bool]]:
        """A layer that is applied if it is there."""
        (layer, _), *others = self._value(value) or [("", False)]
        asked = f"{self.owner}.{layer}"
        forms = (asked, f"{asked} is not None", f"not {asked} is None")
        if others or not self.output or ast.unparse(test) not in forms:
            raise _Unlike
        return [(layer, True)]

    def _is_of_base(self, function: ast.expr, owner: list[ast.expr]) -> bool:
        """Whether what is called is torch's own forward, on the norm."""
        match function:
            case ast.Attribute(value=held, attr=name) if self.inner:
                return name == self.inner and self._is_self(held) and not owner
            case ast.Attribute(
                value=ast.Call(func=ast.Name(id="super"), args=args), attr="forward"
            ):
                return not owner and (not args or self._is_self(args[-1]))
        is_named = self.resolve(function) == f"{self.base}.forward"
        return is_named and len(owner) == 1 and self._is_self(owner[0])

    def _is_self(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Name) and node.id == self.owner


def _renamed(text: str, owner: str, given: str) -> str:
    """Statements with usual names for the norm, its input and the local variables."""
    names = {owner: "self", given: "x"}
    tree = ast.parse(text)
    found = [each for each in ast.walk(tree) if isinstance(each, ast.Name)]
    for node in sorted(found, key=lambda each: (each.lineno, each.col_offset)):
        if isinstance(node.ctx, ast.Store):
            names.setdefault(node.id, f"v{len(names)}")
    for node in found:
        node.id = names.get(node.id, node.id)
    return ast.dump(tree)


def _is_check(statement: ast.stmt, owner: str, given: str) -> bool:
    """Whether a statement does no more than to check the shape of the input."""
    match statement:
        case ast.Pass() | ast.Expr(value=ast.Constant()):
            return True
        case ast.Assert() | ast.If(body=[ast.Raise()], orelse=[]):
            nodes = [*ast.walk(statement.test)]
        case ast.Expr(value=ast.Call()):
            nodes = [*ast.walk(statement)]
        case _:
            return False
    calls = [each.func for each in nodes if isinstance(each, ast.Call)]
    names = {str(getattr(each, "attr", getattr(each, "id", ""))) for each in calls}
    known = {owner, given, "len", "torch", "_assert"}
    return names <= _OF_SHAPE and all(
        each.id in known for each in nodes if isinstance(each, ast.Name)
    )
