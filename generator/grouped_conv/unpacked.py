"""Tell what is behind the ``**kwargs`` of a call that builds a convolution.

    class Unit(nn.Module):                                    Unit(3, 8, kernel_size=3)
        def __init__(self, inputs, outputs, **kwargs):        Unit(8, 8, kernel_size=1)
            self.conv = nn.Conv2d(inputs, outputs, **kwargs)

Whether others give it groups cannot be seen: such a convolution is kept, and that is said.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from ..facts.values import Partial
from ..project_files import location_of
from ..reading.classes import ClassIndex
from ..reading.names import meaning
from ..reading.scopes import FUNCTIONS, Function
from .called import calls_of, escapes
from .find import Site, is_only_read, lacks_groups
from .source_facts import facts_of_source

_MAY_GIVE: Final = re.compile(r"\bgroups\b|[(,]\s*\*\*(?!\w*kwargs\b)[A-Za-z_({]")
"""What others give groups by; who uses one that hands on its own ``kwargs`` is looked at too."""


def never_given_groups(index: ClassIndex, site: Site) -> str:
    """What is never given groups in a source to pass them on at a site; empty where that may be."""
    arguments = site.arguments
    if "groups" in arguments.by_name or arguments.starred:
        return ""
    unpacked = [each for each in arguments.double_starred if not lacks_groups(index.source, each)]
    names = [_never_given(index, each, ()) for each in unpacked]
    return names[0] if names and all(names) else ""


def _never_given(index: ClassIndex, mapping: ast.expr, inside: tuple[ast.AST, ...]) -> str:
    """Whose ``**kwargs`` an expression is, where no call has groups in them."""
    source = index.source
    given = meaning(source, mapping).node
    function = source.parent(source.parent(given)) if isinstance(given, ast.arg) else None
    if not isinstance(function, FUNCTIONS) or function in inside or function.decorator_list:
        return ""
    bound = source.scope(mapping).lookup(getattr(mapping, "id", ""))
    if function.args.kwarg is not given or not isinstance(given, ast.arg) or bound is None:
        return ""
    if not is_only_read(source, bound[0], given.arg) or _is_named(index, mapping):
        return ""
    runs = [*_runs(index, function)]
    if not runs or not all(_is_closed(index, each) for each in runs):
        return ""
    calls = {call for each in (function, *runs) for call in calls_of(index, each)}
    calls |= {each for call in calls for each in _partials(index, call.func)}
    hidden = [each.value for one in calls for each in one.keywords if each.arg is None]
    is_given = any(
        not lacks_groups(source, each) and not _never_given(index, each, (*inside, function))
        for each in hidden
    )
    return runs[0].name if calls and not is_given else ""


def _runs(index: ClassIndex, function: Function) -> Iterator[ast.ClassDef | Function]:
    """What is called to run a function: itself, or the classes that it initialises."""
    owner = index.source.scope(function).node
    if not isinstance(owner, ast.ClassDef):
        yield function
    elif function.name == "__init__":
        for each in index.classes[owner].descendants():
            if each.node is owner or function.name not in each.names:
                yield each.node


def _partials(index: ClassIndex, callee: ast.expr) -> Iterator[ast.Call]:
    """The partials that an expression may be, where they are made."""
    for value in facts_of_source(index).values(callee):
        while isinstance(value, Partial):
            yield from [value.site] if isinstance(value.site, ast.Call) else []
            value = value.function


def _is_named(index: ClassIndex, mapping: ast.expr) -> bool:
    """Whether a call that is seen gives a function groups among its ``**kwargs``."""
    facts = facts_of_source(index)
    return not facts.is_complete or any(
        slot.name == "groups" for value in facts.values(mapping) for slot in facts.heap.slots(value)
    )


def _is_closed(index: ClassIndex, run: ast.ClassDef | Function) -> bool:
    """Whether all calls of a function or a class that may have groups are seen."""
    if not isinstance(run, ast.ClassDef):  # a list of it, say, may be another file's
        for each in index.names.get(run.name, ()):
            if getattr(index.source.parent(each), "func", None) is not each:
                return False
    is_open = run.decorator_list or index.mentions.quoted.get(run.name)
    return not is_open and not any(escapes(index, run)) and not _is_used_elsewhere(index, run)


def _is_used_elsewhere(index: ClassIndex, run: ast.ClassDef | Function) -> bool:
    """Whether another file of the project that uses it speaks of groups, or hands on keywords."""
    location = location_of(index.source)
    if location is None:
        return False
    readers = location.files.readers(location.path, (run.name,), _MAY_GIVE)
    return any(_MAY_GIVE.search(each.text) for each in readers)
