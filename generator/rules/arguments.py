"""The arguments of a function that are those of a module's constructor: the same at each call."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TypeAlias

from ..reading.source import Source
from .rule import Left


def input_of(call: ast.Call) -> tuple[ast.expr, list[tuple[str, ast.expr]]]:
    """What a function is applied to, and its other arguments: their names, empty by place.

    Raises:
        Left: its input is unpacked.
    """
    positional: list[tuple[str, ast.expr]] = [("", each) for each in call.args]
    named = [(each.arg or "**", each.value) for each in call.keywords]
    given = positional[:1] or [each for each in named if each[0] == "input"]
    if not given or isinstance(given[0][1], ast.Starred):
        raise Left("its input is unpacked")
    return given[0][1], [each for each in (*positional, *named) if each is not given[0]]


Given: TypeAlias = tuple[Sequence[ast.expr | None], Sequence[ast.expr | ast.keyword]]
"""What is given for some parameters, None for nothing; and all other arguments."""


def by_parameter(call: ast.Call, names: Sequence[Sequence[str]], is_method: bool) -> Given:
    """What the first parameters of a function, or of the method of its name, are given.

    Args:
        call: the call.
        names: what each of the parameters may be called.
        is_method: whether the first of them stands before the dot.
    """
    by_name = {each.arg: each for each in call.keywords}
    by_place: list[ast.expr] = [*call.args]
    if is_method and isinstance(call.func, ast.Attribute):
        by_place.insert(0, call.func.value)
    found: list[ast.expr | None] = [*by_place[: len(names)]]
    for each in names[len(found) :]:
        given = [by_name.pop(name) for name in each if name in by_name]
        found.append(given[0].value if given else None)
    return found, (*by_place[len(names) :], *by_name.values())


def named(
    rest: Sequence[tuple[str, ast.expr]], names: Sequence[str]
) -> list[tuple[str, bool, ast.expr]]:
    """The name of each argument behind the input, whether it is given by place, and the value.

    Args:
        rest: as ``input_of`` gives them.
        names: of the parameters behind the input.

    Raises:
        Left: they are unpacked, or there is no such parameter.
    """
    found = []
    for place, (name, value) in enumerate(rest):
        is_by_place = not name
        if is_by_place and not isinstance(value, ast.Starred) and place < len(names):
            name = names[place]
        if name not in names:
            raise Left("its arguments are unpacked" if name in ("", "**") else f"it has no {name}")
        found.append((name, is_by_place, value))
    return found


def is_literal(node: ast.expr, *kinds: type) -> bool:
    """Whether an expression is of some types, such as ``int``, or None, or a list of such."""
    match node:
        case ast.Constant(value=value):
            return value is None or isinstance(value, kinds)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return is_literal(operand, *kinds)
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            return all(is_literal(each, *kinds) for each in elements)
    return False


def is_settled(source: Source, node: ast.expr) -> bool:
    """Whether an expression is a constant of the file, or an attribute, that is set only once.

    That is in a statement of the module itself, or in one of the constructor.
    """
    if isinstance(node, ast.Name):
        found = source.scope(node).lookup(node.id)
        if found is None or found[0].node is not source.tree or len(found[1]) > 1:
            return False
        binding = found[1][0].node
        is_known = node.id not in source.scope(source.tree).nonlocals
        return is_known and source.statement(binding) in source.tree.body
    match node:
        case ast.Attribute(value=ast.Name(id=instance), attr=name):
            pass
        case _:
            return False
    stores = [
        each
        for each in source.nodes
        if isinstance(each, ast.Attribute) and each.attr == name and isinstance(each.ctx, ast.Store)
    ]
    if len(stores) != 1 or source.class_around(stores[0]) is not source.class_around(node):
        return False
    constructor = source.function_around(stores[0])
    method = source.function_around(node)
    return (
        constructor is not None
        and method is not None
        and constructor.name == "__init__"
        and source.statement(stores[0]) in constructor.body
        and constructor.args.args[0].arg == instance == method.args.args[0].arg
    )
