"""Tell what is behind the ``**kwargs`` of a call that builds a convolution.

    class Unit(nn.Module):                                    Unit(3, 8, kernel_size=3)
        def __init__(self, inputs, outputs, **kwargs):        Unit(8, 8, kernel_size=1)
            self.conv = nn.Conv2d(inputs, outputs, **kwargs)

Whether another file gives it groups cannot be seen: such a convolution is kept, and that is said.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ..reading.class_uses import uses_of_class
from ..reading.classes import ClassIndex
from ..reading.kept import kept
from ..reading.names import meaning
from ..reading.scopes import FUNCTIONS, Function
from .find import Site, is_only_read, lacks_groups


def never_given_groups(index: ClassIndex, site: Site) -> str:
    """What is never given groups in a source to pass them on at a site; empty where that may be."""
    arguments = site.arguments
    if "groups" in arguments.by_name or arguments.starred:
        return ""
    unpacked = [each for each in arguments.double_starred if not lacks_groups(index.source, each)]
    names = [_never_given(index, each, ()) for each in unpacked]
    return names[0] if names and all(names) and not _gives_groups_unseen(index) else ""


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
    if not is_only_read(source, bound[0], given.arg):
        return ""
    name, calls = _calls(index, function)
    is_given = any(_may_give_groups(index, each, (*inside, function)) for each in calls)
    return name if calls and not is_given else ""


def _may_give_groups(index: ClassIndex, call: ast.Call, inside: tuple[ast.AST, ...]) -> bool:
    for each in call.keywords:
        if each.arg == "groups":
            return True
        if each.arg is None and not lacks_groups(index.source, each.value):
            if not _never_given(index, each.value, inside):
                return True
    return False


@kept
def _gives_groups_unseen(index: ClassIndex) -> bool:
    """Whether groups may be given to what a call gives, as in ``type(net)(8, groups=2)``."""
    return any(
        each.arg in ("groups", None) and _is_of_object(node.func)
        for node in index.source.nodes
        if isinstance(node, ast.Call)
        for each in node.keywords
    )


def _is_of_object(function: ast.expr) -> bool:
    match function:
        case ast.Attribute(value=ast.Call(func=ast.Name(id="super"))):
            return False
        case ast.Attribute(attr=attr):
            return attr in ("__class__", "__init__")
    return isinstance(function, (ast.Call, ast.Subscript))


def _calls(index: ClassIndex, function: Function) -> tuple[str, Iterable[ast.Call]]:
    """The name of what runs a function, and its calls; none where not all of them are seen."""
    owner = index.source.scope(function).node
    if isinstance(owner, ast.ClassDef):
        uses = uses_of_class(index, owner)
        is_open = bool(uses.escapes or index.classes[owner].derived or owner.decorator_list)
        calls = [] if is_open or function.name != "__init__" else [*uses.direct, *uses.calls]
        return owner.name, [] if _is_exported(index, owner.name) else calls
    names = [
        each
        for each in index.source.nodes
        if isinstance(each, ast.Name) and meaning(index.source, each).node is function
    ]
    calls = [call for each in names if (call := _call_of(index, each)) is not None]
    is_open = len(calls) < len(names) or _is_exported(index, function.name)
    return function.name, [] if is_open else calls


def _call_of(index: ClassIndex, name: ast.Name) -> ast.Call | None:
    parent = index.source.parent(name)
    return parent if isinstance(parent, ast.Call) and parent.func is name else None


def _is_exported(index: ClassIndex, name: str) -> bool:
    """Whether ``__all__``, or another string, names something for others to use."""
    return bool(index.mentions.quoted.get(name))
