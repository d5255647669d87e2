"""How a source builds a convolution: in what place, by what callee, and with which groups."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from gencode.grouped_conv.find import Site, find_sites
from gencode.outcome import Record
from gencode.reading.classes import ClassIndex
from gencode.reading.containers import container
from gencode.reading.names import meaning
from gencode.reading.parsing import parse
from gencode.reading.scopes import COMPREHENSIONS, FUNCTIONS
from gencode.reading.source import Source

Context = Literal[
    "attribute",
    "variable",
    "item",
    "return",
    "default",
    "Sequential",
    "ModuleList",
    "ModuleDict",
    "list",
    "dict",
    "comprehension",
    "append",
    "add_module",
    "setattr",
    "__init__",
    "expression",
]
Callee = Literal["class", "held", "subclass", "partial", "other"]
GroupsOrigin = Literal[
    "literal",
    "constant",
    "parameter",
    "factory",
    "variable",
    "attribute",
    "arithmetic",
    "conditional",
    "in_channels",
    "unpacked",
    "subclass",
]


@dataclass(frozen=True)
class Form:
    """How a source builds a convolution.

    Attributes:
        context: what it is put into: an ``"attribute"``, a local ``"variable"`` or an ``"item"``
            that is assigned to; what a function returns (``"return"``) or has for a
            ``"default"``; an nn.Sequential, nn.ModuleList or nn.ModuleDict; a ``"list"`` or
            ``"dict"`` that is none of these yet; a ``"comprehension"``; the call of ``"append"``,
            ``"add_module"``, ``"setattr"`` or a base's ``"__init__"``; or another
            ``"expression"``.
        callee: what is called: a ``"class"`` of torch by name, one that is ``"held"`` in a
            variable, a ``"subclass"`` in the source by its name or in a variable, functools's
            ``"partial"``, or ``"other"``.
        groups: the expression of the groups; empty where the call has none of its own.
        origin: where their number comes from: a ``"literal"``, a ``"constant"`` of the module or
            class, a ``"parameter"`` of ``__init__`` or of another function (``"factory"``), a local
            ``"variable"``, an ``"attribute"`` or item of some object, ``"arithmetic"``, a
            ``"conditional"``, what is also ``"in_channels"``, what is ``"unpacked"`` by stars, or
            the ``"subclass"`` itself.
        is_positional: whether the groups are passed by their place.
    """

    context: Context
    callee: Callee
    groups: str
    origin: GroupsOrigin
    is_positional: bool


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


def forms(text: str, records: Iterable[Record]) -> list[Form]:
    """How a source builds the convolutions of some records."""
    index = ClassIndex(Source(text, parse(text)))
    by_place = {index.source.place(each.call): each for each in find_sites(index)}
    return [form_of(index.source, by_place[each.line, each.column]) for each in records]


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
