"""The methods that ``two_way`` adds for two branches: of what, how named, with which parameters."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import TypeVar

from ..reading.mentions import Mentions
from ..reading.naming import numbered
from ..reading.scopes import FUNCTIONS, Function
from ..reading.source import Source
from .new_module import instance_of
from .rule import Left
from .two_way_reading import Choice
from .two_way_writing import Writing

Kind = TypeVar("Kind", bound=Writing)


def check_plain(function: Function) -> None:
    """See that a forward can be followed, and has what another one can be given.

    Raises:
        Left: it cannot.
    """
    given = function.args
    others = (*given.posonlyargs, *given.kwonlyargs, given.vararg, given.kwarg)
    is_plain = isinstance(function, ast.FunctionDef) and not function.decorator_list
    if not is_plain or any(others) or not instance_of(function):
        raise Left(f"{function.name} is no plain method")
    for each in ast.walk(function):
        if each is not function and isinstance(each, (*FUNCTIONS, ast.Global, ast.Nonlocal)):
            raise Left(f"{function.name} is no plain method", each)


def written(
    make: Callable[[Mapping[str, int]], Kind], chosen: Mapping[str, int]
) -> tuple[Mapping[str, int], Kind]:
    """The forward for what must be assumed, and that.

    Raises:
        Left: there is nothing that could be.
    """
    try:
        writing = make(chosen)
        writing.run()
    except Choice as choice:
        reasons = []
        for each in choice.values_of_it:
            try:
                return written(make, {**chosen, choice.path: each})
            except Left as reason:
                reasons.append(reason)
        raise max(reasons, key=lambda each: each.line) from None
    if not writing.is_done:
        raise Left("it is not shown to be attention over two branches")
    return chosen, writing


def parameters(source: Source, function: Function) -> str:
    """The parameters of a function as they stand."""
    given = function.args
    last = (given.defaults or given.args)[-1]
    annotation = given.args[-1].annotation if not given.defaults else None
    start = source.offset(given.args[0].lineno, given.args[0].col_offset)
    end = annotation or last
    assert end.end_lineno is not None and end.end_col_offset is not None
    return source.text[start : source.offset(end.end_lineno, end.end_col_offset)]


def fresh(source: Source, name: str) -> str:
    """A name like another one that no method has."""
    taken = {
        str(getattr(each, "attr", getattr(each, "name", getattr(each, "id", ""))))
        for each in source.nodes
    }
    mentions = Mentions(source)
    return next(
        each for each in numbered(name) if each not in taken and not any(mentions.computed(each))
    )
