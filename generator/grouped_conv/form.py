"""How a source builds a convolution: in what place, by what callee, and with which groups."""

from __future__ import annotations

import ast
from itertools import pairwise

from ..outcome import Callee, Context, Form, GroupsOrigin
from ..reading.containers import container
from ..reading.names import meaning
from ..reading.scopes import COMPREHENSIONS, FUNCTIONS
from ..reading.source import Source
from .find import Site

_METHODS: dict[str, Context] = {
    "add_module": "add_module",
    "register_module": "add_module",
    "append": "append",
    "insert": "append",
    "extend": "append",
    "__init__": "__init__",
}
_OUTER: frozenset[Context] = frozenset(("attribute", "variable", "item", "return", "expression"))
_TARGETS: dict[type[ast.expr], Context] = {
    ast.Attribute: "attribute",
    ast.Subscript: "item",
}


def form_of(source: Source, site: Site) -> Form:
    """The form of a site, which is a matter of its text alone."""
    groups = site.arguments.by_name.get("groups")
    return Form(
        _context(source, site.call),
        _callee(site),
        source.one_line(groups) if groups is not None else "",
        _origin(source, site, groups),
        is_positional=groups in site.call.args,
    )


def _callee(site: Site) -> Callee:
    if site.indirect is None:
        return "class"
    if site.indirect.subclass is not None:
        return "subclass"
    return "other" if site.indirect.kind == "refused" else site.indirect.kind


def _context(source: Source, call: ast.Call) -> Context:
    """What a conv is first put into; a list or dict counts where it goes to nothing of torch."""
    around = [call, *source.ancestors(call)]
    found = [each for node, parent in pairwise(around) if (each := _put_into(source, parent, node))]
    displays = [each for each in found if each in ("list", "dict")]
    context = next(each for each in found if each not in ("list", "dict"))
    return displays[0] if displays and context in _OUTER else context


def _put_into(source: Source, parent: ast.AST, node: ast.AST) -> Context | None:
    """What a parent makes of an expression; None where it only hands it on."""
    match parent:
        case ast.Call(func=function) if node is not function:
            return _given_to(source, function)
        case ast.Assign(targets=[target, *_]) | ast.AnnAssign(target=target):
            return _TARGETS.get(type(target), "variable")
        case ast.Return() | ast.Lambda():
            return "return"
        case ast.arguments():
            return "default"
        case ast.List():
            return "list"
        case ast.Dict():
            return "dict"
    if isinstance(parent, COMPREHENSIONS):
        return "comprehension"
    return "expression" if isinstance(parent, ast.stmt) else None


def _given_to(source: Source, function: ast.expr) -> Context | None:
    """What it means to be an argument; None for a wrapper such as weight_norm."""
    callee = meaning(source, function)
    if (found := container(callee.path)) is not None:
        return found
    if isinstance(function, ast.Attribute):
        return _METHODS.get(function.attr)
    return "setattr" if isinstance(function, ast.Name) and function.id == "setattr" else None


def _origin(source: Source, site: Site, groups: ast.expr | None) -> GroupsOrigin:
    """Where the number of groups comes from, as its expression shows."""
    if groups is None:
        arguments = site.arguments
        return "unpacked" if arguments.double_starred or arguments.starred else "subclass"
    channels = site.arguments.by_name.get("in_channels")
    match groups:
        case ast.Constant():
            return "literal"
        case _ if channels is not None and ast.dump(channels) == ast.dump(groups):
            return "in_channels"
        case ast.Name():
            return _bound_as(source, groups)
        case ast.Attribute() | ast.Subscript():
            return "attribute"
        case ast.IfExp() | ast.BoolOp():
            return "conditional"
    return "arithmetic"


def _bound_as(source: Source, name: ast.Name) -> GroupsOrigin:
    found = source.scope(name).lookup(name.id)
    if found is None:
        return "constant"  # of a star import
    scope, bindings = found
    if any(each.kind == "parameter" for each in bindings):
        is_initialiser = isinstance(scope.node, FUNCTIONS) and scope.node.name == "__init__"
        return "parameter" if is_initialiser else "factory"
    return "constant" if isinstance(scope.node, (ast.Module, ast.ClassDef)) else "variable"
