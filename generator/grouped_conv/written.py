"""What is written out, in explicit or loop style: an attribute, and the norm after it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ..outcome import WrittenStyle
from ..reading.naming import mangled
from ..reading.source import Source
from .classify import Candidate
from .norms.following import Following

NEEDED: Final = ("torch.cat", "torch.nn.ModuleList")
"""What is written of torch besides the author's own."""


@dataclass(frozen=True)
class WrittenNorm:
    """The norm after a grouped convolution, which is written out with it.

    Attributes:
        attribute: its attribute.
        statement: where that is assigned.
        target: what the statement assigns to.
        call: what it assigns.
        names: the attribute of each group's norm; empty in loop style.
        following: how it is applied, by the call of the convolution.
    """

    attribute: str
    statement: ast.Assign | ast.AnnAssign
    target: ast.Attribute
    call: ast.Call
    names: tuple[str, ...]
    following: Mapping[ast.Call, Following]


@dataclass(frozen=True)
class Written:
    """An attribute that holds a grouped convolution, and how it is written out.

    Attributes:
        candidate: where it is built.
        calls: all calls of it.
        style: how it is written.
        names: the attribute of each group's convolution; empty in loop style, where the attribute
            becomes a list of them.
        norm: the norm after it, if that is written out as well.
        note: why it is not, if there is a reason.
        imports: the modules that the source has to import for it.
    """

    candidate: Candidate
    calls: tuple[ast.Call, ...]
    style: WrittenStyle
    names: tuple[str, ...]
    norm: WrittenNorm | None = None
    note: str = ""
    imports: tuple[str, ...] = ()

    @property
    def attribute(self) -> str:
        """Its name."""
        return self.candidate.attribute

    @property
    def stem(self) -> str:
        """What the local variables for it are named after."""
        return self.attribute.strip("_") or "conv"

    @property
    def paths(self) -> tuple[str, ...]:
        """The attribute path of each group's convolution below the owner."""
        name = mangled(self.candidate.owner, self.attribute)
        return self.names or tuple(f"{name}.{i}" for i in range(self.candidate.groups))

    def statements(self, source: Source) -> Iterator[ast.stmt]:
        """The statements that change."""
        yield self.candidate.statement
        yield from map(source.statement, self.calls)
        if self.norm is not None:
            yield self.norm.statement
            yield from (source.statement(each.norm) for each in self.norm.following.values())


def input_of(call: ast.Call) -> ast.expr | None:
    """What a convolution is applied to; None where it is called with more than that."""
    match call:
        case ast.Call(args=[given], keywords=[]) if not isinstance(given, ast.Starred):
            return given
        case ast.Call(args=[], keywords=[ast.keyword(arg="input", value=given)]):
            return given
    return None
