"""Find the calls that build, or may build, a grouped convolution."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from ..reading.classes import ClassIndex
from ..reading.comments import Directive
from ..reading.convolutions import (
    CONV_CLASSES,
    SIZES,
    Arguments,
    ConvClass,
    bind_arguments,
    can_carry_groups,
    conv_class,
)
from ..reading.kept import kept
from ..reading.names import meaning
from ..reading.scopes import Scope
from ..reading.source import Source
from .called import calls_of
from .emitted_earlier import is_split_already
from .indirect import Indirect, find_indirect, passes_groups, refused
from .subclasses import Subclass, find_subclass, may_be_grouped

_Held: TypeAlias = Mapping[ast.Call, list[Subclass]]


@dataclass(frozen=True)
class Site:
    """A call that builds, or may build, a grouped convolution.

    Attributes:
        call: the expression.
        conv: the class of torch that it calls by name; None for every other way to get one.
        arguments: which parameter gets what.
        indirect: what is known of it, where it does not call a class of torch by name.
        asked: the comment that asks for a style, if there is one.
    """

    call: ast.Call
    conv: ConvClass | None
    arguments: Arguments
    indirect: Indirect | None = None
    asked: Directive | None = None

    @property
    def named_like(self) -> ConvClass | None:
        """The class of torch that one of another library is called like: ``ops.Conv2d``."""
        name = getattr(self.call.func, "attr", "") or getattr(self.call.func, "id", "")
        found = re.search(r"Conv[12]d(?!.*ranspose)", name)
        return CONV_CLASSES[found.group()] if found else None


def find_sites(index: ClassIndex) -> list[Site]:
    """All sites of a source, in its order, but for those that gencode has split already."""
    found, held = [], _held(index)
    for node in index.source.nodes:
        if isinstance(node, ast.Call):
            site = _of_subclass(index, node, held)
            if site is None and can_carry_groups(node):
                site = _site(index, node)
            if site is not None and not is_split_already(index.source, node):
                found.append(site)
    return sorted(found, key=lambda site: index.source.span(site.call))


def _site(index: ClassIndex, call: ast.Call) -> Site | None:
    callee = meaning(index.source, call.func)
    conv = conv_class(callee.path)
    if conv is not None:
        arguments = bind_arguments(call, conv.parameters)
        is_open = "groups" in arguments.by_name or _may_have_groups(index.source, call)
        return Site(call, conv, arguments) if is_open else None
    has_groups = passes_groups(call)
    hidden = tuple(each.value for each in call.keywords if each.arg is None)
    if not has_groups:
        if callee.kind == "function" or all(lacks_groups(index.source, each) for each in hidden):
            return None
    indirect = find_indirect(index, call)
    if indirect is None:
        return None
    named = bind_arguments(call, CONV_CLASSES["Conv2d"].parameters).by_name
    named = {name: named[name] for name in SIZES if name in named} if has_groups else {}
    return Site(call, None, Arguments(named, False, hidden), indirect)


def _of_subclass(index: ClassIndex, call: ast.Call, held: _Held) -> Site | None:
    """A call of a convolution's subclass, or of a variable that may hold some.

    Their initialisers may pass groups by themselves. What the helper is given must be a class that
    it may take to pieces, or can tell by its forward.
    """
    callee = meaning(index.source, call.func).node
    named = find_subclass(index, callee) if isinstance(callee, ast.ClassDef) else None
    classes = [
        each
        for each in ([named] if named else held.get(call, ()))
        if (each.refusal and not named) or _may_build_grouped(index, each.node, call)
    ]
    if not classes:
        return None
    refusing = next((refused(each) for each in classes if each.refusal), None)
    plain = next((each for each in classes if not each.refusal), None)
    found = Indirect("subclass" if named else "held", subclass=plain) if plain else None
    if not named and passes_groups(call):
        found = find_indirect(index, call) or found
    if found is None and not named:
        return None
    groups = {str(each.arg): each.value for each in call.keywords if each.arg == "groups"}
    return Site(call, None, Arguments(groups, False, ()), refusing or found)


@kept
def _held(index: ClassIndex) -> _Held:
    """The calls of what may be subclasses, which are split there if their initialisers say so."""
    found: dict[ast.Call, list[Subclass]] = {}
    for node in index.classes:
        subclass = find_subclass(index, node)
        if subclass is not None and not subclass.has_forward:
            for call in calls_of(index, node):
                found.setdefault(call, []).append(subclass)
    return found


def _may_build_grouped(index: ClassIndex, node: ast.ClassDef, call: ast.Call) -> bool:
    """Whether a call of a subclass has groups, be it by the arguments or by the initialiser."""
    return may_be_grouped(index, node, call) or _may_have_groups(index.source, call)


def _may_have_groups(source: Source, call: ast.Call) -> bool:
    """Whether groups may be among the arguments of a call."""
    hidden = [each.value for each in call.keywords if each.arg is None]
    return (
        passes_groups(call)
        or any(isinstance(each, ast.Starred) for each in call.args)
        or not all(lacks_groups(source, each) for each in hidden)
    )


def lacks_groups(source: Source, mapping: ast.expr) -> bool:
    """Whether what stands behind ``**`` is a dict that is known to have no key ``groups``.

    Its keys are literal; or it is the rest of what a function is given that has such a parameter.
    """
    if isinstance(mapping, ast.Name):
        parameter, bound = meaning(source, mapping).node, source.scope(mapping).lookup(mapping.id)
        if bound and isinstance(parameter, ast.arg) and _is_beside_groups(source, parameter):
            return is_only_read(source, bound[0], mapping.id)
    items = literal_items(source, mapping)
    return items is not None and "groups" not in items


@kept
def is_only_read(source: Source, scope: Scope, name: str) -> bool:
    """Whether no key is ever given to a dict that a name stands for."""
    return all(
        _only_reads(source, node)
        for node in source.names(scope.node, name)
        if isinstance(node.ctx, ast.Load)
    )


def _is_beside_groups(source: Source, parameter: ast.arg) -> bool:
    """Whether a parameter is a function's ``**kwargs`` that has ``groups`` as another one."""
    arguments = source.parent(parameter)
    assert isinstance(arguments, ast.arguments)
    names = [each.arg for each in (*arguments.args, *arguments.kwonlyargs)]
    return arguments.kwarg is parameter and "groups" in names


def literal_items(source: Source, mapping: ast.expr) -> Mapping[str, ast.expr] | None:
    """What is in a dict that is written as such, here or where its name is given its only value."""
    if isinstance(mapping, ast.Name):
        found = source.scope(mapping).only_value(mapping.id)
        if found is None or not is_only_read(source, found[0], mapping.id):
            return None
        mapping = found[1]
    match mapping:
        case ast.Dict(keys=keys, values=values):
            names = [each.value if isinstance(each, ast.Constant) else None for each in keys]
        case ast.Call(func=ast.Name(id="dict"), args=[], keywords=keywords):
            names, values = [each.arg for each in keywords], [each.value for each in keywords]
        case _:
            return None
    named = {name: value for name, value in zip(names, values, strict=True) if type(name) is str}
    return named if len(named) == len(values) else None


def _only_reads(source: Source, name: ast.Name) -> bool:
    parent = source.parent(name)
    if isinstance(parent, ast.keyword):
        return parent.arg is None
    return isinstance(parent, ast.Subscript) and isinstance(parent.ctx, ast.Load)


def is_partial(site: Site) -> bool:
    """Whether a site is a partial of a convolution class."""
    return site.indirect is not None and site.indirect.kind == "partial"
