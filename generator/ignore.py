"""What ``.gitignore`` files and ``--exclude`` say of a path, as git has it."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from pathspec import GitIgnoreSpec

from .files import read_found

# Of each part of a pattern, the last first; None for **.
_Parts: TypeAlias = "tuple[GitIgnoreSpec | None, ...]"


class Patterns:
    """The lines of one file of patterns, which hold for what is below its directory.

    pathspec matches the single names. How a path is made of them is decided here: pathspec answers
    for a path as a whole, by what its directories match too, and so cannot tell a directory that is
    taken back in from the files in it that are not.

    Args:
        lines: in gitignore's syntax; faulty ones match nothing, as in git.
        depth: how many directories are above the one that the patterns belong to.
    """

    def __init__(self, lines: Iterable[str], depth: int = 0) -> None:
        self._patterns = [each for line in lines for each in _parsed(line)]
        self._depth = depth

    def verdict(self, names: Sequence[str], is_directory: bool) -> bool | None:
        """Whether the last pattern that matches a path takes it; None where none matches.

        Args:
            names: of the directories on the way to it, and its own.
            is_directory: and no link to one.
        """
        below = tuple(reversed(names[self._depth :]))
        for pattern in reversed(self._patterns):
            if pattern.only_directories and not is_directory:
                continue
            if _fits(pattern.parts, below):
                return not pattern.is_negated
        return None

    def covers(self, names: Sequence[str]) -> bool:
        """Whether a file, or a directory on the way to it, is taken.

        Args:
            names: of the directories on the way to it, and its own.
        """
        return any(
            self.verdict(names[: count + 1], count + 1 < len(names)) for count in range(len(names))
        )


def is_ignored(levels: Sequence[Patterns], names: Sequence[str], is_directory: bool) -> bool:
    """Whether a path is ignored: what is nearest to it decides.

    The directories on the way to it must have been asked for before.
    """
    verdicts = (level.verdict(names, is_directory) for level in reversed(levels))
    return next((each for each in verdicts if each is not None), False)


def ignore_file(directory: Path, depth: int) -> tuple[Patterns, ...]:
    """The patterns of the ``.gitignore`` of a directory, if it has one.

    A link is followed, which git does not do: whoever makes one means what it points to.

    Raises:
        FileError: it cannot be read, so that nobody knows what is ignored.
    """
    file = directory / ".gitignore"
    if not os.path.lexists(file):
        return ()
    data = read_found(str(file))
    lines = os.fsdecode(data.removeprefix(b"\xef\xbb\xbf")).split("\n")
    return (Patterns((line.removesuffix("\r") for line in lines), depth),)


def ignore_files_above(directory: Path) -> tuple[tuple[Patterns, ...], tuple[str, ...]]:
    """The ``.gitignore`` files from the root of the git repository to above a directory.

    Returns:
        Their patterns, the outermost first, and the names on the way from that root to the
        directory. There are none outside of a repository.

    Raises:
        FileError: one of them cannot be read.
    """
    above = [directory, *directory.parents]
    root = next((each for each in above if (each / ".git").exists()), directory)
    names = directory.relative_to(root).parts
    levels: tuple[Patterns, ...] = ()
    for depth in range(len(names)):
        levels += ignore_file(root.joinpath(*names[:depth]), depth)
    return levels, names


@dataclass(frozen=True)
class _Pattern:
    is_negated: bool
    only_directories: bool
    parts: _Parts


def _parsed(line: str) -> Iterable[_Pattern]:
    text = line.rstrip(" ")
    if text.endswith("\\") and text != line:
        text += " "  # an escaped one belongs to the name
    if text.startswith("#"):
        return
    is_negated = text.startswith("!")
    text = text.removeprefix("!")
    names = text.removesuffix("/").split("/")
    if len(names) == 1:
        names.insert(0, "**")  # holds at any depth
    elif not names[0]:
        del names[0]
    if names[-1] == "**":
        names.append("*")  # what is in a directory, not the directory
    try:
        parts = tuple(_part(name) for name in reversed(names))
    except (ValueError, re.error):
        return
    yield _Pattern(is_negated, text.endswith("/"), parts)


def _part(name: str) -> GitIgnoreSpec | None:
    # After a slash, nothing at the start of a name is special.
    if name == "**":
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what re thinks of [[]
        return GitIgnoreSpec.from_lines([f"/{name}"])


def _fits(parts: _Parts, names: tuple[str, ...]) -> bool:
    if not parts:
        return not names
    if parts[0] is None:
        return any(_fits(parts[1:], names[count:]) for count in range(len(names) + 1))
    return bool(names) and parts[0].match_file(names[0]) and _fits(parts[1:], names[1:])
