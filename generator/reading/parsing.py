"""A text as Python takes it, or what is wrong with it."""

from __future__ import annotations

import ast
import re
import warnings
from types import CodeType

from ..outcome import SourceError

LINE_END = re.compile(r"\r\n|\r|\n")
"""What ends a line for Python; ``str.splitlines`` knows more."""


def parse(text: str) -> ast.Module:
    """Parse a text.

    Raises:
        SourceError: it is not Python, as ``ast`` says it.
        RecursionError: it is nested too deeply.
        MemoryError: likewise, or it is too large.
    """
    if "\0" in text:  # of which Python does not say where it is
        before = LINE_END.split(text[: text.index("\0")])
        line, column = len(before), len(before[-1]) + 1
        raise SourceError("it has a null byte", line, column, LINE_END.split(text)[line - 1])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes are not for us to point out
            return ast.parse(text)
    except SyntaxError as error:
        raise _source_error(text, error, error.offset or 0) from error
    except ValueError as error:  # a lone surrogate
        raise SourceError(str(error)) from error


def check(text: str, tree: ast.Module) -> None:
    """See that Python takes what it has parsed: it finds some errors only when it compiles.

    Such are a ``return`` outside of a function and an argument that is there twice.

    Raises:
        SourceError: it does not.
        RecursionError: it is nested too deeply.
        MemoryError: likewise, or it is too large.
    """
    try:
        compiled(tree)
    except SyntaxError as error:
        shown = _shown_line(text, error.lineno or 0)
        before = shown.encode()[: max((error.offset or 0) - 1, 0)]  # which is counted in bytes here
        raise _source_error(text, error, len(before.decode(errors="ignore")) + 1) from error
    except ValueError as error:
        raise SourceError(str(error)) from error


def compiled(source: str | ast.Module) -> CodeType:
    """What Python compiles, with no word of what it would warn of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compile(source, "<source>", "exec", dont_inherit=True)


def _source_error(text: str, error: SyntaxError, column: int) -> SourceError:
    line, message = error.lineno or 0, error.msg.partition("\n")[0]
    return SourceError(message, line, max(column, 1), _shown_line(text, line))


def _shown_line(text: str, line: int) -> str:
    lines = LINE_END.split(text)
    return lines[line - 1] if 0 < line <= len(lines) else ""
