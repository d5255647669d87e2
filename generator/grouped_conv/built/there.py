"""Tell what a source splits already by a line that gencode has written."""

from __future__ import annotations

import ast
from itertools import takewhile

from ...facts.values import Object
from ...reading.classes import ClassIndex
from ...reading.directives import Directives
from ...reading.kept import kept
from ...reading.parts import walk
from ..find import Site
from ..reached import Reached
from ..refusal import Refusal
from ..tracing import Tracing
from .beside import stored_as
from .ends import End, InAttribute, InSequence, find_ends
from .helper import SPLITTING, is_splitting
from .run_before import ended_by


def is_split_there(tracing: Tracing, site: Site) -> bool:
    """Whether a convolution is split, wherever it ends up, by calls of the helper."""
    index = tracing.index
    if not any(each in index.source.text for each in SPLITTING):
        return False
    calls = _splitting(index)
    if any(site.call in each.args for each in calls):
        return True
    if not calls:
        return False
    if any(_is_variable(tracing, site, each) for call in calls for each in call.args):
        return True
    reached = tracing.reached(site)
    ends = find_ends(tracing, site).found
    free = [each for each in ends if not _is_left_alone(tracing.directives, each)]
    return bool(free) and all(_is_split(index, each, calls, reached) for each in free)


def sets_later(tracing: Tracing, site: Site) -> bool:
    """Whether a weight of what is split there may be set once it is, or before in another place."""
    source = tracing.index.source
    try:
        uses = tracing.uses(site)
    except Refusal:
        return True
    done: set[ast.AST] = set()
    for each in _splitting(tracing.index):
        function = source.function_around(each)
        done |= {*walk(each)}
        if function is not None:
            start = source.span(source.statement(each)).start
            done |= ended_by(tracing.index, function, start)
    found = uses.obstacles_after(done, done, site.call, tracing.line)
    return any(not each.is_apart for each in found)


def _is_variable(tracing: Tracing, site: Site, node: ast.expr) -> bool:
    """Whether a convolution is in a variable that the helper is given where it is built."""
    around, facts = tracing.index.source.function_around, tracing.surroundings.facts
    is_here = isinstance(node, ast.Name) and around(node) is around(site.call) is not None
    made = {each for each in facts.values(site.call) if isinstance(each, Object)}
    return is_here and not made.isdisjoint(facts.values(node))


def _is_left_alone(directives: Directives, end: End) -> bool:
    node = end.target if isinstance(end, InAttribute) else end.item
    return directives.skip(node) is not None


@kept
def _splitting(index: ClassIndex) -> list[ast.Call]:
    """The calls of the helper."""
    return [
        each
        for each in index.source.nodes
        if isinstance(each, ast.Call) and is_splitting(index.source, each.func)
    ]


def _is_split_behind(index: ClassIndex, item: ast.expr, arguments: list[ast.expr]) -> bool:
    """Whether lines right behind a statement split what it has stored."""
    source = index.source
    code, statement = stored_as(index, item), source.statement(item)
    block = source.block(statement)
    splitting = {source.statement(each): ast.unparse(each) for each in arguments}
    behind = takewhile(splitting.__contains__, block[block.index(statement) + 1 :])
    return code is not None and code in map(splitting.get, behind)


def _is_split(index: ClassIndex, end: End, calls: list[ast.Call], reached: Reached) -> bool:
    source = index.source
    arguments = [each for call in calls for each in call.args]
    attributes = {
        (index.self_class(each.value), each.attr)
        for each in arguments
        if isinstance(each, ast.Attribute)
    }
    if end.item in arguments or _is_split_behind(index, end.item, arguments):
        return True
    match end:
        case InAttribute(owner=owner, target=target):
            return (owner, target.attr) in attributes
        case InSequence(call=around):
            codes, scope = end.codes(source), source.scope(around)
            if around in arguments or _is_split_behind(index, around, arguments):
                return True
            return any(
                source.code(each) in codes for each in arguments if source.scope(each) is scope
            )
        case _:  # in a list
            return bool(reached.attributes) and reached.attributes <= attributes
