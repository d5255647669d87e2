"""Where a statement stores what it builds, so that a line behind it can split that.

self.block = nn.Sequential(    self.block = nn.Sequential(
    nn.Conv2d(                     nn.Conv2d(
        ...                            ...
    ),                             ),
    nn.ReLU(),                     nn.ReLU(),
)                              )
                               self.block[0] = split_conv(self.block[0])
"""

from __future__ import annotations

import ast
from typing import Final

from ...facts.values import ANYTHING, Object
from ...reading.calls import is_plain
from ...reading.classes import ClassIndex
from ...reading.containers import container
from ...reading.names import meaning
from ..source_facts import facts_of_source

_KEEPING: Final = ("builtins.list", "builtins.dict", "Sequential", "ModuleList", "ModuleDict")
_ADDING: Final = frozenset(("add_module", "register_module"))
_UNUSUAL: Final = frozenset(("__new__", "__setattr__", "__getattribute__", *_ADDING))
"""The methods by which an attribute may be something else than it was given."""


def stored_as(index: ClassIndex, node: ast.expr) -> str | None:
    """The code that is what an expression has given, once its statement is done."""
    parent = index.source.parent(node)
    match parent:
        case ast.Assign(targets=[target], value=value) if value is node:
            return _read_again(index, target)
        case ast.AnnAssign(target=target, value=value) if value is node:
            return _read_again(index, target)
        case ast.Call(
            func=ast.Attribute(value=(ast.Name() | ast.Attribute()) as held, attr=method),
            args=[ast.Constant(value=str(name)), given],
            keywords=[],
        ) if method in _ADDING and given is node:
            if not isinstance(index.source.parent(parent), ast.Expr):
                return None
            is_told = _is_usual(index, held, name) or _keeps_all(index, held)
            return f"{ast.unparse(held)}.{name}" if is_told and name.isidentifier() else None
        case ast.Call() | ast.List() | ast.Dict():
            place = _place(index, parent, node)
            whole = parent if isinstance(parent, ast.Call) else index.source.parent(parent)
            around = stored_as(index, whole) if place and isinstance(whole, ast.Call) else None
            return f"{around}[{place}]" if around is not None else None
    return None


def _read_again(index: ClassIndex, target: ast.expr) -> str | None:
    """The code of a target, where that gives what has just been assigned to it."""
    match target:
        case ast.Name():
            return target.id
        case ast.Attribute(value=ast.Name(id=name) as instance, attr=attr):
            return f"{name}.{attr}" if _is_usual(index, instance, attr) else None
        case ast.Subscript(value=held, slice=key) if is_plain(key) and _keeps_all(index, held):
            return ast.unparse(target)
    return None


def _is_usual(index: ClassIndex, instance: ast.expr, attribute: str) -> bool:
    """Whether an object is a self whose attribute is what it has been given."""
    owner = index.self_class(instance)
    return owner is not None and not any(
        {attribute, *_UNUSUAL} & each.scope.bindings.keys()
        for each in index.classes[owner].relatives()
    )


def _keeps_all(index: ClassIndex, held: ast.expr) -> bool:
    """Whether a list or a dict, of Python or of torch, is all that an expression is known to be."""
    values = facts_of_source(index).values(held) - ANYTHING  # which [None] * n adds
    return bool(values) and all(
        isinstance(each, Object) and each.kind.endswith(_KEEPING) for each in values
    )


def _place(index: ClassIndex, parent: ast.expr, node: ast.expr) -> str | None:
    """Where an nn.Sequential, an nn.ModuleList or an nn.ModuleDict has what it is built with."""
    call = index.source.parent(parent)
    before: list[ast.expr] = []
    match parent, call:
        case ast.Call(args=args), _ if node in args:
            kind, before = container(meaning(index.source, parent.func).path), args
            is_told = kind == "Sequential"
        case ((ast.List() | ast.Dict()), ast.Call(args=[given], keywords=[])) if given is parent:
            kind = container(meaning(index.source, call.func).path)
            if isinstance(parent, ast.Dict):
                key = parent.keys[parent.values.index(node)] if node in parent.values else None
                is_named = kind == "ModuleDict" and isinstance(key, ast.Constant)
                return ast.unparse(key) if is_named and key is not None else None
            is_told, before = kind == "ModuleList", parent.elts
        case _:
            return None
    before = before[: before.index(node)]
    is_told = is_told and not any(isinstance(each, ast.Starred) for each in before)
    return str(len(before)) if is_told else None
