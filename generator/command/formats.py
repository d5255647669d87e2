"""The formats in which a run is reported: text for a person, and two for programs.

``--format json`` gives one document, once the run is over: on standard output, or on standard
error where the code or a diff is printed. Its members stay as they are as long as ``version`` is
1; there may come new ones::

    {
      "version": 1,
      "status": 3,                      the exit status
      "files": {"split/net.py": "written"},
      "counts": {"split": 2, "left": 1, "written": 1},
      "messages": [
        {
          "kind": "record",
          "level": "warning",
          "path": "net.py", "line": 9, "column": 22,
          "message": "Net.conv not split: its weight is used directly (line 13)",
          "details": [],
          "data": {"status": "left", "name": "Net.conv", "size": null, ...}
        }
      ]
    }

What became of a file is ``written``, ``unchanged`` or ``copied``; ``withheld`` where it is not
proved; ``current``, ``stale`` or ``missing`` where it is only compared. ``kind`` is ``record`` (of
a convolution), ``finding`` (of another rule), ``warning``, ``failure``, ``file``, ``skipped``,
``key`` (of a checkpoint), ``running``, ``proof``, ``plinio`` or ``summary``; ``level`` is
``notice``, ``warning`` or ``error``. ``line`` and ``column`` count from 1, in characters, and are
null where there is no place. ``data`` has the fields of ``gencode.Record``, ``Finding`` or
``Warning``; of a proof (``gencode.proof.Proof``); of what a method of PLiNIO makes of a model
(``gencode.proof.trying.Tried``), or what else is in the way (``gencode.plinio_check.obstacle``);
or it is null.

``--format github`` gives the same lines as text, of which those that are warnings or errors are
annotations of a workflow.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Literal, Protocol, TextIO, TypeAlias

from ..printable import printable
from .progress import above_progress
from .stdout import write_to_stdout

VERSION = 1
_LONGEST_SHOWN = 200
FORMATS = ("text", "json", "github")
Kind: TypeAlias = Literal[
    "record",
    "finding",
    "warning",
    "failure",
    "file",
    "skipped",
    "key",
    "running",
    "proof",
    "plinio",
    "summary",
]
Level: TypeAlias = Literal["notice", "warning", "error"]


@dataclass(frozen=True)
class Said:
    """One message.

    Attributes:
        kind: what it is about.
        message: in one line.
        path: of the file that it is about; empty for none.
        line: in it, from 1; 0 for no place.
        column: likewise.
        level: how much it matters.
        details: more of it, each in a line.
        source: the line that it is about, and one that points into it, with nothing in them that
            does something to a terminal.
        data: what it is made of.
        columns: of one that is about a place in a source, the same in columns: what became of it,
            what it is called, and all else.
    """

    kind: Kind
    message: str
    path: str = ""
    line: int = 0
    column: int = 0
    level: Level = "notice"
    details: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    data: object = None
    columns: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """It in one line, with its place."""
        place = [str(each) for each in (self.path, self.line, self.column) if each]
        said = f"warning: {self.message}" if self.kind == "warning" else self.message
        return f"{':'.join(place)}: {said}" if place else said


class Voice(Protocol):
    """Says what a run has to say."""

    def say(self, *messages: Said) -> None:
        """Say some messages, in their order."""

    def end(self, status: int, files: Mapping[str, str], counts: Mapping[str, int]) -> None:
        """Say how the run ended."""


class Text:
    """Says each message as it comes, in a line.

    Args:
        stream: where to; None where there is nobody to say it to.
        lists: whether what is found in sources goes to standard output.
    """

    def __init__(self, stream: TextIO | None, lists: bool) -> None:
        self._stream = stream
        self._lists = lists

    def say(self, *messages: Said) -> None:
        """Say some messages; what lists go to is one piece."""
        listed = [each for each in messages if self._lists and each.kind in ("record", "finding")]
        if listed:
            write_to_stdout(self._text(listed, sys.stdout).encode())
        self._write(self._text([each for each in messages if each not in listed], self._stream))

    def end(self, status: int, files: Mapping[str, str], counts: Mapping[str, int]) -> None:
        """All has been said."""

    def _text(self, messages: Sequence[Said], stream: TextIO | None) -> str:
        """What some messages are on a stream."""
        return "".join(f"{line}\n" for each in messages for line in self._lines(each))

    def _lines(self, said: Said) -> list[str]:
        details = (printable(f"    {each}") for each in said.details)
        return [printable(said.text), *details, *said.source]

    def _write(self, text: str) -> None:
        if self._stream is not None:
            # Where messages cannot be written, nobody is there to be told so.
            with suppress(OSError), above_progress():
                self._stream.write(text)
                self._stream.flush()


class Github(Text):
    """Says what matters so that GitHub shows it at its line."""

    def _lines(self, said: Said) -> list[str]:
        if said.level == "notice":
            return super()._lines(said)
        places = {"file": said.path, "line": said.line, "col": said.column}
        if said.path.startswith("<"):  # a stream
            places = {}
        named = ",".join(
            f"{name}={_escaped(str(each), ',:')}" for name, each in places.items() if each
        )
        message = _escaped("\n".join([said.message, *said.details]))
        return [f"::{said.level} {named}::{message}"]


class Json:
    """Collects what is said, and says it as one document.

    Args:
        stream: where to; None for standard output.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._messages: list[dict[str, object]] = []

    def say(self, *messages: Said) -> None:
        """Keep some messages."""
        self._messages += map(_as_json, messages)

    def end(self, status: int, files: Mapping[str, str], counts: Mapping[str, int]) -> None:
        """Say all."""
        document = {
            "version": VERSION,
            "status": int(status),
            "files": dict(files),
            "counts": {key: count for key, count in counts.items() if count},
            "messages": self._messages,
        }
        text = json.dumps(document, indent=2) + "\n"
        if self._stream is None:
            write_to_stdout(text.encode())
            return
        with suppress(OSError):
            self._stream.write(text)
            self._stream.flush()


def _as_json(said: Said) -> dict[str, object]:
    return {
        "kind": said.kind,
        "level": said.level,
        "path": said.path or None,
        "line": said.line or None,
        "column": said.column or None,
        "message": said.message,
        "details": list(said.details),
        "data": _plain(said.data),
    }


def _plain(value: object) -> object:
    """A value as JSON has it."""
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(each) for each in value]
    return value


def pointed(source_line: str, column: int) -> tuple[str, ...]:
    """A line of a source, and where in it; nothing of one that is long."""
    line = "".join(
        each if each.isprintable() or each == "\t" else "?" for each in source_line.rstrip()
    )
    if not line or len(line) > _LONGEST_SHOWN:
        return ()
    margin = "".join(each if each.isspace() else " " for each in line[: max(column - 1, 0)])
    return f"    {line}", f"    {margin}^"


def _escaped(text: str, more: str = "") -> str:
    """A text in a command of a workflow, which ends with its line."""
    for each in ("%", "\r", "\n", *more):
        text = text.replace(each, f"%{ord(each):02X}")
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
