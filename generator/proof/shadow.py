"""A directory in which a result is as it is to be written, beside links to all that stays.

It has the paths of the files from the root of all, and only those that matter: the directories of
what is written, and the packages that they are in. So a package is imported as a whole from there,
and what is in none of these from where it is.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

Contents = Mapping[Path, bytes | Path]
"""By absolute paths what is to be there: a text, or what another file has."""


def lay_out(shadow: Path, contents: Contents) -> None:
    """Make it.

    Raises:
        OSError: it cannot be made.
    """
    directories = {each.parent for each in contents}
    for path, content in contents.items():
        place = within(shadow, path)
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            place.write_bytes(content)
        else:
            _link(place, content)
    for directory in {above for each in directories for above in (each, *each.parents)}:
        if directory in directories or any(_is_package(each, contents) for each in _up(directory)):
            for name in _names(directory):
                place = within(shadow, directory / name)
                if not os.path.lexists(place):
                    _link(place, directory / name)


def within(shadow: Path, path: Path) -> Path:
    """Where an absolute path is there."""
    return shadow / path.relative_to(path.anchor)


def _up(directory: Path) -> Iterator[Path]:
    yield directory
    yield from directory.parents


def _is_package(directory: Path, contents: Contents) -> bool:
    start = directory / "__init__.py"
    return start in contents or start.is_file()


def _names(directory: Path) -> list[str]:
    try:
        return [each for each in os.listdir(directory) if each != "__pycache__"]  # noqa: PTH208
    except OSError:
        return []  # it is still to be made


def _link(place: Path, target: Path) -> None:
    try:
        place.symlink_to(target)
    except OSError:  # Windows may not let everybody
        if target.is_dir():
            shutil.copytree(target, place)
        else:
            shutil.copy2(target, place)
