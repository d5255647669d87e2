"""Python in colours: which piece of a line is a keyword, a string, a comment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from pygments.lexers.python import PythonLexer
from pygments.token import Token, _TokenType


class Piece(NamedTuple):
    """A part of a line that looks the same.

    Attributes:
        kind: the class of it in the style sheet; empty for plain text.
        text: with nothing in it that cannot be printed but tabs.
        is_marked: whether it is what differs in the line.
    """

    kind: str
    text: str
    is_marked: bool = False


_KINDS: Final = (
    (Token.Comment, "c"),
    (Token.Literal.String.Doc, "c"),
    (Token.Literal.String, "s"),
    (Token.Literal.Number, "m"),
    (Token.Keyword, "k"),
    (Token.Operator.Word, "k"),
    (Token.Name.Function, "f"),
    (Token.Name.Class, "f"),
    (Token.Name.Decorator, "d"),
    (Token.Name.Builtin, "b"),
)


def lines_of(text: str) -> list[str]:
    """The lines of a text, whatever they end with."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]


def highlighted(lines: Sequence[str]) -> list[list[Piece]]:
    """The pieces of each line of a source."""
    found: list[list[Piece]] = [[]]
    lexer = PythonLexer(stripnl=False, ensurenl=False)
    for token, value in lexer.get_tokens("\n".join(lines)):
        for number, part in enumerate(value.split("\n")):
            if number:
                found.append([])
            if part:
                found[-1].append(Piece(_kind(token), part))
    return found


def visible(text: str) -> str:
    """A text in which nothing hides, such as what turns the direction of writing."""
    return "".join(
        each if each.isprintable() or each == "\t" else ascii(each)[1:-1] for each in text
    )


def _kind(token: _TokenType) -> str:
    return next((kind for above, kind in _KINDS if token in above), "")
