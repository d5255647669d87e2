"""Find the places in a method where an attribute is to be split: each way out passes one."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, takewhile
from typing import Final

from ...reading.classes import ClassIndex
from ...reading.parts import walk
from ...reading.scopes import FUNCTIONS, Function
from ...reading.source import Source
from ..source_facts import facts_of_source
from .keeping import Keeping
from .order import is_set_before, needs, sets
from .run_before import ended_by, with_methods

_LOOPS: Final = (ast.For, ast.AsyncFor, ast.While)
_TRIES: Final = (ast.Try, *((ast.TryStar,) if hasattr(ast, "TryStar") else ()))


@dataclass(frozen=True)
class Place:
    """Where attributes are split.

    Attributes:
        after: the statement that the split follows.
        before: the nodes that are done with when it comes.
        returns: the statements that leave the method earlier, and that it precedes too.
    """

    after: ast.stmt
    before: frozenset[ast.AST]
    returns: tuple[ast.Return, ...] = ()


def find_place(
    index: ClassIndex,
    owner: ast.ClassDef,
    stores: Sequence[Sequence[ast.Attribute]],
    needed: Sequence[ast.Attribute],
    optional: Sequence[ast.Attribute] = (),
) -> Place | None:
    """The last place in a method where nothing else has the values of attributes yet.

    Args:
        index: the source.
        owner: the class.
        stores: for each attribute, all places where the method gives it a value.
        needed: those of them after which it is to be.
        optional: those of them that give a value which may not be there.

    Returns:
        None where the attributes do not surely have their values, and are kept nowhere else.
    """
    source = index.source
    targets = list(chain.from_iterable(stores))
    function = _common_function(index, owner, targets)
    if function is None:
        return None
    block = _common_block(source, targets)
    if any(isinstance(each, _LOOPS) for each in source.ancestors(block[0])):
        return None
    holding = [at for at, each in enumerate(block) if _holds(source, each, needed)]
    names = {each.attr for each in targets}
    facts = facts_of_source(index)
    made = [value for each in names for value in facts.attribute(owner, each)]
    keeping = Keeping(index, made, owner, names)
    first, last = holding[0], len(block)
    if isinstance(source.parent(block[0]), _TRIES):
        last = holding[-1] + 1  # what follows may not be reached
    ends = (at for at in range(first, last) if _ends(block[at]) or keeping.keeps(block[at]))
    last = next(ends, last) - 1
    while last >= holding[-1] and not has_own_line_after(source, block[last]):
        last -= 1
    if last < holding[-1]:
        return None
    for each in stores:
        wanted = {id(source.statement(target)) for target in each}
        if each[0] not in optional and not any(
            sets(statement, wanted) or needs(statement, each[0]) for statement in block[: last + 1]
        ):
            return None
    returns = tuple(_returns(source, function, targets, block[last]))
    if returns and (optional or not all(_can_precede(index, stores, each) for each in returns)):
        return None
    done = ended_by(index, function, source.span(block[last]).end)
    before = with_methods(index, done, keeping.methods)
    return Place(block[last], before, returns)


def has_own_line_after(source: Source, statement: ast.stmt) -> bool:
    """Whether a new line after a statement is in its block, and the next thing to be done."""
    block = source.block(statement)
    following = block[block.index(statement) + 1 :]
    is_last = not following or source.is_first_on_line(following[0])
    return is_last and source.is_first_on_line(block[0])


def _common_function(
    index: ClassIndex, owner: ast.ClassDef, targets: Collection[ast.Attribute]
) -> Function | None:
    """The method of a class that all targets are in, which runs straight to its end."""
    source = index.source
    scopes = {source.scope(each) for each in targets}
    function = next(iter(scopes)).node
    are_of_class = all(index.self_class(each.value) is owner for each in targets)
    if len(scopes) != 1 or not isinstance(function, ast.FunctionDef) or not are_of_class:
        return None
    yields = any(isinstance(each, (ast.Yield, ast.YieldFrom)) for each in walk(function))
    return None if yields else function


def _common_block(source: Source, targets: Sequence[ast.Attribute]) -> list[ast.stmt]:
    """The innermost statements in a row that all targets are in, which one function has."""
    around = (each for each in source.ancestors(targets[0]) if isinstance(each, ast.stmt))
    return next(
        block
        for block in map(source.block, around)
        if {each for one in block for each in walk(one)}.issuperset(targets)
    )


def _ends(statement: ast.stmt) -> bool:
    """Whether nothing behind a statement is reached for what it returns."""
    match statement:
        case ast.If(body=body, orelse=orelse):
            return all(any(map(_ends, block)) for block in (body, orelse))
        case ast.With(body=body):
            return any(map(_ends, body))
    return isinstance(statement, ast.Return)


def _returns(
    source: Source, function: Function, targets: Sequence[ast.Attribute], last: ast.stmt
) -> Iterator[ast.Return]:
    """What may leave a function between the first of some targets and the end of a statement."""
    first, scope = min(targets, key=source.span), source.scope(targets[0])
    around = takewhile(lambda each: each is not function, source.ancestors(first))
    loops = [each for each in around if isinstance(each, _LOOPS)]
    start = source.span(loops[-1] if loops else first).start
    for each in walk(function):
        if isinstance(each, ast.Return) and source.scope(each) is scope:
            if start < source.span(each).start < source.span(last).end:
                yield each


def _can_precede(
    index: ClassIndex, stores: Sequence[Sequence[ast.Attribute]], leaving: ast.Return
) -> bool:
    """Whether attributes can be split right before a statement that leaves the method.

    They must have their values there, whatever happened, and nothing is to come after it.
    """
    source = index.source
    around = takewhile(lambda each: not isinstance(each, FUNCTIONS), source.ancestors(leaving))
    if any(isinstance(each, _TRIES) and each.finalbody for each in around):
        return False
    gives_nothing = leaving.value is None or isinstance(leaving.value, ast.Constant)
    is_free = gives_nothing and source.is_first_on_line(leaving)
    return is_free and all(is_set_before(index, each, leaving) for each in stores)


def _holds(source: Source, statement: ast.stmt, targets: Collection[ast.Attribute]) -> bool:
    return any(each in targets for each in walk(statement))
