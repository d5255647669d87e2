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

# Those with classes of the same names that are not torch's.
_OTHER_FRAMEWORKS = frozenset(("flax", "jittor", "mindspore", "mlx", "paddle", "tinygrad"))


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
    groups = [keyword.value for keyword in call.keywords if keyword.arg == "groups"]
    groups += call.args[GROUPS_POSITION : GROUPS_POSITION + 1]
    hidden = tuple(each.value for each in call.keywords if each.arg is None)
    if not groups and not is_functional_convolution(callee.path):
        return None  # what **kwargs may carry to a class was passed by a caller, who is a site
    if not groups and all(_lacks_groups(source, each) for each in hidden):
        return None
    obstacle = _obstacle(index, call)
    if obstacle is None:
        return None
    named = {"groups": groups[0]} if groups else {}
    return Site(call, None, Arguments(named, False, hidden), obstacle)


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
        return f"{shown} is a subclass of {base}" if base is not None else None
    if isinstance(function, ast.Attribute):
        if function.attr == "__init__":
            return _obstacle_of_initialiser(index, call)
        if function.attr in CONV_CLASSES:
            return f"nothing in this file tells for certain what {shown} is"
    elif callee.kind == "unknown" and shown in CONV_CLASSES:
        return f"nothing in this file tells for certain what {shown} is"
    if callee.kind != "function" and _holds_class(index, function):
        return f"{shown} holds a class that is known only at run time"
    return None


def _obstacle_of_import(source: Source, call: ast.Call, path: str, shown: str) -> str | None:
    module, _, name = path.rpartition(".")
    if is_functional_convolution(path):
        return f"{shown} is a function: there is no module to split, and PLiNIO takes none"
    if path == "functools.partial" and any(_mentioned(source, call)):
        return "a partial of a convolution class is split where it is called, not here"
    if conv_class(path.removesuffix(".__init__")) is not None:
        return f"{shown} is called for an object that is there already"
    if name in CONV_CLASSES and module.partition(".")[0] not in _OTHER_FRAMEWORKS:
        return f"nothing in this file tells for certain what {shown} is"
    return None


def _obstacle_of_initialiser(index: ClassIndex, call: ast.Call) -> str | None:
    around = index.source.ancestors(call)
    owner = next((each for each in around if isinstance(each, ast.ClassDef)), None)
    base = _conv_base(index, owner) if owner is not None else None
    if owner is None or base is None:
        return None
    return f"{owner.name} is itself a subclass of {base}"


def _conv_base(index: ClassIndex, node: ast.ClassDef) -> str | None:
    """The name of the convolution class of torch that a class of the source inherits from."""
    for each in index.classes[node].ancestors():
        for base in each.node.bases:
            path = meaning(index.source, base).path
            if conv_class(path) is not None or path == "torch.nn.modules.conv._ConvNd":
                return path.rpartition(".")[2]
    return None


def _holds_class(index: ClassIndex, expression: ast.expr, depth: int = 3) -> bool:
    """Whether an expression, or what it is bound to, mentions a convolution class."""
    source = index.source
    if any(_mentioned(source, expression)):
        return True
    if depth == 0:
        return False
    return any(
        _holds_class(index, given, depth - 1)
        for node in ast.walk(expression)
        for given in _given(index, node)
    )


def _given(index: ClassIndex, node: ast.AST) -> Iterator[ast.expr]:
    """The expressions that a name or an attribute may get its value from."""
    source = index.source
    if isinstance(node, ast.Name):
        found = source.scope(node).lookup(node.id)
        for binding in found[1] if found is not None else ():
            yield from _given_by(index, binding)
    elif isinstance(node, ast.Attribute):
        for access in index.accesses(node.attr):
            if isinstance(access.node.ctx, ast.Store):
                yield from _assigned_in(source.statement(access.node))
        for each in index.classes.values():
            for binding in each.scope.bindings.get(node.attr, []):
                yield from _given_by(index, binding)


def _given_by(index: ClassIndex, binding: Binding) -> Iterator[ast.expr]:
    if binding.kind == "parameter":
        if binding.value is not None:
            yield binding.value
        yield from _passed_to(index, binding)
    elif isinstance(binding.node, FUNCTIONS):
        for node in ast.walk(binding.node):
            if isinstance(node, ast.Return) and node.value is not None:
                yield node.value
    elif binding.kind in ("assign", "other"):
        yield from _assigned_in(index.source.statement(binding.node))


def _passed_to(index: ClassIndex, binding: Binding) -> Iterator[ast.expr]:
    """What the calls in the source pass to the function that a parameter is of."""
    source = index.source
    function = source.parent(source.parent(binding.node))
    names = {getattr(function, "name", "")}
    names |= {each.name for each in source.ancestors(function) if isinstance(each, ast.ClassDef)}
    for call in (call for name in names for call in index.calls_of.get(name, [])):
        yield from call.args
        yield from (keyword.value for keyword in call.keywords)


def _assigned_in(statement: ast.stmt) -> Iterator[ast.expr]:
    if isinstance(statement, (ast.For, ast.AsyncFor)):
        yield statement.iter
    elif isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
        yield statement.value


def _mentioned(source: Source, value: ast.expr) -> Iterator[str]:
    """The convolution classes that an expression mentions without calling them."""
    for node in ast.walk(value):
        if isinstance(node, (ast.Name, ast.Attribute)):
            path, parent = meaning(source, node).path, source.parent(node)
            is_called = isinstance(parent, ast.Call) and parent.func is node
            if conv_class(path) is not None and not is_called:
                yield path
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            if node.func.id == "getattr" and "Conv" in source.code(node):
                if meaning(source, node.args[0]).path.startswith("torch.nn"):
                    yield source.code(node)


def _lacks_groups(source: Source, mapping: ast.expr) -> bool:
    """Whether what stands behind ``**`` is a dict whose literal keys are known not to be groups."""
    if not isinstance(mapping, ast.Name):
        return _is_literal_without_groups(mapping)
    found = source.scope(mapping).only_value(mapping.id)
    if found is None or not _is_literal_without_groups(found[1]):
        return False
    return all(
        _only_reads(source, node)
        for node in ast.walk(found[0].node)
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
