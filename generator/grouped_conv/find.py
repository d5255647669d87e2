"""Find the calls that build, or may build, a grouped convolution."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ..classes import ClassIndex
from ..convolutions import (
    CONV_CLASSES,
    GROUPS_POSITION,
    Arguments,
    ConvClass,
    bind_arguments,
    conv_class,
    is_functional_convolution,
)
from ..names import meaning
from ..scopes import FUNCTIONS, Binding
from ..source import Source
from .gate import can_carry_groups


@dataclass(frozen=True)
class Site:
    """A call that builds, or may build, a grouped convolution.

    Attributes:
        call: the expression.
        conv: the class of torch that it calls by name; None for every other way to get one.
        arguments: which parameter gets what.
        obstacle: why the call cannot be read as a construction of ``conv``; empty where it can.
    """

    call: ast.Call
    conv: ConvClass | None
    arguments: Arguments
    obstacle: str = ""


def find_sites(index: ClassIndex) -> list[Site]:
    """All sites of a source, in its order."""
    found = []
    for node in index.source.nodes:
        if isinstance(node, ast.Call) and can_carry_groups(node):
            site = _site(index, node)
            if site is not None:
                found.append(site)
    return sorted(found, key=lambda site: index.source.span(site.call))


def _site(index: ClassIndex, call: ast.Call) -> Site | None:
    source = index.source
    callee = meaning(source, call.func)
    if callee.kind == "import":
        conv = conv_class(callee.path)
        if conv is not None:
            return _direct_site(source, call, conv)
    obstacle = _obstacle(index, call)
    if obstacle is None:
        return None
    arguments = bind_arguments(call, ())
    groups = [keyword.value for keyword in call.keywords if keyword.arg == "groups"]
    groups += call.args[GROUPS_POSITION : GROUPS_POSITION + 1]
    if not groups:
        return None  # what **kwargs may carry here was passed by a caller, who is a site
    return Site(call, None, Arguments({"groups": groups[0]}, arguments.starred, ()), obstacle)


def _direct_site(source: Source, call: ast.Call, conv: ConvClass) -> Site | None:
    arguments = bind_arguments(call, conv.parameters)
    if "groups" not in arguments.by_name and not arguments.starred:
        if all(_lacks_groups(source, each) for each in arguments.double_starred):
            return None
    return Site(call, conv, arguments)


def _obstacle(index: ClassIndex, call: ast.Call) -> str | None:
    """What a call is that gets its convolution in another way than by the class's own name."""
    source, function = index.source, call.func
    callee, shown = meaning(source, function), _shown(source.code(function))
    if callee.kind == "import":
        return _obstacle_of_import(source, call, callee.path, shown)
    if callee.kind == "class" and isinstance(callee.node, ast.ClassDef):
        base = _conv_base(index, callee.node)
        return f"{shown} is a subclass of {base.name}" if base is not None else None
    if isinstance(function, ast.Attribute):
        if function.attr == "__init__":
            return _obstacle_of_initialiser(index, call)
        if function.attr in CONV_CLASSES:
            return f"nothing in this file tells for certain what {shown} is"
    elif callee.kind == "unknown" and shown in CONV_CLASSES:
        return f"nothing in this file tells for certain what {shown} is"
    if any(_held_classes(index, function)):
        return f"{shown} holds a class that is known only at run time"
    return None


def _obstacle_of_import(source: Source, call: ast.Call, path: str, shown: str) -> str | None:
    if is_functional_convolution(path):
        return f"{shown} is a function: there is no module to split, and PLiNIO takes none"
    if path == "functools.partial" and any(_mentioned(source, call)):
        return "a partial of a convolution class is split where it is called, not here"
    if conv_class(path.removesuffix(".__init__")) is not None:
        return f"{shown} is called for an object that is there already"
    return None


def _obstacle_of_initialiser(index: ClassIndex, call: ast.Call) -> str | None:
    around = index.source.ancestors(call)
    owner = next((each for each in around if isinstance(each, ast.ClassDef)), None)
    base = _conv_base(index, owner) if owner is not None else None
    if owner is None or base is None:
        return None
    return f"{owner.name} is itself a subclass of {base.name}"


