"""What is done with when a convolution is split: what its function has run, and what that calls."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator

from ...reading.classes import ClassIndex
from ...reading.parts import walk
from ...reading.scopes import FUNCTIONS
from ..source_facts import facts_of_source


def ended_by(index: ClassIndex, function: ast.AST, offset: int) -> frozenset[ast.AST]:
    """The nodes of a function that end at an offset, or before it."""
    return frozenset(
        each
        for each in walk(function)
        if isinstance(each, (ast.expr, ast.stmt)) and index.source.span(each).end <= offset
    )


def with_methods(
    index: ClassIndex, done: frozenset[ast.AST], methods: Iterable[ast.AST]
) -> frozenset[ast.AST]:
    """Some nodes, and those of methods that nothing else speaks of."""
    inside = {each: set(walk(each)) for each in methods if isinstance(each, FUNCTIONS)}
    known = done.union(*inside.values())
    found = set(done)
    for method, nodes in inside.items():
        spoken = {each.node for each in index.accesses(method.name)}
        if spoken | {*index.names.get(method.name, [])} <= known:
            found |= nodes
    return frozenset(found)


def handed_before(
    index: ClassIndex, reached: Iterable[ast.expr], done: Collection[ast.AST]
) -> Iterator[ast.AST]:
    """The nodes of the functions that are handed one of some expressions only where that is done.

    Args:
        index: the source.
        reached: all that may be a convolution.
        done: the nodes that are done with when it is split.
    """
    calls: dict[ast.AST, list[ast.Call]] = {}
    facts = facts_of_source(index)
    for each in reached:
        call = index.source.parent(each)
        if isinstance(call, ast.Call) and each in call.args:
            for function in filter(index.source.has, facts.functions(call.func)):
                calls.setdefault(function, []).append(call)
    while True:  # a function may hand it to itself, or to another one
        inside = {each for called in calls for each in walk(called)}
        left = {
            called: handing
            for called, handing in calls.items()
            if all(each in done or each in inside for each in handing)
        }
        if len(left) == len(calls):
            yield from inside
            return
        calls = left
