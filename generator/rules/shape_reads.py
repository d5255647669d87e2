"""What a forward does with shapes but to check them, or for nothing: dropped.

Before::

    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3)

        def forward(self, x):
            assert x.dim() == 4, "a batch of images"
            n, c, h, w = x.size()
            return self.conv(x)

After::

    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3)

        def forward(self, x):
            return self.conv(x)

PLiNIO (commit 3d6b5e0) traces a model without values: it cannot tell whether a condition on a
shape holds, and refuses ``size``, ``dim`` and slices of ``shape``. Every input that was taken
before gives what it did; where a shape was checked, one of another shape is not refused any more,
which is said.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from ..reading.names import meaning
from ..reading.scopes import FUNCTIONS
from ..reading.source import Source
from ..rewriting.edits import Removal
from .channel_orders import stands_in_shuffle
from .norm_subclass import stands_in_norm
from .rule import Asking, Left, Proposal
from .tensors import (
    is_in_model,
    is_tensor,
    is_tensor_by_method,
    may_be_tensor,
    see_that_it_is_tensor,
)

CODE: Final = "shape-reads"
_ATTRIBUTES: Final = ("shape", "ndim")
_METHODS: Final = ("size", "dim", "ndimension")
_HARMLESS: Final = ("len", "tuple", "list", "int")
"""Builtins of which nothing but numbers and shapes are made here."""
_ASSERT: Final = "_assert"
_PLAIN: Final = (
    *(ast.Compare, ast.BoolOp, ast.UnaryOp, ast.BinOp, ast.Subscript, ast.Slice, ast.Tuple),
    *(ast.List, ast.Name, ast.Attribute, ast.Constant, ast.Call, ast.cmpop, ast.boolop),
    *(ast.unaryop, ast.operator, ast.expr_context),
)
_TARGETS: Final = (ast.Name, ast.Tuple, ast.List, ast.Starred)
_LOOKING: Final = ("locals", "vars", "eval", "exec", "dir")
"""Builtins that may read any variable."""
_CHECKED: Final = "dropped: an input of another shape is not refused here any more"
_UNUSED: Final = "dropped: nothing uses it"


def may_apply(text: str) -> bool:
    """Whether a text may read a shape in a forward."""
    reads = (*_ATTRIBUTES, *(f"{each}(" for each in _METHODS))
    return "torch" in text and "def forward" in text and any(f".{each}" in text for each in reads)


def sites(source: Source) -> Iterator[ast.expr]:
    """What is checked, and what shapes are read by themselves."""
    for node in source.nodes:
        if isinstance(node, ast.stmt):
            read, test = _read(node), _check(node)
            if read is not None and _is_refused(read):
                yield read
            elif test is not None and any(_reads(source, test)):
                yield test


def _check(statement: ast.stmt) -> ast.expr | None:
    """The condition that a statement sees to, if it does nothing else."""
    match statement:
        case ast.Assert(test=test) | ast.If(test=test, body=[ast.Raise()], orelse=[]):
            return test
        case ast.Expr(value=ast.Call(func=function, args=[test, *_])):
            is_named = getattr(function, "attr", getattr(function, "id", "")) == _ASSERT
            return test if is_named else None
    return None


def _read(statement: ast.stmt) -> ast.expr | None:
    """The shape that variables are given, which nothing else is done with."""
    match statement:
        case ast.Assign(targets=[ast.Name() | ast.Tuple() | ast.List()], value=value):
            read = value.value if isinstance(value, ast.Subscript) else value
            return value if _receiver(read) is not None else None
    return None


def _is_refused(read: ast.expr) -> bool:
    """Whether PLiNIO refuses what reads a shape; it takes that and its items as attributes."""
    if isinstance(read, ast.Subscript):
        return isinstance(read.slice, ast.Slice) or _is_refused(read.value)
    return isinstance(read, ast.Call)


def _receiver(node: ast.AST) -> ast.expr | None:
    """Of what an expression reads the shape, or a length."""
    match node:
        case ast.Attribute(value=receiver, attr=name) if name in _ATTRIBUTES:
            return receiver
        case ast.Call(func=ast.Attribute(value=receiver, attr=name), args=args, keywords=[]):
            is_plain = all(isinstance(each, (ast.Constant, ast.UnaryOp)) for each in args)
            return receiver if name in _METHODS and is_plain else None
    return None


def _bound_by_read(source: Source, node: ast.AST) -> ast.expr | None:
    """Of what a variable is a length, if one statement is all that binds it."""
    if not isinstance(node, ast.Name):
        return None
    found = source.scope(node).lookup(node.id)
    if found is None or len(found[1]) != 1 or node.id in source.scope(source.tree).nonlocals:
        return None
    binding = found[1][0].node
    read = _read(source.statement(binding)) if isinstance(binding, ast.Name) else None
    return next(filter(None, map(_receiver, ast.walk(read))), None) if read is not None else None


def is_meant(asking: Asking, node: ast.expr) -> bool:
    """Whether it is the shape of a tensor in a method of a module.

    Of a norm with layers ``norm-subclass`` drops what is checked.
    """
    is_in_method = asking.source.class_around(node) is not None and is_in_model(asking, node)
    if not is_in_method or stands_in_norm(asking, node) or stands_in_shuffle(asking, node):
        return False
    statement = asking.source.statement(node)
    if isinstance(statement, ast.Expr) and not _is_imported(asking, statement.value):
        return False
    return any(_may_depend_on_input(asking, each) for each in _reads(asking.source, node))


def _may_depend_on_input(asking: Asking, node: ast.expr) -> bool:
    """Whether something may be a tensor, and none that is always the same."""
    is_unclear = not is_tensor(asking, node) and is_tensor_by_method(asking, node)
    return is_unclear or may_be_tensor(asking, node)


def _is_imported(asking: Asking, call: ast.expr) -> bool:
    """Whether torch's ``_assert`` is called, be it through a module that has it for old torch."""
    path = meaning(asking.source, call.func).path if isinstance(call, ast.Call) else ""
    return path.rpartition(".")[2] == _ASSERT


