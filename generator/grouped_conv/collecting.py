"""Find where a loop collects what convolutions give, for one concatenation of channels.

    out = []                                     out = []
    for conv in self.convs:                      for conv in self.convs:
        out.append(conv(x))                          out.extend(outputs_of(conv, x))
    return torch.cat(out, dim=1)                 return torch.cat(out, dim=1)

PLiNIO's PIT takes no concatenation of a concatenation, as in ``joining``. What is collected may be
any module: that is asked when it is called.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..reading.directives import Directives
from ..reading.parts import walk
from ..reading.scopes import FUNCTIONS
from ..reading.source import Source
from .joining import is_cat_of_channels


@dataclass(frozen=True)
class Collected:
    """A call of a module whose result is put into a list, which is concatenated and no more.

    Attributes:
        call: the call.
        place: the call of ``append`` or the list comprehension that puts it there.
        cat: the call that concatenates.
    """

    call: ast.Call
    place: ast.Call | ast.ListComp
    cat: ast.Call


def find_collected(
    source: Source, directives: Directives, modules: Iterable[ast.expr]
) -> Iterator[Collected]:
    """The calls of what some expressions stand for whose results are collected."""
    for module in sorted(modules, key=source.span):
        call = source.parent(module)
        if not isinstance(call, ast.Call) or call.func is not module:
            continue
        if len(call.args) != 1 or call.keywords or isinstance(call.args[0], ast.Starred):
            continue
        found = _collected(source, call)
        if found is not None:
            statements = [source.statement(each) for each in (found.place, found.cat)]
            if not any(map(directives.forbids, statements)):
                yield found


def _collected(source: Source, call: ast.Call) -> Collected | None:
    place = source.parent(call)
    match place:
        case ast.ListComp(elt=element) if element is call:
            is_async = any(each.is_async for each in place.generators)
            cat = None if is_async else _cat_of(source, place)
        case ast.Call(func=ast.Attribute(value=ast.Name() as listed, attr="append"), args=[_]):
            is_statement = isinstance(source.parent(place), ast.Expr)
            cat = _cat_of_variable(source, listed) if is_statement else None
        case _:
            return None
    has_comment = "#" in source.code(place)  # which would be lost
    return Collected(call, place, cat) if cat is not None and not has_comment else None


def _cat_of(source: Source, listed: ast.expr) -> ast.Call | None:
    """The concatenation that a list goes into, at once or from a variable."""
    parent = source.parent(listed)
    match parent:
        case ast.Assign(targets=[ast.Name() as target]):
            return _cat_of_variable(source, target)
        case ast.Call() if is_cat_of_channels(source, parent, listed):
            return parent
    return None


def _cat_of_variable(source: Source, name: ast.Name) -> ast.Call | None:
    """The concatenation of a local list that is built up, and goes into that alone."""
    found = source.scope(name).lookup(name.id)
    if found is None or not isinstance(found[0].node, FUNCTIONS):
        return None
    scope, bindings = found
    lists = (ast.List, ast.ListComp)
    if len(bindings) != 1 or not isinstance(bindings[0].value, lists):
        return None
    if name.id in scope.module.nonlocals:
        return None
    cats = []
    for each in walk(scope.node):
        if isinstance(each, ast.Name) and each.id == name.id and isinstance(each.ctx, ast.Load):
            if source.scope(each).lookup(name.id) != found:
                return None
            parent = source.parent(each)
            if isinstance(parent, ast.Attribute) and parent.attr == "append":
                continue
            if not isinstance(parent, ast.Call) or not is_cat_of_channels(source, parent, each):
                return None
            cats.append(parent)
    return cats[0] if len(cats) == 1 else None
