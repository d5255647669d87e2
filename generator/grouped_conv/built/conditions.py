"""Tell whether the flag on which a norm is applied has its value in the constructor already."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Set
from typing import Final

from ...reading.parts import walk
from ...reading.scopes import FUNCTIONS, assigned_value
from ..norms.norm_after import Pair
from ..norms.pairs import Pairs

_PLAIN: Final = (ast.Constant, ast.Name, ast.Compare, ast.BoolOp, ast.UnaryOp, ast.IfExp)
"""What the value of a flag is made of: what nobody can change while the attribute has it."""


def is_settled(
    pairs: Pairs, pair: Pair, before: Set[ast.AST], returns: Iterable[ast.Return]
) -> bool:
    """Whether the condition for a norm is the same once some nodes are done, and ever after."""
    test = pair.conditions[0]
    given = _given(pairs, pair, test) if test is not None else []
    is_before = pairs.source.is_before
    are_there = (each in before and all(is_before(each, one) for one in returns) for each in given)
    return test is None or (bool(given) and all(are_there))


def is_built_under_it(pairs: Pairs, pair: Pair) -> bool:
    """Whether a norm is built just where the condition for it holds."""
    test, source = pair.conditions[0], pairs.source
    given = _given(pairs, pair, test) if test is not None else []
    if test is None or not given or len(pair.stores) != 1:
        return False
    statement = source.statement(pair.stores[0].target)
    guard = source.parent(statement)
    if not isinstance(guard, ast.If) or statement not in guard.body:
        return False
    names = [each for each in walk(guard.test) if isinstance(each, ast.Name)]
    found = [source.scope(each).lookup(each.id) for each in names]
    return (
        isinstance(source.parent(guard), FUNCTIONS)
        and ast.dump(guard.test) in (ast.dump(given[0]), ast.dump(test))
        and all(each is not None and len(each[1]) == 1 for each in found)
    )


def _given(pairs: Pairs, pair: Pair, test: ast.expr) -> list[ast.expr]:
    """What a constructor sets a flag to; nothing if anything else sets it, or changes what it is.

    The first is what it is set to whatever happens, and others, which take that back, are False.
    """
    index, source, own = pairs.index, pairs.source, getattr(pair.convs[0].value, "id", "")
    match test:
        case ast.Attribute(value=ast.Name(id=instance), attr=name) if instance == own:
            accesses = [each.node for each in pairs.accesses(pair.owner, name)]
        case _:
            return []
    given = [each for each in accesses if not isinstance(each.ctx, ast.Load)]
    given.sort(key=lambda each: each.lineno)
    uses = pairs.surroundings.facts.uses_of_instances(pair.owner)
    written = {each.node for each in uses if each.kind == "write" and each.name == name}
    is_bound = any(name in each.scope.bindings for each in index.classes[pair.owner].relatives())
    is_named = is_bound or any(index.mentions.computed(name)) or not written <= {*given}
    if not given or is_named or name in (pair.conv, pair.norm, "training"):
        return []
    if any(isinstance(source.parent(each), (ast.Attribute, ast.Subscript)) for each in accesses):
        return []
    scope = source.scope(pair.convs[0])
    is_own = all(source.scope(each) is scope for each in given)
    first, *others = (assigned_value(source.parent_of, each) for each in given)
    is_there = source.parent(source.statement(given[0])) is scope.node
    are_taken_back = all(isinstance(each, ast.Constant) and each.value is False for each in others)
    is_all = is_there and is_own and are_taken_back and first is not None and _is_plain(first)
    return [each for each in (first, *others) if each is not None] if is_all else []


def _is_plain(value: ast.expr) -> bool:
    match value:
        case ast.Call(func=ast.Name(id="bool"), args=[_]):
            return True
    return isinstance(value, _PLAIN) and all(
        _is_plain(each) for each in ast.iter_child_nodes(value) if isinstance(each, ast.expr)
    )
