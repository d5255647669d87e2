"""Which functions of a source a call runs, and which of their parameters an argument goes to."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .classes import ClassIndex
from .names import meaning
from .scopes import FUNCTIONS, Function
from .source import Source


def called_by(index: ClassIndex, function: ast.expr) -> Iterator[ast.AST | None]:
    """What of the source a call may run: a function, or any method of this name."""
    callee = meaning(index.source, function)
    if isinstance(callee.node, FUNCTIONS):
        yield callee.node
    elif isinstance(function, ast.Attribute) and callee.kind != "import":
        for each in index.classes.values():
            yield from (one.node for one in each.scope.bindings.get(function.attr, []))


def parameters_given(
    source: Source,
    function: Function,
    node: ast.expr,
    call: ast.Call,
    keyword: str | None,
) -> Iterator[str]:
    """The parameters of a function, but for a self, that an argument of a call may go to."""
    arguments = function.args
    skipped = int(_has_self(source, function))
    positional = [each.arg for each in (*arguments.posonlyargs, *arguments.args)][skipped:]
    stars = [each.arg for each in (arguments.vararg, arguments.kwarg) if each is not None]
    if keyword is not None:
        yield from (keyword, *stars)
    elif node in call.args and not any(isinstance(each, ast.Starred) for each in call.args):
        position = call.args.index(node)
        yield from positional[position : position + 1]
        yield from stars if position >= len(positional) else ()
    else:  # behind stars
        yield from (*positional, *(each.arg for each in arguments.kwonlyargs), *stars)


def _has_self(source: Source, function: Function) -> bool:
    """Whether the first parameter of a function is not given by the call's arguments."""
    decorators = {getattr(each, "id", "") for each in function.decorator_list}
    is_method = isinstance(source.scope(function).node, ast.ClassDef)
    return is_method and "staticmethod" not in decorators
