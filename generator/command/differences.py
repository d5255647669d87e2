"""What changes in a file, as ``diff -u`` shows it and ``patch`` takes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import diff_bytes, unified_diff

_NO_LINE_END = b"\\ No newline at end of file"
_ODD_IN_NAMES = re.compile(rb'[\x00-\x1f"\\\x7f]')
_COLOURS = {b"---": b"1", b"+++": b"1", b"@@": b"36", b"+": b"32", b"-": b"31"}


def difference(before: bytes | None, after: bytes, name: str) -> bytes:
    """A unified diff of two versions of a file, in bytes as they are.

    Args:
        before: what there is; None for nothing.
        after: what there would be.
        name: of the file.
    """
    named = _quoted(name.encode("utf-8", "surrogateescape"))
    lines = diff_bytes(
        unified_diff,
        _lines(before or b""),
        _lines(after),
        b"/dev/null" if before is None else named,
        named,
    )
    return b"".join(_ended(lines))


def _quoted(name: bytes) -> bytes:
    """A name as git writes it, so that it is read as a whole."""
    if not _ODD_IN_NAMES.search(name):
        return name + (b"\t" if b" " in name else b"")
    return b'"%s"' % _ODD_IN_NAMES.sub(lambda found: b"\\%03o" % found[0][0], name)


def coloured(diff: bytes) -> bytes:
    """A diff for a terminal."""
    return b"".join(map(_coloured, _lines(diff)))


def _lines(data: bytes) -> list[bytes]:
    lines = [line + b"\n" for line in data.split(b"\n")]
    return [*lines[:-1], *([lines[-1][:-1]] if lines[-1] != b"\n" else [])]


def _ended(lines: Iterator[bytes]) -> Iterator[bytes]:
    for line in lines:
        yield line
        if not line.endswith(b"\n"):
            yield b"\n" + _NO_LINE_END + b"\n"


def _coloured(line: bytes) -> bytes:
    for start, colour in _COLOURS.items():
        if line.startswith(start):
            text = line.rstrip(b"\r\n")
            return b"\x1b[" + colour + b"m" + text + b"\x1b[0m" + line[len(text) :]
    return line
