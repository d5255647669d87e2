"""A directory of sources: what is in it, and what is to become of each path."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal, TypeAlias

from ..files import FileError, UsageError, reason_of
from ..ignore import Patterns, ignore_file, ignore_files_above, is_ignored
from ..temporaries import is_temporary

Kind: TypeAlias = Literal[
    "directory",
    "source",
    "excluded",
    "file",
    "link",
    "special",
    "ignored",
    "unreadable",
    "left behind",
    "helper",
]
_NEVER = {"__pycache__", ".git", ".hg", ".svn", ".tox", ".nox"}
_NEVER |= {".mypy_cache", ".pytest_cache", ".ruff_cache"}


@dataclass(frozen=True)
class Entry:
    """One path of a tree.

    Attributes:
        kind: ``"source"`` is a file to split, ``"excluded"`` one that is not to be, ``"file"`` any
            other; ``"special"`` is what cannot be dealt with, ``"left behind"`` what is of a run of
            gencode that may have been killed, ``"helper"`` a module that gencode has written.
        path: where it is, as the user would type it.
        place: where it belongs in the mirrored tree.
        detail: of a link, what it is to point to; of what is special or unreadable, why.
    """

    kind: Kind
    path: Path
    place: PurePath
    detail: str = ""


@dataclass(frozen=True)
class _Found:
    path: Path
    place: PurePath
    levels: tuple[Patterns, ...]


class Tree:
    """The paths below a directory.

    A link to what is in the tree is a link in the mirrored tree too. Any other is followed, the
    first time that its target is met; from then on the target counts as part of the tree. Where
    there is no output no link is followed.

    Args:
        root: the directory.
        output: the directory to mirror it in, which is no part of it; None to change it itself.
        is_excluded: tells of the path of a source whether it is not to be split.
        outputs: what else is written in the same run, which is no part of the tree either.

    Raises:
        UsageError: it cannot be mirrored there.
        FileError: a ``.gitignore`` above it cannot be read.
    """

    def __init__(
        self,
        root: Path,
        output: Path | None,
        is_excluded: Callable[[str], bool],
        outputs: Iterable[str] = (),
    ) -> None:
        self.root = root
        self.output = output
        self._is_excluded = is_excluded
        self._outputs = [Path(os.path.realpath(each)) for each in outputs]
        real = Path(os.path.realpath(root))
        if output is not None:
            self._outputs.append(_real_output(output, real))
        self._levels, self._above = ignore_files_above(real)
        self._places: dict[Path, PurePath] = {real: PurePath()}

    def entries(self) -> Iterator[Entry]:
        """All paths, in order, a directory before what is in it; the first is the root's."""
        waiting = [_Found(self.root, PurePath(), self._levels)]
        while waiting:
            found = waiting.pop()
            try:
                entry = self._entry(found)
                is_directory = entry is not None and entry.kind == "directory"
                inside = self._inside(found) if is_directory else []
            except FileError as error:  # its .gitignore
                entry, inside = Entry("unreadable", Path(error.path), found.place, str(error)), []
            except OSError as error:
                entry, inside = _unreadable(found, error), []
            if entry is not None:
                yield entry
            waiting += reversed(inside)

    def _inside(self, directory: _Found) -> list[_Found]:
        depth = len(self._above) + len(directory.place.parts)
        levels = directory.levels + ignore_file(directory.path, depth)
        return [
            _Found(path, directory.place / path.name, levels)
            for path in sorted(directory.path.iterdir())
        ]

    def _entry(self, found: _Found) -> Entry | None:
        """What a path is; None of what is of no interest to anybody."""
        path, place = found.path, found.place
        if not place.parts:
            return Entry("directory", path, place)
        is_link = path.is_symlink()
        names = (*self._above, *place.parts)
        if path.name in _NEVER or path.name.endswith(".pyc"):
            return None
        if is_temporary(path.name):
            return Entry("left behind", path, place)
        if is_ignored(found.levels, names, path.is_dir() and not is_link):
            return Entry("ignored", path, place)
        if is_link and not path.exists():
            return Entry("link", path, place, str(path.readlink()))
        real = path.resolve()
        if is_link and self.output is None:
            return self._link_in_place(found, real)
        if (path / "pyvenv.cfg").exists():
            return None
        if any(map(real.is_relative_to, self._outputs)):
            return None
        first = self._first_place(real)
        if first is None:
            self._places[real] = place
        elif first != place:
            return Entry("link", path, place, os.path.relpath(first, place.parent))
        kind = self._kind(path)
        detail = "it is neither a file nor a directory" if kind == "special" else ""
        return Entry(kind, path, place, detail)

    def _link_in_place(self, found: _Found, real: Path) -> Entry:
        """A link that is not followed: what it points to is split by itself, or is not to be."""
        is_outside = not real.is_relative_to(os.path.realpath(self.root))
        if is_outside and self._kind(found.path) in ("directory", "source"):
            detail = "it is a link to what is outside of the directory"
            return Entry("special", found.path, found.place, detail)
        return Entry("link", found.path, found.place)

    def _first_place(self, real: Path) -> PurePath | None:
        """Where a path is in the tree, if it has been met there or is below what has been."""
        for each in (real, *real.parents):
            if each in self._places:
                return self._places[each] / real.relative_to(each)
        return None

    def _kind(self, path: Path) -> Kind:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return "directory"
        if not stat.S_ISREG(mode):
            return "special"
        if not path.name.endswith(".py"):
            return "file"
        return "excluded" if self._is_excluded(str(path)) else "source"


def _real_output(output: Path, root: Path) -> Path:
    real = Path(os.path.realpath(output))
    if os.path.lexists(output) and not output.is_dir():
        raise UsageError(f"{output} is not a directory")
    if root.is_relative_to(real):
        what = "is" if root == real else "holds"
        raise UsageError(f"{output} {what} the directory that is read: name another with -o")
    return real


def _unreadable(found: _Found, error: OSError) -> Entry:
    return Entry("unreadable", found.path, found.place, f"cannot be read: {reason_of(error)}")
