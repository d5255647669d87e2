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
class TextEdit:
    """Replace an expression by another that holds the text of parts of it as they stand.

    Attributes:
        node: the expression.
        part: the part of it, or itself.
        emit: makes the new text of the texts of the parts, in which other edits are made already.
        more: the other parts.
    """

    node: ast.expr
    part: ast.expr
    emit: Callable[..., str]
    more: tuple[ast.expr, ...] = ()


@dataclass(frozen=True)
class Naming:
    """Give a variable what a statement returns, for another statement to return."""

    statement: ast.Return
    name: str


@dataclass(frozen=True)
class Removal:
    """Take a statement on lines of its own away, but for a comment behind it.

    Attributes:
        statement: the statement.
        last: the last of several statements that go with all between them, and with the empty lines
            after them; None for the statement alone.
        with_comments: whether the comments directly above several go too.
    """

    statement: ast.stmt
    last: ast.stmt | None = None
    with_comments: bool = False


@dataclass(frozen=True)
class Insertion:
    """Put statements on lines of their own.

    Attributes:
        offset: where the line begins that they stand before.
        emit: makes the statements.
        blank_lines: how many empty lines follow them.
        blank_lines_above: how many stand before them, if there is anything.
        indent: of the statements; None for that of the line.
    """

    offset: int
    emit: Callable[[], str]
    blank_lines: int = 0
    blank_lines_above: int = 0
    indent: str | None = None


Edit: TypeAlias = CallEdit | StatementEdit | TextEdit | Naming | Removal | Insertion
