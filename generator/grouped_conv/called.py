"""What the calls of a source run, as its facts tell: classes and functions of it, or of torch."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from .. import torch_api
from ..facts.values import (
    STRANGE,
    Bound,
    ClassValue,
    Constant,
    External,
    Function,
    Object,
    Partial,
    Tensor,
    Value,
)
from ..reading.calls import values_given
from ..reading.classes import ClassIndex
from ..reading.convolutions import CONV_CLASSES, conv_class
from ..reading.kept import kept
from ..reading.names import meaning
from ..reading.source import Source
from .source_facts import facts_of_source

_NEUTRAL: Final = ("builtins.", "typing.", "abc.")
"""Where classes are of which no convolution is made."""


def callables(index: ClassIndex, callee: ast.expr) -> Iterator[Value]:
    """What an expression may be that is called, with what a partial calls."""
    for each in facts_of_source(index).values(callee):
        value: Value = each
        while isinstance(value, Partial):
            value = value.function
        is_container = isinstance(value, Object) and value.kind.startswith("builtins.")
        if not is_container and not isinstance(value, (Constant, Tensor)):
            yield value


@kept
def holds_conv(index: ClassIndex, expression: ast.expr) -> bool:
    """Whether an expression may be a convolution class, or a tuple or list with one."""
    known = meaning(index.source, expression)
    if known.kind == "import" and known.path.startswith("torch."):
        return conv_class(known.path) is not None  # before any facts are made
    facts = facts_of_source(index)
    return any(map(is_conv_class, facts.with_items(frozenset(callables(index, expression)))))


def gives_conv(index: ClassIndex, callee: ast.expr) -> bool:
    """Whether a convolution class may be called, or what unknown code makes of one: ``h(C)()``."""
    given = callee.args if isinstance(callee, ast.Call) else []
    return any(
        is_conv_class(each) or (getattr(each, "kind", "") == STRANGE and _has_conv(index, given))
        for each in callables(index, callee)
    )


def _has_conv(index: ClassIndex, given: list[ast.expr]) -> bool:
    return any(holds_conv(index, each) for each in given)


def is_conv_class(value: Value) -> bool:
    """Whether a value is a convolution class of torch, or of a project."""
    match value:
        case External(path=path):
            return conv_class(path) is not None or path.endswith("._ConvNd")
        case ClassValue(cls=cls):
            return any(conv_class(each) or each.endswith("._ConvNd") for each in cls.externals)
    return False


def is_other_class(value: ClassValue) -> bool:
    """Whether a class of the project is surely no convolution."""
    is_told = value.cls.is_known and not is_conv_class(value)
    return is_told and all(
        each.startswith(_NEUTRAL) or torch_api.is_module_class(each) for each in value.cls.externals
    )


def calls_of(index: ClassIndex, definition: ast.AST) -> Iterable[ast.Call]:
    """The calls in a source that may run a class or a function of it."""
    return _calls(index).get(definition, ())


@kept
def _calls(index: ClassIndex) -> Mapping[ast.AST, dict[ast.Call, None]]:
    found: dict[ast.AST, dict[ast.Call, None]] = {}
    for node in index.source.nodes:
        if isinstance(node, ast.Call):
            for definition in run_by(index, node):
                found.setdefault(definition, {})[node] = None
    return found


def run_by(index: ClassIndex, call: ast.Call) -> Iterator[ast.AST]:
    """What a call may run of the source; where facts have never met it, what its text says."""
    if not facts_of_source(index).values(call.func):
        named = meaning(index.source, call.func).node
        yield from [named] if named is not None else []
    for value in callables(index, call.func):
        match value:
            case ClassValue(cls=cls):
                yield cls.node
            case Function(node=code) | Bound(function=Function(node=code)):
                yield code


def escapes(index: ClassIndex, definition: ast.AST) -> Iterator[ast.AST]:
    """Where a class or a function of a source goes to where its calls are not seen."""
    facts = facts_of_source(index)
    for value in facts.heap.used():
        of = value.cls if isinstance(value, ClassValue) else value
        if isinstance(value, (ClassValue, Function)) and getattr(of, "node", None) is definition:
            for use in facts.uses(value):
                if use.kind == "escape" and not _is_seen(index, value, use.node):
                    yield use.node


def _is_seen(index: ClassIndex, value: Value, call: ast.AST) -> bool:
    """Whether a value is no argument of a call, or one of what the source defines."""
    if not isinstance(call, ast.Call):
        return False
    if any(isinstance(each, (ClassValue, Function)) for each in callables(index, call.func)):
        return True
    facts = facts_of_source(index)
    given = values_given(call)
    return not any(value in facts.with_items(facts.values(_unstarred(each))) for each in given)


def _unstarred(node: ast.expr) -> ast.expr:
    return node.value if isinstance(node, ast.Starred) else node


@kept
def speaks_of_classes(index: ClassIndex) -> bool:
    """Whether a source names a convolution class, and neither calls it nor asks for it."""
    source = index.source
    return any(
        isinstance(node, (ast.Name, ast.Attribute))
        and (node.id if isinstance(node, ast.Name) else node.attr) in CONV_CLASSES
        and not _is_called_or_asked_for(source, node)
        for node in source.nodes
    )


def _is_called_or_asked_for(source: Source, node: ast.expr) -> bool:
    parent = source.parent(node)
    if isinstance(parent, ast.Tuple):
        parent = source.parent(parent)
    if isinstance(parent, ast.Call):
        return parent.func is node or getattr(parent.func, "id", "") in ("isinstance", "issubclass")
    return isinstance(parent, (ast.Compare, ast.AnnAssign, ast.arg, ast.ClassDef))
