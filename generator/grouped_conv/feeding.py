"""Have what a split convolution gives go into a concatenation of channels part by part.

    y = torch.cat([x, self.conv(x)], 1)      y = torch.cat([x, *outputs_of(self.conv, x)], 1)

also from a variable, and where a loop or a comprehension collects it::

    out.append(conv(x))                      out.extend(outputs_of(conv, x))

PLiNIO's PIT takes no concatenation of a concatenation. What is called may be any module: that is
asked when it is called. The rule ``flat-cat`` adds to that what goes through elementwise layers, or
is read by others too (``elementwise.py``).
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from ..facts.facts import Facts
from ..facts.values import STRANGE, Object, Tensor, Value
from ..reading.directives import Directives
from ..reading.scopes import FUNCTIONS
from ..reading.source import Source
from .feed import Feed
from .feed_path import Path
from .gathered import gathered

_FUNCTIONS: Final = (*FUNCTIONS, ast.Lambda)


def find_feed(
    source: Source,
    facts: Facts,
    directives: Directives,
    call: ast.Call,
    is_flat: bool = False,
) -> Feed | None:
    """The concatenation that the result of a call goes into, where both may change.

    Args:
        source: the source.
        facts: what may happen in it.
        directives: the comments that leave something alone.
        call: the call.
        is_flat: whether elementwise layers may stand between, and others read the result too.
    """
    if len(call.args) != 1 or call.keywords or isinstance(call.args[0], ast.Starred):
        return None
    given = facts.values(call)
    if not given or not all(map(_is_result, given)) or _may_be_read_later(source, facts, call):
        return None
    found = Path(source, facts).feed(call)
    if found is None or not (is_flat or (found.is_plain and _is_only_use(facts, given, found.cat))):
        return None
    listed = getattr(getattr(found.place, "func", None), "value", None)
    if is_flat and isinstance(listed, ast.Name):
        found = replace(found, list=gathered(source, facts, listed))
    nodes: list[ast.expr] = [call, found.cat, found.place, *(each.call for each in found.steps)]
    nodes += (*found.list.items, *found.list.appended) if found.list is not None else ()
    if any(map(directives.forbids, map(source.statement, nodes))):
        return None
    return found


def find_nested(source: Source, facts: Facts, cat: ast.Call) -> Feed | None:
    """The concatenation that what another one gives goes into, in the same function."""
    if _may_be_read_later(source, facts, cat):
        return None
    return Path(source, facts).feed(cat)


def _is_result(value: Value) -> bool:
    """Whether something is what a module gives, be it one that is not known."""
    return isinstance(value, Tensor) or (isinstance(value, Object) and value.kind == STRANGE)


def _is_only_use(facts: Facts, given: Iterable[Value], cat: ast.Call) -> bool:
    """Whether nothing is done with what a call gives but to concatenate it, in known lists."""
    users = {use.node for each in given for use in facts.uses(each)}
    lists = {holder for each in given for holder, _ in facts.heap.holders(each)}
    return users == {cat} and bool(lists) and lists == facts.values(cat.args[0])


def _may_be_read_later(source: Source, facts: Facts, call: ast.Call) -> bool:
    """Whether a function in that of a call reads a variable of it, and is not seen to be called."""
    function = source.function_around(call)
    return function is not None and any(
        isinstance(each, ast.Name)
        and isinstance(each.ctx, ast.Load)
        and not facts.values(each)
        and _is_free(source, each, function)
        for each in source.inside(function)
    )


def _is_free(source: Source, name: ast.Name, function: ast.AST) -> bool:
    """Whether a function inside another one reads a variable of that."""
    found = source.scope(name).lookup(name.id)
    own = next(each for each in source.ancestors(name) if isinstance(each, _FUNCTIONS))
    return own is not function and found is not None and found[0].node is function
