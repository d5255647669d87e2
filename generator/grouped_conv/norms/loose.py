"""Say why a norm that takes the output of a convolution is to stay after the concatenation."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from typing import Final

from ...reading.names import meaning
from ...reading.source import Source
from ...torch_api import NORM_FUNCTIONS, canonical
from ..reads import reads_after
from ..refusal import Refusal, line_of

IsNorm = Callable[[ast.expr], bool]
_STEPS: Final = 3
_BETWEEN: Final = re.compile(r"drop|pool|act|relu|identity", re.IGNORECASE)
_LIKE_A_NORM: Final = re.compile(r"norm|bn", re.IGNORECASE)


def find_loose_norm(source: Source, call: ast.Call, is_norm: IsNorm) -> Refusal | None:
    """Why the norm after a call is none that a convolution has to itself, if there is one."""
    found = _next_norm(source, call, is_norm)
    behind = _behind(source, call, is_norm, _STEPS) if found is None else iter(())
    for norm in behind:
        return _stays(source, norm, "it does not follow directly")
    return found


def _next_norm(source: Source, call: ast.Call, is_norm: IsNorm) -> Refusal | None:
    parent = _around(source, call)
    if isinstance(parent, ast.Call) and call in parent.args and is_norm(parent.func):
        return _stays(source, parent, _why(parent.func))
    match parent:
        case ast.Assign(targets=[ast.Name(id=name)]):
            reads = reads_after(source, parent, name) or []
        case _:
            return None
    for norm in _applied(source, reads, is_norm):
        if not all(each in norm.args or _is_replaced(source, each) for each in reads):
            return _stays(source, norm, "what it takes has another use too")
        return _stays(source, norm, "it does not follow directly")
    return None


def _is_replaced(source: Source, read: ast.Name) -> bool:
    """Whether a variable is given what is made of it, as in ``x = self.drop(x)``."""
    match source.parent(read), source.statement(read):
        case ast.Call() as call, ast.Assign(targets=[ast.Name(id=name)], value=value):
            return value is call and name == read.id
    return False


def _behind(source: Source, call: ast.Call, is_norm: IsNorm, steps: int) -> Iterator[ast.Call]:
    """The norms behind layers that keep the channels apart, such as dropout and pooling."""
    for each in _taking(source, call):
        if is_norm(each.func):
            yield each
        elif steps > 0 and _BETWEEN.search(source.code(each.func)):
            yield from _behind(source, each, is_norm, steps - 1)


def _taking(source: Source, call: ast.Call) -> Iterator[ast.Call]:
    """The calls that are given what a call gives."""
    parent = _around(source, call)
    given: list[ast.expr] = [call]
    match parent:
        case ast.Assign(targets=[ast.Name(id=name)]):
            given = [*(reads_after(source, parent, name) or [])]
    for each in given:
        taking = source.parent(each)
        if isinstance(taking, ast.Call) and each in taking.args:
            yield taking


def _around(source: Source, call: ast.Call) -> ast.AST:
    """What takes the value of a call, or of the choice that it is one of."""
    parent = source.parent(call)
    while isinstance(parent, ast.IfExp):
        parent = source.parent(parent)
    return parent


def seems_a_norm(source: Source, function: ast.expr) -> bool:
    """Whether something that is called has the name of a norm, or is one of torch."""
    path = meaning(source, function).path
    if path.startswith("torch."):
        return canonical(path) in NORM_FUNCTIONS
    return _LIKE_A_NORM.search(source.code(function)) is not None


def _why(norm: ast.expr) -> str:
    if isinstance(norm, ast.Call) and getattr(norm.func, "id", "") == "getattr":
        return "it is reached by a computed name"
    return "it is no attribute of self"


def _applied(source: Source, reads: list[ast.Name], is_norm: IsNorm) -> Iterator[ast.Call]:
    for each in reads:
        call = source.parent(each)
        if isinstance(call, ast.Call) and each in call.args and is_norm(call.func):
            yield call


def _stays(source: Source, norm: ast.Call, reason: str) -> Refusal:
    shown = source.shown(norm.func)
    return Refusal(f"{shown} stays after the concatenation: {reason} ({line_of(norm)})")
