"""The convolutions that give what is concatenated before a norm, as a constructor names them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from typing import Final

from .. import torch_api
from ..facts.facts import Facts
from ..facts.order import in_order
from ..facts.values import Instance, Object, Tensor, Value
from ..reading.source import Source
from .rule import Asking, Left

_OUTPUTS: Final = re.compile(r"outputs_of(_\d+)?")
"""The helper of ``grouped_conv`` that gives what the parts of a convolution give."""
_NOT_KNOWN: Final = "it is not known which convolutions are gone over"


def is_of_conv(value: Value) -> bool:
    """Whether something is a tensor that a convolution of torch gives."""
    kind = getattr(getattr(value, "producer", None), "kind", "")
    return isinstance(value, Tensor) and kind in torch_api.CONVOLUTIONS


def layers_before(asking: Asking, cat: ast.Call, owner: ast.ClassDef, this: str) -> str:
    """The code of what gives what is concatenated, in order: a list of attributes, or one.

    Raises:
        Left: something else does, or may.
    """
    given = cat.args[0]
    if isinstance(given, ast.Name):
        given = _collected(asking.source, given) or given
    match given:
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            found = (f"{this}.{_conv(asking, each, cat, owner)}" for each in elements)
            return f"[{', '.join(found)}]"
    iterated, facts = list_gone_over(asking, cat, this), asking.facts
    lists = facts.attribute(owner, iterated.attr)
    if lists != facts.values(iterated) or site_of(lists) is None:
        raise Left(_NOT_KNOWN)
    return f"{this}.{iterated.attr}"


def list_gone_over(asking: Asking, cat: ast.Call, this: str) -> ast.Attribute:
    """The attribute whose items give what is concatenated, in order; all are convolutions.

    Raises:
        Left: something else does, or may.
    """
    given = cat.args[0]
    if isinstance(given, ast.Name):
        given = _collected(asking.source, given) or given
    match given:
        case ast.ListComp(elt=output, generators=[over, *inner]) if _is_over(output, over, inner):
            listed = inner[0].iter if inner else output
            _ = [*_check_convs(asking, listed, cat, is_split=bool(inner))]
            if isinstance(over.iter, ast.Attribute) and _is_own(over.iter, this):
                return over.iter
            raise Left(_NOT_KNOWN)
    raise Left("what is concatenated is not written as a list")


def _collected(source: Source, name: ast.Name) -> ast.ListComp | None:
    """The comprehension that a variable has, or that is the same as a loop which fills its list."""
    function = source.function_around(name)
    uses = source.names(function, name.id) if function is not None else []
    stores = [each for each in uses if not isinstance(each.ctx, ast.Load)]
    loads = [each for each in uses if isinstance(each.ctx, ast.Load) and each is not name]
    if len(stores) != 1 or len(loads) > 1:
        return None
    bound = source.parent(stores[0])
    if not loads:
        value = getattr(bound, "value", None) if source.parent(bound) is function else None
        return value if isinstance(value, ast.ListComp) else None
    begins, adds = source.parent(stores[0]), source.statement(loads[0])
    loop = source.parent(adds)
    is_empty = isinstance(begins, ast.Assign) and ast.unparse(begins.value) == "[]"
    if not is_empty or not isinstance(loop, ast.For) or loop.body != [adds] or loop.orelse:
        return None
    if source.parent(loop) is not function or source.parent(begins) is not function:
        return None
    over = ast.comprehension(loop.target, loop.iter, [], 0)
    match adds:
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="append"), args=[output])):
            return ast.ListComp(output, [over])
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="extend"), args=[outputs])):
            each = ast.Name("output", ast.Store())
            return ast.ListComp(each, [over, ast.comprehension(each, outputs, [], 0)])
    return None


def _is_own(node: ast.Attribute, this: str) -> bool:
    """Whether an expression is an attribute of the instance of a method."""
    return isinstance(node.value, ast.Name) and node.value.id == this


def _is_over(output: ast.expr, over: ast.comprehension, inner: list[ast.comprehension]) -> bool:
    """Whether each is applied that is gone over, or the outputs of each are listed."""
    called, name = output, getattr(over.target, "id", None)
    if len(inner) == 1 and getattr(inner[0].target, "id", None) == getattr(output, "id", ""):
        called = inner[0].iter
    elif inner:
        return False
    match called:
        case ast.Call(func=ast.Name(id=function), args=[ast.Name(id=first), *_]) if inner:
            is_of_each = first == name and _OUTPUTS.fullmatch(function) is not None
        case ast.Call(func=ast.Name(id=function)):
            is_of_each = function == name and not inner
        case _:
            return False
    return is_of_each and not any(each.ifs or each.is_async for each in (over, *inner))


def _conv(asking: Asking, node: ast.expr, cat: ast.Call, owner: ast.ClassDef) -> str:
    """The attribute with the convolution that gives an input, or several.

    Raises:
        Left: there is no such.
    """
    facts, shown = asking.facts, asking.source.shown(node)
    is_split = False
    match node:
        case ast.Starred(value=ast.Call(func=ast.Name(id=function), args=[_, _])):
            is_split = _OUTPUTS.fullmatch(function) is not None
    producers = {*_check_convs(asking, node, cat, is_split)}
    paths = {_path(facts, owner, each) for each in producers}
    (path,) = paths if len(paths) == 1 and site_of(producers) is not None else ("",)
    if not path:
        raise Left(f"it is not known which convolution gives {shown}")
    return path


def site_of(values: Iterable[Value]) -> ast.AST | None:
    """Where alone some objects are made, be it by subclasses of a class too; None for several."""
    sites = {each.site if isinstance(each, Object) else None for each in values}
    return sites.pop() if len(sites) == 1 else None


def _path(facts: Facts, owner: ast.ClassDef, conv: Object) -> str:
    """The attribute that has a convolution, by itself or last in an nn.Sequential; or nothing."""
    held = conv
    holders = {each for each, _ in facts.heap.holders(conv)}
    (sequence,) = holders if len(holders) == 1 else (None,)
    end = ""
    if isinstance(sequence, Object) and sequence.kind == "torch.nn.Sequential":
        slots = facts.heap.slots(sequence)
        if facts.heap.is_loose(sequence) or slots[-1].values != {conv} or not slots[-1].is_one:
            return ""
        held, end = sequence, "[-1]"
    names = {name for holder, name in facts.heap.holders(held) if isinstance(holder, Instance)}
    (name,) = names if len(names) == 1 else ("",)
    is_one = bool(name) and site_of(facts.attribute(owner, name)) is held.site
    return f"{name}{end}" if is_one else ""


def _check_convs(asking: Asking, node: ast.expr, cat: ast.Call, is_split: bool) -> Iterator[Object]:
    """The convolutions that give an input, which nothing else takes.

    Raises:
        Left: it may be something else.
    """
    facts, shown = asking.facts, asking.source.shown(node)
    values = facts.values(node.value if isinstance(node, ast.Starred) else node)
    if is_split:
        values = facts.with_items(values) - values
    for value in in_order(values):
        conv = value.producer if isinstance(value, Tensor) else None
        if not isinstance(conv, Object) or not is_of_conv(value):
            raise Left(f"{shown} is not known to be what a convolution gives")
        if not is_split and not facts.is_plain(conv):
            raise Left(f"{shown} may be that of a grouped convolution")
        if any(use.node is not cat for use in facts.uses(value) if use.kind != "return"):
            raise Left(f"{shown} has another use too")
        yield conv
