"""Tell whether a forward is the one of torch's BatchNorm, with layers behind.

It calls that of torch, or is a copy of it; checks of the shape of the input may stand before.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final, TypeAlias

Resolve: TypeAlias = Callable[[ast.expr], str]
"""Gives the dotted path of what is imported; empty for the rest."""

_BATCH_NORM: Final = "torch.nn.functional.batch_norm"
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
    forward: ast.FunctionDef, children: Collection[str], base: str, resolve: Resolve
) -> Mapping[str, bool] | None:
    """The layers that a forward applies behind the norm, in order; None if it does anything else.

    Each with whether it may be None, and then is not applied.

    Args:
        forward: the method, whose parameters are the norm and its input.
        children: what may be layers of the norm.
        base: the path of torch's class that the norm inherits from.
        resolve: tells what is torch's.
    """
    owner, given = (each.arg for each in forward.args.args)
    body = [each for each in forward.body if not _is_check(each, owner, given)]
    reading = _Reading(owner, children, base, resolve)
    count = len(ast.parse(_TORCHS).body)
    if reading.is_copy(body[:count], given):
        body, reading.output = body[count:], given
    else:
        reading.given = given
    try:
        reading.read(body)
    except _Unlike:
        return None
    names = [name for name, _ in reading.layers]
    is_all = reading.is_left and len({*names}) == len(names)
    return dict(reading.layers) if is_all else None


class _Unlike(Exception):
    """Something is not as in torch, or not known to be."""


class _Reading:
    """Reads what follows the norm.

    Attributes:
        layers: those that have been applied, each with whether it may be None.
        output: the variable that has what they give; empty before the norm is applied.
        given: the one that has the input until then.
        is_left: whether the forward has been left with that.
    """

    def __init__(self, owner: str, children: Collection[str], base: str, resolve: Resolve) -> None:
        self.owner = owner
        self.children = children
        self.base = base
        self.resolve = resolve
        self.layers: list[tuple[str, bool]] = []
        self.output = self.given = ""
        self.is_left = False

    def is_copy(self, statements: list[ast.stmt], given: str) -> bool:
        """Whether some statements are torch's own."""
        text = "\n".join(map(ast.unparse, statements))
        for node in (each for one in statements for each in ast.walk(one)):
            if isinstance(node, ast.Call) and self.resolve(node.func) == _BATCH_NORM:
                text = text.replace(f"{ast.unparse(node.func)}(", "F.batch_norm(")
        return _renamed(text, self.owner, given) == _renamed(_TORCHS, "self", "x")

    def read(self, statements: list[ast.stmt]) -> None:
        """Note the layers that some statements apply."""
        for statement in statements:
            match statement:
                case _ if self.is_left:
                    raise _Unlike
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    self._value(value)
                    self.output = name
                case ast.Return(value=ast.expr() as value):
                    self._value(value)
                    self.is_left = True
                case ast.If(
                    test=test,
                    body=[ast.Assign(targets=[ast.Name(id=name)], value=value)],
                    orelse=[],
                ):
                    self._optional(test, value, self.output)
                    if name != self.output:
                        raise _Unlike
                case _:
                    raise _Unlike

    def _value(self, node: ast.expr) -> None:
        """Note the layers that an expression applies to what there is."""
        match node:
            case ast.Name(id=name) if name == self.output:
                pass
            case ast.Call(args=[*owner, ast.Name(id=name)], keywords=[]) if (
                name == self.given and not self.output and self._is_of_base(node.func, owner)
            ):
                self.output = "?"
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=self.owner), attr=layer),
                args=[given],
                keywords=[],
            ) if layer in self.children:
                self._value(given)
                self.layers.append((layer, False))
            case ast.IfExp(test=test, body=body, orelse=ast.Name(id=name)) if name == self.output:
                self._optional(test, body, name)
            case _:
                raise _Unlike

    def _optional(self, test: ast.expr, value: ast.expr, output: str) -> None:
        """Note a layer that is applied if it is there."""
        count = len(self.layers)
        self._value(value)
        added = self.layers[count:]
        asked = f"{self.owner}.{added[0][0]}" if len(added) == 1 else ""
        forms = (asked, f"{asked} is not None", f"not {asked} is None")
        if not output or ast.unparse(test) not in forms or not asked:
            raise _Unlike
        self.layers[-1] = added[0][0], True

    def _is_of_base(self, function: ast.expr, owner: list[ast.expr]) -> bool:
        """Whether what is called is torch's own forward, on the norm."""
        match function:
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
    for node in _in_order(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.setdefault(node.id, f"v{len(names)}")
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = names.get(node.id, node.id)
    return ast.dump(tree)


def _in_order(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _in_order(child)


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
