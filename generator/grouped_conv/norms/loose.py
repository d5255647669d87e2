"""Say why a norm that takes the output of a convolution is to stay after the concatenation."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from typing import Final

from ...reading.source import Source
from ..reads import reads_after
from ..refusal import Refusal, line_of

IsNorm = Callable[[ast.expr], bool]
_LIKE_A_NORM: Final = re.compile(r"norm|bn", re.IGNORECASE)


def find_loose_norm(source: Source, call: ast.Call, is_norm: IsNorm) -> Refusal | None:
    """Why the norm after a call is none that a convolution has to itself, if there is one."""
    parent = source.parent(call)
    if isinstance(parent, ast.Call) and call in parent.args and is_norm(parent.func):
        return _stays(source, parent, _why(parent.func))
    match parent:
        case ast.Assign(targets=[ast.Name(id=name)]):
            reads = reads_after(source, parent, name) or []
        case _:
            return None
    for norm in _applied(source, reads, is_norm):
        if len(reads) > 1:
            return _stays(source, norm, "what it takes has another use too")
        return _stays(source, norm, "it does not follow directly")
    return None


def seems_a_norm(source: Source, function: ast.expr) -> bool:
    """Whether something that is called has the name of a norm."""
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
