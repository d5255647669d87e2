"""What was seen in a run of a source, for the text that a pass of rewriting has made of it.

Statements are told by the function or class that they stand in and, where none came or went in
that, by their number, or else where there is one like it alone, before and after. Of one that has
changed only the expressions that it still has are known.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ..reading.scopes import COMPREHENSIONS, FUNCTIONS
from ..reading.source import Source
from ..seen.schema import Event, Place
from .seen import place_of, seen_in

_DEFINITIONS: Final = (*FUNCTIONS, ast.ClassDef)
_NOT_ONCE: Final = (ast.NamedExpr, ast.Lambda, ast.Await, ast.Yield, ast.YieldFrom, *COMPREHENSIONS)
"""What may have one expression be several things in one statement."""
_Blocks = dict[tuple[str, ...], list[ast.stmt]]


def carried(source: Source, tree: ast.Module, apart: Iterable[int]) -> dict[Place, list[Event]]:
    """What was seen in a source, by the places in another tree that was made of it.

    Args:
        source: the source.
        tree: the other tree.
        apart: the lines of the source at which statements have come, gone, or been taken apart.
    """
    found: dict[Place, list[Event]] = {}
    if not source.seen:
        return found
    before, after = _blocks(source.tree), _blocks(tree)
    lines = sorted({*apart})
    for name in before.keys() & after.keys():
        old_block, new_block = before[name], after[name]
        start, end = old_block[0].lineno, max(each.end_lineno or 0 for each in old_block)
        is_numbered = not any(start <= line <= end + 1 for line in lines)
        for old, new in _pairs(old_block, new_block, is_numbered):
            for place, events in _of_statement(source, old, new):
                found.setdefault(place, []).extend(events)
    return found


def _blocks(tree: ast.Module) -> _Blocks:
    """The statements of each function and class, by its name and those around; not of twins."""
    found: _Blocks = {}
    twins: set[tuple[str, ...]] = set()

    def go(name: tuple[str, ...], node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                found.setdefault(name, []).append(child)
            if isinstance(child, _DEFINITIONS):
                inner = (*name, child.name)
                if inner in found:
                    twins.add(inner)
                go(inner, child)
            elif not isinstance(child, ast.expr):
                go(name, child)

    go((), tree)
    return {name: each for name, each in found.items() if not _below(name, twins)}


def _below(name: tuple[str, ...], twins: set[tuple[str, ...]]) -> bool:
    return any(name[:count] in twins for count in range(1, len(name) + 1))


def _pairs(
    before: list[ast.stmt], after: list[ast.stmt], is_numbered: bool
) -> Iterator[tuple[ast.stmt, ast.stmt]]:
    kinds = [[type(each) for each in block] for block in (before, after)]
    if is_numbered and kinds[0] == kinds[1]:
        yield from zip(before, after, strict=True)
        return
    old, new = _alone(before), _alone(after)
    yield from ((old[text], new[text]) for text in old.keys() & new.keys())


def _alone(block: list[ast.stmt]) -> dict[str, ast.stmt]:
    texts = [*map(_text, block)]
    counts = Counter(texts)
    return {text: each for text, each in zip(texts, block, strict=True) if counts[text] == 1}


def _text(statement: ast.stmt) -> str:
    """What tells a statement from others, but for the blocks in it."""
    parts = (ast.dump(each) for each in ast.iter_child_nodes(statement) if _is_own(each))
    return "\n".join((type(statement).__name__, *parts))


def _is_own(node: ast.AST) -> bool:
    return not isinstance(node, (ast.stmt, ast.ExceptHandler, ast.match_case))


def _own(statement: ast.stmt) -> Iterator[ast.AST]:
    """All that a statement has but for the blocks in it."""
    for child in ast.iter_child_nodes(statement):
        if _is_own(child):
            yield from ast.walk(child)


def _of_statement(
    source: Source, old: ast.stmt, new: ast.stmt
) -> Iterator[tuple[Place, list[Event]]]:
    nodes = [*_own(old)]
    if _text(old) == _text(new):
        for one, other in zip(nodes, _own(new), strict=True):
            if isinstance(one, ast.expr) and isinstance(other, ast.expr):
                events = source.seen.get(place_of(one))
                if events:
                    yield place_of(other), [*events]
    elif not any(isinstance(each, _NOT_ONCE) for each in nodes):
        values = _values(source, nodes)
        for node in _own(new):
            known = values.get(ast.dump(node)) if isinstance(node, ast.expr) else None
            if known and isinstance(node, ast.expr):
                yield place_of(node), known


def _values(source: Source, nodes: list[ast.AST]) -> Mapping[str, list[Event]]:
    """What the expressions of a statement were seen to be, by what they are."""
    seen = seen_in(source)
    found: dict[str, list[Event]] = {}
    for node in nodes:
        if isinstance(node, ast.expr):
            told: list[Any] = [{"kind": "value", "gave": each} for each in seen.values(node)]
            found.setdefault(ast.dump(node), []).extend(told)
    return found