def _reads(source: Source, node: ast.expr) -> Iterator[ast.expr]:
    """Of what an expression reads the shape, be it where its variables are bound."""
    for each in ast.walk(node):
        found = _receiver(each) or _bound_by_read(source, each)
        if found is not None:
            yield found


def propose(asking: Asking, node: ast.expr) -> Proposal:
    """Nothing in place of the statement."""
    source = asking.source
    statement = source.statement(node)
    _see_that_it_is_only_read(asking, node)
    if isinstance(statement, ast.Assign):
        _see_that_it_is_unused(source, statement)
    if not source.has_own_lines(statement):
        raise Left("it has no lines of its own")
    own = {source.statement(each) for each in sites(source)}
    if own.issuperset(source.block(statement)):
        raise Left("its block does nothing else")
    asking.keep_comments(statement)
    is_block = isinstance(statement, ast.If)
    edit = Removal(statement, statement if is_block else None)
    return Proposal(_UNUSED if isinstance(statement, ast.Assign) else _CHECKED, (edit,))


def _see_that_it_is_only_read(asking: Asking, node: ast.expr) -> None:
    """See that an expression does nothing but to read shapes.

    Raises:
        Left: something else is called, or what is read may be no tensor.
    """
    for each in ast.walk(node):
        is_call = isinstance(each, ast.Call) and _receiver(each) is None
        if is_call and getattr(getattr(each, "func", None), "id", "") not in _HARMLESS:
            raise Left(f"{asking.source.shown(node)} calls something else")
        if not isinstance(each, _PLAIN):
            raise Left(f"{asking.source.shown(node)} is no plain condition")
    for receiver in _reads(asking.source, node):
        see_that_it_is_tensor(asking, receiver, is_tensor_by_method)


def _see_that_it_is_unused(source: Source, statement: ast.Assign) -> None:
    """See that no variable is read that a statement binds.

    Raises:
        Left: one is, or may be.
    """
    function = source.function_around(statement)
    assert isinstance(function, FUNCTIONS), "it stands in a method"
    for target in ast.walk(statement.targets[0]):
        if isinstance(target, ast.expr) and not isinstance(target, _TARGETS):
            raise Left("it is kept in something else than variables")
        if not isinstance(target, ast.Name):
            continue
        if source.scope(target).node is not function or target.id in _outer(source, target):
            raise Left(f"{target.id} is no variable of its own")
        for name in source.names(function, target.id):
            is_changed = isinstance(source.parent(name), ast.AugAssign)
            if is_changed or not isinstance(name.ctx, ast.Store):
                raise Left(f"{target.id} is used", name)
    for looking in _LOOKING:
        for each in source.names(function, looking):
            raise Left("all variables may be read", each)


def _outer(source: Source, name: ast.Name) -> set[str]:
    """The names that are bound in scopes around that of a name."""
    scope = source.scope(name)
    return scope.globals | source.scope(source.tree).nonlocals
