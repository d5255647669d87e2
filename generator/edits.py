"""What a rule asks the rewriter to change: plain data and the code to put in place."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Codes: TypeAlias = Sequence[str]
"""The code of a call's arguments in the order of the text, without names and stars; edits of what
they hold are made already."""


@dataclass(frozen=True)
class Replacement:
    """What is to stand in place of a call.

    Attributes:
        value: the expression.
        before: statements to stand before the call's own; empty for none.
        short: what to take instead where ``value`` would make a line too long, if there is such.
    """

    value: str
    before: str = ""
    short: Replacement | None = None


@dataclass(frozen=True)
class CallEdit:
    """Replace a call by another expression."""

    call: ast.Call
    emit: Callable[[Codes], Replacement]


@dataclass(frozen=True)
class StatementEdit:
    """Replace a statement that assigns the result of a call by other statements."""

    statement: ast.stmt
    call: ast.Call
    emit: Callable[[Codes], str]


@dataclass(frozen=True)
class Insertion:
    """Put a statement on a line of its own before another that begins its line."""

    before: ast.stmt
    code: str
    blank_lines: int = 0


Edit: TypeAlias = CallEdit | StatementEdit | Insertion
