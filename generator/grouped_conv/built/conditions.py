"""Tell whether the condition under which a norm is applied is one of the constructor already."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from ...reading.parts import walk
from ...reading.scopes import FUNCTIONS, assigned_value
from ..norms.norm_after import Pair
from ..norms.pairs import Pairs
from .places import Place

_PLAIN: Final = (ast.Constant, ast.Name, ast.Compare, ast.BoolOp, ast.UnaryOp, ast.IfExp)
"""What the value of a flag is made of: what nobody can change while the attribute has it."""


def is_settled(pairs: Pairs, pair: Pair, place: Place) -> bool:
    """Whether the condition for a norm is the same in a place of the constructor, and ever after.

    It is if it is made of flags that the constructor itself sets before, whatever happens, and
    that nothing else sets, names or changes. One that it is made of as it is may be taken back.
    """
    test = pair.conditions[0]
    if test is None or not _is_of_flags(test, pair):
        return test is None
    given = [_given(pairs, pair, each) for each in _flags(test)]
    if any(len(each) > 1 for each in given) and not _is_positive(test):
        return False
    values = [value for each in given for value in each]
    return all(given) and all(_is_there(pairs, each, place) for each in values)


def _is_positive(test: ast.expr) -> bool:
    """Whether a condition no longer holds, or as before, where a flag of it is taken back."""
    if isinstance(test, ast.BoolOp):
        return all(map(_is_positive, test.values))
    return isinstance(test, ast.Attribute)


def _is_there(pairs: Pairs, value: ast.expr, place: Place) -> bool:
    """Whether a statement of a constructor has given a value, whichever way that is left."""
    is_before = pairs.source.is_before
    return value in place.before and all(is_before(value, each) for each in place.returns)


def is_built_under_it(pairs: Pairs, pair: Pair) -> bool:
    """Whether a norm is built just where the condition for it holds."""
    test = pair.conditions[0]
    if test is None or len(pair.stores) != 1 or not _is_of_flags(test, pair):
        return False
    source = pairs.source
    statement = source.statement(pair.stores[0].target)
    guard = source.parent(statement)
    if not isinstance(guard, ast.If) or statement not in guard.body:
        return False
    if not isinstance(source.parent(guard), FUNCTIONS):
        return False
    names = [each for each in walk(guard.test) if isinstance(each, ast.Name)]
    found = [source.scope(each).lookup(each.id) for each in names]
    is_same = _as_given(pairs, pair, test) == _as_given(pairs, pair, guard.test)
    return is_same and all(each is not None and len(each[1]) == 1 for each in found)


def _is_of_flags(test: ast.expr, pair: Pair) -> bool:
    """Whether a condition asks for flags alone, in ways that never fail."""
    match test:
        case ast.Attribute(value=ast.Name(id=name), attr=flag):
            is_own = name == getattr(pair.convs[0].value, "id", "")
            return is_own and flag not in (pair.conv, pair.norm, "training")
        case ast.Compare(left=left, ops=[operator], comparators=[ast.Constant()]):
            is_safe = isinstance(operator, (ast.Eq, ast.NotEq, ast.Is, ast.IsNot))
            return is_safe and _is_of_flags(left, pair)
        case ast.BoolOp(values=values):
            return all(_is_of_flags(each, pair) for each in values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _is_of_flags(operand, pair)
    return False


def _flags(test: ast.expr) -> Iterator[ast.Attribute]:
    return (each for each in walk(test) if isinstance(each, ast.Attribute))


def _given(pairs: Pairs, pair: Pair, flag: ast.Attribute) -> list[ast.expr]:
    """What a constructor sets a flag to; nothing if anything else sets it, or changes what it is.

    The first is what it is set to whatever happens, and others are False.
    """
    index, source, name = pairs.index, pairs.source, flag.attr
    accesses = [each.node for each in pairs.accesses(pair.owner, name)]
    given = [each for each in accesses if not isinstance(each.ctx, ast.Load)]
    relatives = index.classes[pair.owner].relatives()
    uses = pairs.surroundings.facts.uses_of_instances(pair.owner)
    written = [each.node for each in uses if each.kind == "write" and each.name == name]
    is_named = not {*written} <= {*given} or any(index.mentions.computed(name))
    if not given or is_named or any(name in each.scope.bindings for each in relatives):
        return []
    if any(isinstance(source.parent(each), (ast.Attribute, ast.Subscript)) for each in accesses):
        return []
    given.sort(key=lambda each: each.lineno)
    scope = source.scope(pair.convs[0])
    values = [assigned_value(source.parent_of, each) for each in given]
    known = [each for each in values if each is not None]
    is_there = source.parent(source.statement(given[0])) is scope.node
    is_own = all(source.scope(each) is scope for each in given)
    are_taken_back = all(
        isinstance(each, ast.Constant) and each.value is False for each in known[1:]
    )
    is_all = is_there and is_own and are_taken_back and len(known) == len(values)
    return known if is_all and _is_plain(known[0]) else []


def _is_plain(value: ast.expr) -> bool:
    match value:
        case ast.Call(func=ast.Name(id="bool"), args=[_]):
            return True
    return isinstance(value, _PLAIN) and all(
        _is_plain(each) for each in ast.iter_child_nodes(value) if isinstance(each, ast.expr)
    )


def _as_given(pairs: Pairs, pair: Pair, test: ast.expr) -> str:
    """A condition with what its flags are given in place of them."""
    shown = ast.dump(test)
    for each in _flags(test):
        for value in _given(pairs, pair, each)[:1]:
            shown = shown.replace(ast.dump(each), ast.dump(value))
    return shown
