"""Whether a length is that of dimension 0 of a tensor, whatever is run."""

from __future__ import annotations

import ast
from itertools import pairwise
from typing import Final

from ..facts.values import Parameter, Size, Value
from ..reading.scopes import COMPREHENSIONS, FUNCTIONS
from ..reading.source import Source
from .rule import Asking

_LOOPS: Final = (ast.For, ast.AsyncFor, ast.While, *COMPREHENSIONS)
_LATER: Final = (*FUNCTIONS, ast.Lambda, ast.ClassDef)


def is_own_length(asking: Asking, length: ast.expr, tensor: ast.expr) -> bool:
    """Whether a length is that of dimension 0 of a tensor that is evaluated just before it.

    It is taken of the same variable, or of one with the same batch.
    """
    measured = _measured(asking.source, length)
    if measured is not None and getattr(tensor, "id", "") == measured.id:
        return True
    is_plain = measured is not None or isinstance(length, ast.Name)
    return is_plain and _is_same_batch(asking, length, tensor)


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


def _is_same_batch(asking: Asking, length: ast.expr, tensor: ast.expr) -> bool:
    """Whether a length was taken of a tensor with the same batch.

    A place of the source stands for one tensor where it is passed once in a call of its function,
    and the tensor is kept nowhere from which another call could take it.
    """
    source, facts = asking.source, asking.facts
    function = source.scope(tensor).node
    if not isinstance(function, FUNCTIONS) or any(
        isinstance(each, _LATER) and each is not function for each in source.inside(function)
    ):
        return False
    if any(isinstance(each, (ast.Global, ast.Nonlocal)) for each in source.nodes):
        return False
    sizes, tensors = facts.values(length), facts.values(tensor)
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
    site = getattr(value, "site", source.tree)
    is_in_loop = any(isinstance(each, _LOOPS) for each in source.ancestors(site))
    return site in source.parent_of and source.scope(site).node is function and not is_in_loop


def _is_given(asking: Asking, value: Value, before: Value) -> bool:
    """Whether a tensor is made of another that is named where it is made."""
    call = getattr(value, "site", None)
    receiver = getattr(getattr(call, "func", None), "value", None)
    given = [*getattr(call, "args", ()), receiver]
    return any(asking.facts.values(each) == {before} for each in given)