def _conv_base(index: ClassIndex, node: ast.ClassDef) -> ConvClass | None:
    """The convolution class of torch that a class of the source inherits from."""
    for each in index.classes[node].ancestors():
        for base in each.node.bases:
            found = meaning(index.source, base)
            conv = conv_class(found.path) if found.kind == "import" else None
            if conv is not None:
                return conv
    return None


def _held_classes(index: ClassIndex, function: ast.expr) -> Iterator[str]:
    """The convolution classes that an expression, or what it is bound to, mentions."""
    source = index.source
    yield from _mentioned(source, function)
    for node in ast.walk(function):
        if isinstance(node, ast.Name):
            found = source.scope(node).lookup(node.id)
            for binding in found[1] if found is not None else ():
                yield from _given(source, binding)
        elif isinstance(node, ast.Attribute):
            for access in index.accesses(node.attr):
                if isinstance(access.node.ctx, ast.Store):
                    yield from _mentioned_in_statement(source, access.node)
            for each in index.classes.values():
                for binding in each.scope.bindings.get(node.attr, []):
                    yield from _given(source, binding)


def _given(source: Source, binding: Binding) -> Iterator[str]:
    """The convolution classes that a binding may give to its name."""
    if binding.kind == "parameter":
        if binding.value is not None:
            yield from _mentioned(source, binding.value)
    elif isinstance(binding.node, FUNCTIONS):
        for node in ast.walk(binding.node):
            if isinstance(node, ast.Return) and node.value is not None:
                yield from _mentioned(source, node.value, called=False)
    elif binding.kind in ("assign", "other"):
        yield from _mentioned_in_statement(source, binding.node)


def _mentioned_in_statement(source: Source, target: ast.AST) -> Iterator[str]:
    statement = source.statement(target)
    if isinstance(statement, (ast.For, ast.AsyncFor)):
        yield from _mentioned(source, statement.iter, called=False)
    elif isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
        yield from _mentioned(source, statement.value, called=False)


def _mentioned(source: Source, value: ast.expr, called: bool = True) -> Iterator[str]:
    """The convolution classes in an expression; unless ``called``, only those not called there."""
    for node in ast.walk(value):
        if isinstance(node, (ast.Name, ast.Attribute)):
            path, parent = meaning(source, node).path, source.parent(node)
            is_called = isinstance(parent, ast.Call) and parent.func is node
            if conv_class(path) is not None and (called or not is_called):
                yield path
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            if node.func.id == "getattr" and "Conv" in source.code(node):
                if meaning(source, node.args[0]).path.startswith("torch.nn"):
                    yield source.code(node)


def _lacks_groups(source: Source, mapping: ast.expr) -> bool:
    """Whether what stands behind ``**`` is a dict whose literal keys are known not to be groups."""
    if not isinstance(mapping, ast.Name):
        return _is_literal_without_groups(mapping)
    found = source.scope(mapping).lookup(mapping.id)
    if found is None:
        return False
    scope, bindings = found
    if len(bindings) != 1 or bindings[0].kind != "assign" or bindings[0].value is None:
        return False
    if mapping.id in scope.module.nonlocals or not _is_literal_without_groups(bindings[0].value):
        return False
    return all(
        _only_reads(source, node)
        for node in ast.walk(scope.node)
        if isinstance(node, ast.Name) and node.id == mapping.id and isinstance(node.ctx, ast.Load)
    )


def _is_literal_without_groups(value: ast.expr) -> bool:
    if isinstance(value, ast.Dict):
        return all(
            isinstance(key, ast.Constant) and isinstance(key.value, str) and key.value != "groups"
            for key in value.keys
        )
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "dict":
        return not value.args and all(
            keyword.arg not in (None, "groups") for keyword in value.keywords
        )
    return False


def _only_reads(source: Source, name: ast.Name) -> bool:
    parent = source.parent(name)
    if isinstance(parent, ast.keyword):
        return parent.arg is None
    return isinstance(parent, ast.Subscript) and isinstance(parent.ctx, ast.Load)


def _shown(code: str) -> str:
    """Code on one line, cut where it is long."""
    line = " ".join(code.split())
    return line if len(line) <= 40 else f"{line[:37]}..."
