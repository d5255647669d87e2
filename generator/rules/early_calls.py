"""Whether a method may be called while its instance is being constructed."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping

from ..facts.facts import Facts
from ..facts.values import Function as FunctionValue
from ..reading.scopes import Function
from ..reading.source import Source
from .rule import Left


def check_early_calls(source: Source, facts: Facts, owner: ast.ClassDef, method: Function) -> None:
    """See that no constructor calls a method of a class, before the end of the class's own.

    Raises:
        Left: one may, or what is not known may that it is handed to.
    """
    family = {each.node for cls in facts.classes(owner) for each in cls.order}
    early = {each for cls in family for each in constructors(source, cls)}
    callers = _callers(facts)
    call = _early_call(source, callers, method, early)
    if call is not None:
        place = call if source.has(call) else None
        raise Left(f"{method.name}() may be called by a constructor", place)
    for instance in facts.instances(owner):
        for use in facts.uses(instance):
            is_base = getattr(getattr(use.node, "func", None), "attr", "") == "__init__"
            if use.kind == "escape" and not is_base and not source.has(use.node):
                raise Left("another file hands on the module")
            if use.kind == "escape" and not is_base:
                around = source.function_around(use.node)
                if around in early or _early_call(source, callers, around, early) is not None:
                    raise Left("a constructor hands on the module", use.node)


def _early_call(
    source: Source,
    callers: Mapping[ast.AST, dict[ast.AST, None]],
    function: ast.AST | None,
    early: Collection[ast.AST],
) -> ast.AST | None:
    """The call in a constructor that may lead to one of a function; or one in another file."""
    reached = [function]
    for each in reached:
        for call in callers.get(each, ()) if each is not None else ():
            if not source.has(call):  # in another file, which is not followed further
                return call
            around = source.function_around(call)
            if around in early:
                return call
            if around is not None and around not in reached:
                reached.append(around)
    return None


def _callers(facts: Facts) -> dict[ast.AST, dict[ast.AST, None]]:
    """By function the calls that hand it anything, be it its ``self``."""
    found: dict[ast.AST, dict[ast.AST, None]] = {}
    for value in facts.heap.used():
        for use in facts.uses(value):
            if use.kind == "argument" and isinstance(use.by, FunctionValue):
                found.setdefault(use.by.node, {})[use.node] = None
    return found


def constructors(source: Source, cls: ast.ClassDef) -> Iterator[ast.AST]:
    """What the body of a class binds to ``__init__``."""
    found = source.scope(cls.body[0]).bindings.get("__init__", [])
    return (each.node for each in found)
