"""Which functions of a source a call runs, and which of their parameters an argument goes to."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from .classes import Class, ClassIndex
from .names import meaning
from .scopes import FUNCTIONS, Function, Scope
from .source import Source


def functions_called(index: ClassIndex, function: ast.expr) -> Iterator[Function]:
    """The functions of the source that a call may run."""
    callee = meaning(index.source, function)
    if isinstance(callee.node, (*FUNCTIONS, ast.ClassDef)):
        yield from functions_run(index, callee.node)
    elif isinstance(function, ast.Attribute) and callee.kind != "import":
        for each in _classes_asked(index, function.value):
            yield from _functions(each.scope, function.attr)


def functions_run(index: ClassIndex, called: Function | ast.ClassDef) -> Iterator[Function]:
    """What runs when a function or a class of the source is called."""
    if isinstance(called, FUNCTIONS):
        yield called
    else:
        for each in index.classes[called].ancestors():
            yield from _functions(each.scope, "__init__")


def _classes_asked(index: ClassIndex, instance: ast.expr) -> Iterable[Class]:
    """The classes whose method of a name may be called for an object."""
    match instance:
        case ast.Call(func=ast.Name(id="super")):
            owner = index.source.class_around(instance)
            own = [each for each in index.classes.values() if each.node is owner]
            return [each for one in own for each in one.relatives() if each is not one]
    return index.classes.values()


def _functions(scope: Scope, name: str) -> Iterator[Function]:
    for binding in scope.bindings.get(name, []):
        if isinstance(binding.node, FUNCTIONS):
            yield binding.node


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
