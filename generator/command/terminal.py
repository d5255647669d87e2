"""What a run says, on a terminal: the places of each file in a table, in few colours.

It needs rich, and is plain text without, and where nobody looks: in a file, in a pipe, on a
terminal that says it is dumb. With NO_COLOR set it has columns and no colours.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from itertools import groupby
from typing import TYPE_CHECKING, Final, TextIO

from ..printable import printable
from .extras import is_installed
from .formats import Said, Text

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_WIDTH: Final = 80  # where nobody says how wide the terminal is
_STYLES: Final = {
    "split": "green",
    "to be split": "green",
    "rewritten": "green",
    "to be rewritten": "green",
    "may be split": "cyan",
    "not split": "bold red",
    "not rewritten": "yellow",
    "no form known": "yellow",
    "costs parameters": "yellow",
    "is a function call": "yellow",
    "warning": "yellow",
    "kept": "bright_black",
    "skipped": "bright_black",
}
_LEVELS: Final = {"error": "bold red", "warning": "yellow", "notice": ""}
_KINDS: Final = {
    **{"summary": "bold", "proof": "green"},
    **{"running": "bright_black", "skipped": "bright_black"},
}
_WIDEST_NAME: Final = 34


def is_terminal(stream: TextIO | None) -> bool:
    """Whether somebody looks at a stream, who can see more than lines of text."""
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


def in_colour(stream: TextIO | None) -> bool:
    """Whether that is to be in colours."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


def voice(stream: TextIO | None, lists: bool) -> Text:
    """What says it as text: in tables, where there is rich to make them."""
    return (Terminal if is_installed("rich") else Text)(stream, lists)


class Terminal(Text):
    """Says what is found in a file as a table, and all else in lines, on a terminal."""

    def _text(self, messages: Sequence[Said], stream: TextIO | None) -> str:
        if stream is None or not is_terminal(stream):
            return super()._text(messages, stream)
        console = _console(stream)
        for path, some in groupby(messages, key=lambda each: each.path if each.columns else None):
            for each in self._tables(path, [*some]) if path else map(self._line, some):
                console.print(each, soft_wrap=path is None)
        assert isinstance(console.file, StringIO)
        return console.file.getvalue()

    def _tables(self, path: str, messages: Sequence[Said]) -> Iterator[RenderableType]:
        """What is found in a file, below its name."""
        from rich.table import Table
        from rich.text import Text as Styled

        yield Styled(printable(path), "bold")
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(justify="right", style="bright_black", no_wrap=True, min_width=7)
        table.add_column(no_wrap=True)
        table.add_column(max_width=_WIDEST_NAME, overflow="fold")
        table.add_column(overflow="fold")
        for each in messages:
            status, name, rest = map(printable, each.columns)
            place = ":".join(str(number) for number in (each.line, each.column) if number)
            style = _STYLES.get(status, "")
            table.add_row(place, Styled(status, style), Styled(name), Styled(rest))
        yield table

    def _line(self, said: Said) -> RenderableType:
        """Another message, with the line of the source that it is about."""
        from rich.text import Text as Styled

        first, *more = self._lines(said)
        style = _LEVELS[said.level] or _KINDS.get(said.kind, "")
        if (style == "green" and said.data is None) or (said.kind == "summary" and not said.path):
            style = ""  # what there is to know besides
        return Styled("\n").join([Styled(first, style), *map(Styled, more)])


def _console(stream: TextIO) -> Console:
    """What writes for a stream as wide as it is, into a text."""
    from rich.console import Console

    try:
        width = os.get_terminal_size(stream.fileno()).columns or _WIDTH
    except (OSError, ValueError):
        width = _WIDTH
    return Console(
        file=StringIO(),
        force_terminal=True,
        color_system="auto" if in_colour(stream) else None,
        width=width,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Show on a terminal that something goes on, and for how long, where there is rich to do it."""
    if not in_colour(sys.stderr) or not is_installed("rich"):
        yield
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(style="cyan"), TextColumn("{task.description}", markup=False)
    console = Console(file=sys.stderr, highlight=False)
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as shown:
        shown.add_task(what, total=None)
        yield
