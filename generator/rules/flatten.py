"""``view`` and ``reshape`` that flatten: as ``torch.flatten``, which PLiNIO takes.

Before::

    import torch
    from torch import nn


    class Net(nn.Module):
        def forward(self, x, y):
            n = y.size(0)
            return x.view(x.size(0), -1), torch.relu(y).reshape(n, -1)

After::

    import torch
    from torch import nn


    class Net(nn.Module):
        def forward(self, x, y):
            n = y.size(0)
            return torch.flatten(x, 1), torch.flatten(torch.relu(y), 1)

PLiNIO (commit 3d6b5e0) refuses ``view`` and ``reshape`` as unsupported nodes. Both are the same for
every batch, of two or more dimensions; of one, ``view`` gives a matrix and ``flatten`` raises.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from ..facts.values import Constant, Object, Parameter, Size, Tensor, Unknown, Value
from ..reading.scopes import COMPREHENSIONS, FUNCTIONS
from ..reading.source import Source
from ..rewriting.edits import TextEdit
from .rule import Asking, Left, Proposal

CODE: Final = "flatten"
_METHODS: Final = ("view", "reshape")
_RESHAPING: Final = frozenset(
    f"{each}_"
    for each in ("unsqueeze", "squeeze", "t", "transpose", "swapaxes", "swapdims", "resize", "set")
) | {"resize_as_", "as_strided_"}
"""Methods that change the shape of a tensor itself. (torch 2.13)"""
_LOOPS: Final = (ast.For, ast.AsyncFor, ast.While, *COMPREHENSIONS)
_LATER: Final = (*FUNCTIONS, ast.Lambda, ast.ClassDef)


def may_apply(text: str) -> bool:
    """Whether a tensor may be flattened in a text."""
    return "torch" in text and any(f".{each}" in text for each in _METHODS)


def sites(source: Source) -> Iterator[ast.Call]:
    """The calls of the form ``x.view(n, -1)``."""
    for node in source.nodes:
        match node:
            case ast.Call(func=ast.Attribute(attr=name), keywords=[]) if name in _METHODS:
                match _dimensions(node):
                    case [
                        first,
                        ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(one))),
                    ] if one == 1 and not isinstance(
                        first, (ast.Constant, ast.UnaryOp, ast.Starred)
                    ):
                        yield node


def is_meant(asking: Asking, call: ast.Call) -> bool:
    """Whether it may be a tensor that is reshaped."""
    values = asking.facts.values(_receiver(call))
    return not values or any(map(_may_be_tensor, values))


def propose(asking: Asking, call: ast.Call) -> Proposal:
    """Flatten where the first dimension stays."""
    receiver, first = _receiver(call), _dimensions(call)[0]
    shown = asking.source.shown
    if not _is_tensor(asking, call):
        raise Left(f"{shown(receiver)} is not known to be a tensor")
    if not (_is_measured(asking, first, receiver) or _is_same_batch(asking, first, receiver)):
        raise Left(f"{shown(first)} is not known to be the length of its dimension 0")
    for node in asking.source.nodes:
        if isinstance(node, ast.Attribute) and node.attr in _RESHAPING:
            raise Left(f"a tensor is reshaped in place (line {node.lineno})")
    asking.keep_comments(call, receiver)
    function, imports = asking.spelled("torch.flatten", call)

    def emit(code: str) -> str:
        value = {"function": function, "x": code}
        return asking.templates.render("flatten.py.jinja", "expression", value)

    after = f"{function}({shown(receiver)}, 1)"
    return Proposal(after, (TextEdit(call, receiver, emit),), imports)


def _receiver(call: ast.Call) -> ast.expr:
    assert isinstance(call.func, ast.Attribute)
    return call.func.value


def _dimensions(call: ast.Call) -> list[ast.expr]:
    """The new shape, which may be given as a tuple."""
    if len(call.args) == 1 and isinstance(call.args[0], (ast.Tuple, ast.List)):
        return call.args[0].elts
    return call.args


def _may_be_tensor(value: Value) -> bool:
    is_strange = isinstance(value, Object) and value.kind == "?"
    return is_strange or isinstance(value, (Tensor, Parameter, Unknown))


def _is_tensor(asking: Asking, call: ast.Call) -> bool:
    """Whether nothing but a tensor can be reshaped so, or the facts say that it is one.

    ``view`` of two numbers and ``size`` of one are torch's alone; arrays of numpy have the rest.
    """
    values = asking.facts.values(_receiver(call))
    if not all(_may_be_tensor(each) or isinstance(each, Constant) for each in values):
        return False
    if isinstance(call.func, ast.Attribute) and call.func.attr == "view":
        return True
    match _dimensions(call)[0]:
        case ast.Call(func=ast.Attribute(attr="size")):
            return True
    if values and all(isinstance(each, (Tensor, Constant)) for each in values):
        return True
    owner = asking.source.class_around(call)
    is_in_module = owner is not None and asking.facts.is_module(owner)
    return is_in_module and "numpy" not in asking.source.text


def _is_measured(asking: Asking, first: ast.expr, receiver: ast.expr) -> bool:
    """Whether a dimension is the length of what is reshaped, taken at the same place."""
    measured = _measured(asking.source, first)
    return measured is not None and getattr(receiver, "id", "") == measured.id


def _measured(source: Source, node: ast.expr) -> ast.Name | None:
    """The variable whose dimension 0 an expression takes the length of."""
    match node:
        case ast.Call(
            func=ast.Attribute(value=ast.Name() as of, attr="size"),
            args=[ast.Constant(value=0)],
            keywords=[],
        ):
            return of
        case ast.Subscript(
            value=ast.Attribute(value=ast.Name() as of, attr="shape")
            | ast.Call(func=ast.Attribute(value=ast.Name() as of, attr="size"), args=[]),
            slice=ast.Constant(value=0),
        ):
            return of
        case ast.Call(func=ast.Name(id="len"), args=[ast.Name() as of]) if (
            "len" in source.free_names
        ):
            return of
    return None


def _is_same_batch(asking: Asking, first: ast.expr, receiver: ast.expr) -> bool:
    """Whether a dimension was taken of a tensor with the same batch.

    A place of the source stands for one tensor where it is passed once in a call of its function,
    and the tensor is kept nowhere from which another call could take it.
    """
    source, facts = asking.source, asking.facts
    function = source.scope(receiver).node
    if not isinstance(function, FUNCTIONS) or any(
        isinstance(each, _LATER) and each is not function for each in source.inside(function)
    ):
        return False
    if any(isinstance(each, (ast.Global, ast.Nonlocal)) for each in source.nodes):
        return False
    if not isinstance(first, ast.Name) and _measured(source, first) is None:
        return False
    sizes, tensors = facts.values(first), facts.values(receiver)
    lengths = [each for each in sizes if isinstance(each, Size) and each.dimension == 0]
    if not tensors or len(lengths) != 1 or len(sizes) != 1 or any(facts.heap.holders(lengths[0])):
        return False
    chains = [facts.batches(each) for each in (lengths[0].of, *tensors)]
    return (
        len({chain[-1] for chain in chains}) == 1
        and all(_is_local(asking, each, function) for chain in chains for each in chain)
        and all(_is_given(asking, *pair) for chain in chains for pair in pairwise(chain))
    )


def _is_local(asking: Asking, value: Value, function: ast.AST) -> bool:
    """Whether a value is another one in each call of a function, and one in each."""
    if any(asking.facts.heap.holders(value)):
        return False
    if isinstance(value, Parameter):
        return value.function is function
    source = asking.source
    if not isinstance(value, Tensor) or value.site not in source.scope_of:
        return False
    is_in_loop = any(isinstance(each, _LOOPS) for each in source.ancestors(value.site))
    return source.scope(value.site).node is function and not is_in_loop


def _is_given(asking: Asking, value: Value, before: Value) -> bool:
    """Whether a tensor is made of another that is named where it is made."""
    call = getattr(value, "site", None)
    if not isinstance(call, ast.Call):
        return False
    given = [*call.args, *([call.func.value] if isinstance(call.func, ast.Attribute) else [])]
    return any(asking.facts.values(each) == {before} for each in given)
