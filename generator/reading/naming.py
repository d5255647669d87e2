"""Find names that nothing else has."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterator

from .parts import walk
from .scopes import FUNCTIONS
from .source import Source


def outermost_function(source: Source, node: ast.AST) -> ast.AST:
    """The outermost function that a node stands in, or else the module."""
    functions = [each for each in source.ancestors(node) if isinstance(each, FUNCTIONS)]
    return functions[-1] if functions else source.tree


def names_in(function: ast.AST) -> set[str]:
    """Every name that a function, or what is inside it, speaks of."""
    found: set[str] = set()
    for each in walk(function):
        match each:
            case ast.Name(id=name) | ast.arg(arg=name):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found.add(name)
            case ast.ClassDef(name=name) | ast.ExceptHandler(name=str(name)):
                found.add(name)
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                found.add(name)
            case ast.MatchMapping(rest=str(name)):
                found.add(name)
            case ast.alias():
                found.add((each.asname or each.name).partition(".")[0])
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                found.update(names)
    return found


def is_mangled(name: str) -> bool:
    """Whether Python puts the class's name before an attribute's of this name."""
    return name.startswith("__") and not name.endswith("__")


def mangled(owner: ast.ClassDef, name: str) -> str:
    """The name that an attribute has outside the class in whose body it is used."""
    return f"_{owner.name.lstrip('_')}{name}" if is_mangled(name) else name


def fresh(name: str, taken: Collection[str]) -> str:
    """``name``, or with an underscore and the first number from 2 that makes it new."""
    return next(each for each in numbered(name) if each not in taken)


def fresh_series(stem: str, count: int, is_taken: Callable[[str], bool]) -> tuple[str, ...] | None:
    """``stem_0``, ``stem_1`` and so on, or with another stem where one is taken; None for none."""
    for each in series_stems(stem):
        names = tuple(f"{each}_{number}" for number in range(count))
        if not any(map(is_taken, names)):
            return names
    return None


def series_stems(stem: str) -> tuple[str, ...]:
    """The stems that a series may have, the first that is free."""
    return (stem, f"{stem}_group", f"{stem}_branch", f"grouped_{stem}", f"split_{stem}")


def numbered(name: str) -> Iterator[str]:
    """``name``, ``name_2``, ``name_3`` and so on."""
    yield name
    number = 2
    while True:
        yield f"{name}_{number}"
        number += 1
