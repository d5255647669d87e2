"""Have what a split convolution gives go into a concatenation of channels part by part.

    y = torch.cat([x, self.conv(x)], 1)      y = torch.cat([x, *outputs_of(self.conv, x)], 1)

also from a variable, and where a loop or a comprehension collects it::

    out.append(conv(x))                      out.extend(outputs_of(conv, x))

PLiNIO's PIT takes no concatenation of a concatenation. What is called may be any module: that is
asked when it is called.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from ..facts.facts import Facts
from ..facts.values import STRANGE, Object, Tensor, Value
from ..reading.directives import Directives
from ..reading.naming import fresh, names_in, outermost_function
from ..reading.scopes import FUNCTIONS
from ..reading.source import Source
from ..rewriting.edits import Edit, TextEdit

_CATS: Final = frozenset(("torch.cat", "torch.concat", "torch.concatenate"))
_FUNCTIONS: Final = (*FUNCTIONS, ast.Lambda)
_LISTS: Final = ("builtins.list", "builtins.tuple")

Outputs: TypeAlias = Callable[[str, str], str]
"""What makes, of the code of a module and that of its input, that of a list of its outputs."""


@dataclass(frozen=True)
class Feed:
    """A call whose result goes into one concatenation of channels, and nowhere else.

    Attributes:
        call: the call, of a convolution or of the norm after it.
        cat: the call that concatenates.
        place: what puts the result among what that takes: the call itself, the variable that stands
            for it, the call of ``append``, or the list comprehension.
        target: where the variable is given the result, if there is one.
    """

    call: ast.Call
    cat: ast.Call
    place: ast.expr
    target: ast.Name | None = None


def find_feed(source: Source, facts: Facts, directives: Directives, call: ast.Call) -> Feed | None:
    """The concatenation that the result of a call only goes into, where both may change."""
    given = facts.values(call)
    if len(call.args) != 1 or call.keywords or isinstance(call.args[0], ast.Starred):
        return None
    if not given or not all(map(_is_result, given)):
        return None
    users = {use.node for each in given for use in facts.uses(each)}
    (cat,) = users if len(users) == 1 else (None,)
    if not isinstance(cat, ast.Call) or not _is_of_channels(facts, cat) or not source.has(cat):
        return None
    lists = {holder for each in given for holder, _ in facts.heap.holders(each)}
    is_all = bool(lists) and lists == facts.values(cat.args[0])
    if not is_all or not all(_is_of(facts, each, cat) for each in lists):
        return None
    if _may_be_read_later(source, facts, call):
        return None
    feed = _placed(source, facts, call, cat)
    if feed is None or any(map(directives.forbids, map(source.statement, (call, cat, feed.place)))):
        return None
    return feed


def _is_result(value: Value) -> bool:
    """Whether something is what a module gives, be it one that is not known."""
    return isinstance(value, Tensor) or (isinstance(value, Object) and value.kind == STRANGE)


def _is_of(facts: Facts, holder: Value, cat: ast.Call) -> bool:
    """Whether something is a list that is there for a concatenation alone."""
    is_list = isinstance(holder, Object) and holder.kind in _LISTS
    is_used = any(use.node is not cat and use.name != "append" for use in facts.uses(holder))
    return is_list and not is_used and not any(facts.heap.holders(holder))


def _is_of_channels(facts: Facts, cat: ast.Call) -> bool:
    """Whether a call concatenates along dimension 1."""
    paths = {getattr(each, "path", "") for each in facts.values(cat.func)}
    dims = [*cat.args[1:], *(each.value for each in cat.keywords if each.arg in ("dim", "axis"))]
    is_all = cat.args and len(cat.args) + len(cat.keywords) == 2
    return bool(is_all) and paths <= _CATS and [getattr(each, "value", 0) for each in dims] == [1]


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


def _placed(source: Source, facts: Facts, call: ast.Call, cat: ast.Call) -> Feed | None:
    parent = source.parent(call)
    has_comment = isinstance(parent, ast.expr) and "#" in source.code(parent)  # it would be lost
    match parent:
        case ast.ListComp(elt=element, generators=generators) if element is call:
            is_async = any(each.is_async for each in generators)
            return None if is_async or has_comment else Feed(call, cat, parent)
        case ast.Call(func=ast.Attribute(value=ast.Name(), attr="append"), args=[_]):
            is_statement = isinstance(source.parent(parent), ast.Expr)
            return Feed(call, cat, parent) if is_statement and not has_comment else None
        case ast.Assign(targets=[ast.Name() as target]):
            read = _only_read(source, facts, call, target)
            is_element = read is not None and _is_element(source, read, cat)
            return Feed(call, cat, read, target) if read is not None and is_element else None
    return Feed(call, cat, call) if _is_element(source, call, cat) else None


def _only_read(source: Source, facts: Facts, call: ast.Call, target: ast.Name) -> ast.Name | None:
    """The only place where a local variable is read that has the result of a call, and no other."""
    found = source.scope(target).lookup(target.id)
    if found is None or not isinstance(found[0].node, FUNCTIONS):
        return None
    given = facts.values(call)
    names = source.names(found[0].node, target.id)
    reads = [each for each in names if not isinstance(each.ctx, ast.Store)]
    reads = [each for each in reads if not facts.values(each).isdisjoint(given)]
    is_changed = any(
        isinstance(each.ctx, ast.Del) or isinstance(source.parent(each), ast.AugAssign)
        for each in names
    )
    is_shared = target.id in found[0].module.nonlocals
    if is_changed or is_shared or len(reads) != 1 or not facts.values(reads[0]) <= given:
        return None
    return reads[0]


def _is_element(source: Source, node: ast.expr, cat: ast.Call) -> bool:
    """Whether an expression is one of those in a call of ``torch.cat``, where a star may stand."""
    listed = source.parent(node)
    if not isinstance(listed, (ast.Tuple, ast.List)) or cat.args[:1] != [listed]:
        return False
    start, end = source.span(node)
    before, after = source.text[:start].rstrip(), source.text[end:].lstrip()
    return not (before.endswith("(") and after.startswith(")"))


def make_output_edits(source: Source, feeds: Iterable[Feed], outputs: Outputs) -> Iterator[Edit]:
    """The edits of the calls whose results a concatenation takes one by one."""
    taken: dict[ast.AST, set[str]] = {}
    for feed in feeds:
        function = outermost_function(source, feed.call)
        if function not in taken:
            taken[function] = names_in(function)
        yield from _edits(source, feed, taken[function], outputs)


def _edits(source: Source, feed: Feed, taken: set[str], outputs: Outputs) -> Iterator[Edit]:
    """The edits of one call; ``taken`` are the names that a variable must not have."""
    call, place = feed.call, feed.place
    (given,) = call.args

    def emit(code: str) -> str:
        return outputs(source.code(call.func), code)

    if isinstance(place, ast.ListComp):
        variable = fresh("output", taken)
        found: list[str] = []

        def element(code: str) -> str:
            found.append(emit(code))
            return variable

        yield TextEdit(call, given, element)
        yield TextEdit(
            place, place, lambda code: f"{code[:-1].rstrip()} for {variable} in {found[-1]}]"
        )
    elif feed.target is not None:
        name = fresh("outputs", taken)
        taken.add(name)
        yield TextEdit(call, given, emit)
        yield TextEdit(feed.target, feed.target, lambda code: name)
        yield TextEdit(place, place, lambda code: f"*{name}")
    elif place is call:
        yield TextEdit(call, given, lambda code: f"*{emit(code)}")
    else:
        assert isinstance(place, ast.Call) and isinstance(place.func, ast.Attribute)
        listed = source.code(place.func.value)
        yield TextEdit(place, given, lambda code: f"{listed}.extend({emit(code)})")
