"""What changes in a file, as ``diff -u`` shows it and ``patch`` takes it."""

from __future__ import annotations

from collections.abc import Iterator

_NO_LINE_END = b"\\ No newline at end of file"
_COLOURS = {b"---": b"1", b"+++": b"1", b"@@": b"36", b"+": b"32", b"-": b"31"}


def difference(before: bytes | None, after: bytes, name: str) -> bytes:
    """A unified diff of two versions of a file, in bytes as they are.

    Args:
        before: what there is; None for nothing.
        after: what there would be.
        name: of the file.
    """
    from difflib import diff_bytes, unified_diff  # slow to import

    named = _quoted(name)
    lines = diff_bytes(
        unified_diff,
        _lines(before or b""),
        _lines(after),
        b"/dev/null" if before is None else named,
        named,
    )
    return b"".join(_ended(lines))


def _quoted(name: str) -> bytes:
    """A name as git writes it, so that it is read as a whole and can be printed."""
    characters = [_character(each) for each in name]
    if any(each.startswith(b"\\") for each in characters):
        return b'"%s"' % b"".join(characters)
    return b"".join(characters) + (b"\t" if " " in name else b"")


def _character(each: str) -> bytes:
    data = each.encode(errors="surrogateescape")
    is_plain = each.isprintable() and each not in '"\\'
    return data if is_plain else b"".join(b"\\%03o" % byte for byte in data)


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
