"""Tell what is behind the ``**kwargs`` of a call that builds a convolution.

    class Unit(nn.Module):                                    Unit(3, 8, kernel_size=3)
        def __init__(self, inputs, outputs, **kwargs):        Unit(8, 8, kernel_size=1)
            self.conv = nn.Conv2d(inputs, outputs, **kwargs)

Whether another file gives it groups cannot be seen: such a convolution is kept, and that is said.
"""

from __future__ import annotations

import ast

from ..reading.classes import ClassIndex
from ..reading.names import meaning
from ..reading.scopes import FUNCTIONS, Function
from .called import calls_of, escapes
from .find import Site, is_only_read, lacks_groups
from .source_facts import facts_of_source


def never_given_groups(index: ClassIndex, site: Site) -> str:
    """What is never given groups in a source to pass them on at a site; empty where that may be."""
    arguments = site.arguments
    if "groups" in arguments.by_name or arguments.starred:
        return ""
    unpacked = [each for each in arguments.double_starred if not lacks_groups(index.source, each)]
    names = [_never_given(index, each, ()) for each in unpacked]
    return names[0] if names and all(names) else ""


def _never_given(index: ClassIndex, mapping: ast.expr, inside: tuple[ast.AST, ...]) -> str:
    """Whose ``**kwargs`` an expression is, where no call in the source has groups in them."""
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
    owner = source.scope(function).node
    run = owner if isinstance(owner, ast.ClassDef) else function
    if not _is_closed(index, run, function):
        return ""
    calls = [*calls_of(index, run)]
    hidden = [each.value for one in calls for each in one.keywords if each.arg is None]
    is_given = any(
        not lacks_groups(source, each) and not _never_given(index, each, (*inside, function))
        for each in hidden
    )
    return run.name if calls and not is_given else ""


def _is_named(index: ClassIndex, mapping: ast.expr) -> bool:
    """Whether a call that is seen gives a function groups among its ``**kwargs``."""
    facts = facts_of_source(index)
    return not facts.is_complete or any(
        slot.name == "groups" for value in facts.values(mapping) for slot in facts.heap.slots(value)
    )


def _is_closed(index: ClassIndex, run: ast.ClassDef | Function, function: Function) -> bool:
    """Whether all calls of a function, or of the class that it initialises, are seen."""
    if isinstance(run, ast.ClassDef):
        is_open = function.name != "__init__" or bool(index.classes[run].derived)
    else:  # a list of it, say, may be another file's
        names = index.names.get(run.name, ())
        is_open = any(
            getattr(index.source.parent(each), "func", None) is not each for each in names
        )
    is_open |= bool(run.decorator_list or index.mentions.quoted.get(run.name))
    return not is_open and not any(escapes(index, run))
