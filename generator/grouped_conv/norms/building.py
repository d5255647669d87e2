"""Find out what an nn.ModuleList holds, and where it is all there."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from ...reading.classes import Access
from ...reading.containers import container
from ...reading.flow import Flow
from ...reading.names import meaning
from ...reading.scopes import FUNCTIONS, assigned_value
from ..refusal import Refusal, line_of

_LATER: Final = (*FUNCTIONS, ast.Lambda)


@dataclass(frozen=True)
class BuiltList:
    """An nn.ModuleList that is built at one place.

    Attributes:
        target: the attribute that it is given to.
        items: what builds what is in it.
        adding: the uses of the attribute that add to it.
        last: the statement, in the block of the first, after which it is all there.
    """

    target: ast.Attribute
    items: tuple[ast.expr, ...]
    adding: tuple[ast.Attribute, ...]
    last: ast.stmt


def find_built(flow: Flow, accesses: Sequence[Access]) -> BuiltList | None:
    """The list that an attribute is given; None where it is no list, or not at one place.

    Raises:
        Refusal: it is not seen what is in it.
    """
    source = flow.source
    stores = [each.node for each in accesses if not isinstance(each.node.ctx, ast.Load)]
    value = assigned_value(source.parent_of, stores[0]) if len(stores) == 1 else None
    if (
        not isinstance(value, ast.Call)
        or container(meaning(source, value.func).path) != "ModuleList"
    ):
        return None
    (target,) = stores
    loads = [each.node for each in accesses if isinstance(each.node.ctx, ast.Load)]
    added = {each: item for each in loads for item in _appended(flow, each)}
    block = source.block(source.statement(target))
    places = [block.index(source.statement(target))]
    for each in added:
        inside = takewhile(lambda one: not isinstance(one, _LATER), source.ancestors(each))
        around = [block.index(one) for one in inside if one in block and isinstance(one, ast.stmt)]
        if not around:
            raise Refusal(f"self.{target.attr} is added to elsewhere ({line_of(each)})")
        places += around
    items = [*_given(flow, target, value), *added.values()]
    return BuiltList(target, tuple(items), tuple(added), block[max(places)])


def _appended(flow: Flow, receiver: ast.expr) -> list[ast.expr]:
    """What is appended to a list by a use of it."""
    method = flow.source.parent(receiver)
    call = flow.source.parent(method)
    match call:
        case ast.Call(func=ast.Attribute(attr="append") as function, args=[item], keywords=[]):
            is_plain = function is method and not isinstance(item, ast.Starred)
            return [item] if is_plain else []
    return []


def _given(flow: Flow, target: ast.Attribute, call: ast.Call) -> list[ast.expr]:
    """What a new nn.ModuleList is given."""
    if not call.args and not call.keywords:
        return []
    found = None
    if len(call.args) == 1 and not call.keywords:
        argument = call.args[0]
        found = _collected(flow, argument) if isinstance(argument, ast.Name) else _listed(argument)
    if found is None:
        raise Refusal(f"it is not seen what self.{target.attr} holds ({line_of(call)})")
    return found


def _listed(value: ast.expr) -> list[ast.expr] | None:
    """What is in a list as it is written."""
    match value:
        case ast.List(elts=items):
            return None if any(isinstance(each, ast.Starred) for each in items) else items
        case ast.ListComp(elt=item) | ast.GeneratorExp(elt=item):
            return [item]
    return None


def _collected(flow: Flow, name: ast.Name) -> list[ast.expr] | None:
    """What is in a list that a function only builds up for one use."""
    known = flow.source.scope(name).only_value(name.id)
    if known is None or not isinstance(known[0].node, FUNCTIONS):
        return None
    found = _listed(known[1])
    for each in flow.loads[known[0], name.id]:
        items = _appended(flow, each)
        if found is None or (not items and each is not name):
            return None
        found = found + items
    return found
